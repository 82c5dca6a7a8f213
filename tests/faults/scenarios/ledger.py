"""F40: the ledger by itself, under everything that may be done to it in any order.

What is done is drawn by Hypothesis from CHAOS_SEED; see `tests/ledger_player.py`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from tests.faults.program import Program
from tests.faults.scenarios import fault
from tests.faults.scene import Scene

#: How many examples are drawn on the pair, each of so many steps.
_EXAMPLES, _STEPS = {"sqlite": 200, "postgres": 60}, 40
_LONGEST_S = 500.0


@fault("F40", "the ledger alone: claims, leases, outcomes, cancels, decisions, sweeps and the clock, in any order")
def any_order(scene: Scene) -> None:
    seed = os.environ.get("CHAOS_SEED") or "1"
    with ExitStack() as stack:
        if scene.ledger is None:
            url, examples = f"sqlite:///{scene.folder / 'states.db'}", _EXAMPLES["sqlite"]
        else:  # its clock stands still: no other process may look at it
            url, examples = stack.enter_context(scene.hall.postgres.database()), _EXAMPLES["postgres"]
        arguments = (url, seed, str(examples), str(_STEPS))
        log, environment = scene.folder / "states.log", scene.system.environment()
        program = Program.module("tests.faults.states", *arguments, log=log, environment=environment)
        stack.callback(program.kill)
        told = program.hear(_LONGEST_S)
    if "broken" in told:
        scene.say("I6", told["broken"])
        return
    scene.notes.append(f"seed {seed}: {told['examples']} examples of {_STEPS} steps, {told['runs']} runs")
