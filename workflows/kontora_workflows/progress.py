"""How far a run is: its steps as they stand, the figures of its reports, the models that spoke."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from kontora_workflows.definition import Step, Workflow
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.run import AT_REST, Run
from kontora_workflows.reports.definition import Text

#: `stopped`: the run came to rest in the middle of it.
StepState = Literal["pending", "running", "stopped", "finished", "skipped"]


@dataclass(frozen=True)
class StepProgress:
    """One step of a run. Instants are in milliseconds since 1970 UTC."""

    id: str
    kind: str
    title: Text | None
    state: StepState
    started_at: int | None
    finished_at: int | None
    #: What an agent said, with `model`, `rehearsal` and `ungrounded`; else empty.
    said: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """A run in the eyes of a person. `figures` are the headline figures of its reports, as text."""

    steps: list[StepProgress]
    figures: list[dict[str, str]]
    outputs: dict[str, Any]
    models: list[dict[str, Any]]

    @property
    def rehearsal(self) -> bool:
        """Whether any agent was scripted, not a language model."""
        return any(model["rehearsal"] for model in self.models)


#: What is shown of an agent's answer, or a team's.
_SAID = (
    "agent",
    "text",
    "model",
    "rehearsal",
    "ungrounded",
    "ended",
    "turns",
    "tool_calls",
    "transcript",
    "escalated",
    "message",
)


def progress(ledger: Ledger, run: Run) -> Progress:
    """Read how far a run is."""
    entries = ledger.entries.of_run(run.id)
    last = {(entry.kind, entry.key): entry for entry in entries}
    payloads = ledger.entries.payloads(run.id, [e.seq for e in entries if e.kind == "step.finished"])
    steps: list[StepProgress] = []
    figures: list[dict[str, str]] = []
    workflow = Workflow.model_validate_json(ledger.runs.definition(run.definition_hash))
    for step in workflow.steps_below(run.parent_step):
        finished = last.get(("step.finished", step.id))
        result = _result(finished, payloads)
        figures += result.get("figures", []) if step.kind == "report" else []
        said = {name: result[name] for name in _SAID if name in result} if step.kind in ("agent", "team") else {}
        started = last.get(("step.started", step.id))
        steps.append(_step(step, started, finished, said, rests=run.state in AT_REST))
    return Progress(steps, figures, _outputs(ledger, run, entries), _models(ledger, run))


def _result(finished: Entry | None, payloads: dict[int, str | None]) -> dict[str, Any]:
    text = payloads.get(finished.seq) if finished else None
    result = json.loads(text)["result"] if text else None
    return result if isinstance(result, dict) else {}


def _step(
    step: Step, started: Entry | None, finished: Entry | None, said: dict[str, Any], *, rests: bool
) -> StepProgress:
    state: StepState = ("stopped" if rests else "running") if started else "pending"
    if finished:
        state = "skipped" if finished.data.get("skipped") else "finished"
    return StepProgress(
        id=step.id,
        kind=step.kind,
        title=step.title,
        state=state,
        started_at=started.at if started else None,
        finished_at=finished.at if finished else None,
        said=said,
    )


def _outputs(ledger: Ledger, run: Run, entries: list[Entry]) -> dict[str, Any]:
    """What a run that succeeded gave as a whole; empty if it was erased."""
    if run.state != "succeeded":
        return {}
    text = ledger.entries.payloads(run.id, [entries[-1].seq]).get(entries[-1].seq)
    outputs: dict[str, Any] = json.loads(text).get("outputs", {}) if text else {}
    return outputs


def _models(ledger: Ledger, run: Run) -> list[dict[str, Any]]:
    """The models that were chosen for the agents of a run and its children, each once."""
    found = {}
    for entry in ledger.entries.of_kind([one.id for one in ledger.runs.family(run.id)], "plan"):
        plan = entry.data
        found[plan["model"], plan["server"]] = {
            "name": plan["model"],
            "server": plan["server"],
            "rehearsal": plan["rehearsal"],
        }
    return list(found.values())
