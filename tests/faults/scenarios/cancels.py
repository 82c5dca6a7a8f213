"""F36: runs that are cancelled at every step of their way, and in the middle of a call."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kontora_workflows.ledger.run import AT_REST

from tests.faults.connector import PATIENCE_S
from tests.faults.scenarios import fault
from tests.faults.scene import Scene
from tests.faults.stories import STORIES, Story

#: Where an `order` is when it is cancelled, in the order in which it comes there. In its last step it is all but done.
PLACES = (
    "run.claim.after",
    "call.before",
    "call.after",
    "approval.requested.after",
    "run.leave.after",
    "approval.used.after",
    "lookup.before",
    "lookup.after",
    "model.before",
    "model.after",
)
#: Where a run is that reads one thing after the other, while it reads the first one.
FIRST = ("call.before", "call.after", "tool.outcome.after")
_READS = "steps:\n" + "".join(
    f'  - {{id: read{n}, call: erp.stock, with: {{reference: "${{{{ inputs.reference }}}}/{n}"}}}}\n'
    for n in range(1, 6)
)
#: How long a process stays at such a place, in seconds: it hears of the cancel meanwhile.
_STAY_S = 0.7
#: How late the ERP may still be asked: a worker hears of a cancel four times per lease, and writes what it has meant.
_LATE_MS = 1500
#: How soon a run that was cancelled has ended, in seconds, besides a call that is under way.
_SOON_S = 3.0


@fault("F36", "cancelled at every step")
def at_every_step(scene: Scene) -> None:
    scene.allowed = {"stopped"}
    _cancel_at(scene, PLACES, "order")
    _judge(scene)


@fault("F36c", "cancelled while there is nothing to wait for")
def nothing_to_wait_for(scene: Scene) -> None:
    scene.allowed = {"stopped"}
    _add(scene, Story("reads", _READS))
    _cancel_at(scene, FIRST, "reads")
    _judge(scene)
    for reference in scene.jobs:
        read = [e for e in scene.witness().erp if e["what"] == "read" and e["reference"].startswith(f"{reference}/")]
        scene.must(len(read) <= 1, "I8", f"{reference} was cancelled at its first step, and has read {len(read)} times")
    scene.must(scene.seen("read", len(FIRST))(), "harness", "the runs have not come as far as they should")


def _cancel_at(scene: Scene, places: Sequence[str], job: str) -> None:
    """Let a run come to each of these places, and cancel it there."""
    scene.worker(**_armed(scene, places))
    for place in places:
        told = scene.folder / "marks" / f"told-{place}"
        told.touch()  # runs pass the other places, too
        (reference,) = scene.submit(1, job)
        scene.until(partial(_passed, scene, place), f"a run came to {place}", 20)
        _cancel(scene, reference)
        scene.rest()
        told.unlink()


@fault("F36b", "cancelled in the middle of a read, a write, an answer of the model, and a loop")
def in_the_middle(scene: Scene) -> None:
    scene.allowed = {"stopped"}
    _add(scene, replace(STORIES["fan"], name="loop"))
    scene.worker()
    scene.erp_fails({"do": "slow", "on": "read", "seconds": 2.0})
    (reading,) = scene.submit(1)
    scene.until(lambda: _faults(scene) == 1, "a read is under way")
    _cancel(scene, reading)
    for when in ("before", "after"):
        scene.erp_fails({"do": "slow", "when": when, "seconds": 1.5})
        (writing,) = scene.submit(1)
        scene.until(partial(_asked, scene, writing), "it writes")
        _cancel(scene, writing)
    scene.model_fails({"do": "slow", "seconds": 2.5})
    (asking,) = scene.submit(1)
    scene.until(lambda: scene.witness().model, "a model was asked")
    _cancel(scene, asking)
    scene.erp_fails({"do": "slow", "seconds": 1.5})
    (looping,) = scene.submit(1, "loop")
    scene.until(partial(_asked, scene, looping), "the loop writes")
    _cancel(scene, looping)
    scene.rest()
    scene.until(lambda: _family_rests(scene, looping), "the children of the loop have ended", 10)
    _judge(scene)


# --- means -----------------------------------------------------------------------------------------------------------


def _armed(scene: Scene, places: Sequence[str]) -> dict[str, str]:
    environment = scene.armed("", "sleep")
    stays = {"do": "sleep", "seconds": _STAY_S, "program": "celery_worker"}
    orders = [{"place": place, "told": f"told-{place}", **stays} for place in places]
    return {**environment, "FAULTS_ARM": json.dumps(orders)}


def _passed(scene: Scene, place: str) -> bool:
    times = scene.folder / "marks" / "times"
    return times.exists() and place in times.read_text(encoding="utf-8").split()


def _cancel(scene: Scene, reference: str) -> None:
    scene.system.house.ledger.runs.request_cancel(scene.system.run(reference).id, by="boss")


def _asked(scene: Scene, reference: str) -> list[dict[str, Any]]:
    """The writes of a run that reached the ERP."""
    return [e for e in scene.witness().erp if e["what"] == "asked" and e["reference"].startswith(f"{reference}/")]


def _faults(scene: Scene) -> int:
    return sum(event["what"] == "fault" for event in scene.witness().erp)


def _add(scene: Scene, story: Story) -> None:
    (scene.system.home / "workflows" / f"{story.name}.yaml").write_text(story.text(), encoding="utf-8")


def _family_rests(scene: Scene, reference: str) -> bool:
    family = scene.system.house.ledger.runs.family(scene.system.run(reference).id)
    return all(run.state in AT_REST for run in family)


def _judge(scene: Scene) -> None:
    """What was cancelled has ended as cancelled, soon, and the ERP heard nothing more of it."""
    for reference in scene.jobs:
        run = scene.system.run(reference)
        at, ended = run.cancel_requested_at or 0, run.finished_at or int(time.time() * 1000)
        scene.must(run.state == "cancelled", "I8", f"{reference} was cancelled and is {run.state}")
        scene.must(ended - at < 1000 * (_SOON_S + PATIENCE_S), "I8", f"{reference} ended {ended - at} ms later")
        late = [one for one in _asked(scene, reference) if one["at"] > at + _LATE_MS]
        scene.must(not late, "I8", f"{reference} was cancelled, and {len(late)} writes came later")
