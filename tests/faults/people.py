"""People who look after runs that stopped: they look into the ERP itself, say what is there, and let runs go on."""

from __future__ import annotations

import json
from collections.abc import Collection

from kontora_workflows.ledger.run import Run
from kontora_workflows.ledger.runs import NotResumable

from tests.faults.scene import Scene

#: How often a run that failed is let go on, and how long people wait for the others, in seconds.
_PATIENCE, _WAIT_S = 3, 120.0


def tidy_up(scene: Scene, cancelled: Collection[str]) -> int:
    """Let everything end well but what was cancelled, and take note of what does not.

    Returns how many runs stay failed because the ERP had refused the agent's write, and the scripted model, which knows
    nothing but its script, said that it was done: it is not believed, and says the same whenever it is asked again.
    """
    refuted = 0
    for _ in range(_PATIENCE):
        scene.rest(_WAIT_S)
        acted = [_looked_after(scene, run) for run in scene.system.runs()]
        if not any(acted):
            break
    scene.rest(_WAIT_S)
    for run in scene.system.runs():
        if run.state == "succeeded" or (run.idempotency_key in cancelled and run.state != "failed"):
            continue
        if _refuted(scene, run):
            refuted += 1
        else:
            scene.say("I1", f"{run.idempotency_key} is {run.state} in the end: {run.error}")
    return refuted


def _refuted(scene: Scene, run: Run) -> bool:
    """Whether a model said that it had booked, and nothing is booked."""
    code = run.error["code"] if run.error else ""
    return code == "model_unsuitable" and not scene.witness().booked()[f"{run.idempotency_key}/agent"]


def _looked_after(scene: Scene, run: Run) -> bool:
    """Whether there was something to do."""
    runs = scene.system.house.ledger.runs
    if run.state == "failed":
        runs.resume(run.id, by="boss")
    elif run.state == "needs_review":
        _settle(scene, run)
    else:
        return False
    scene.system.house.sender.send([run.id])
    return True


def _settle(scene: Scene, run: Run) -> None:
    """Say of every write of unknown outcome whether it is in the ERP."""
    ledger = scene.system.house.ledger
    entries, payloads = ledger.entries.of_run(run.id), ledger.entries.payloads(run.id)
    unknown = [entry for entry in entries if entry.kind == "tool.unknown"][-1]
    intent = [entry for entry in entries if entry.kind == "tool.intended" and entry.key == unknown.key][-1]
    reference = json.loads(payloads[intent.seq] or "{}")["arguments"]["reference"]
    found = [e for e in scene.witness().erp if e["what"] == "booked" and e["reference"] == reference]
    result = {name: found[0][name] for name in ("number", "reference", "text")} if found else None
    try:
        ledger.runs.settle(run.id, unknown.key or "", done=bool(found), result=result, by="boss")
    except NotResumable as error:
        scene.say("I4", f"{run.idempotency_key} waits for a person and takes no answer: {error}")
