"""Which model an agent is given: chosen once, written into the ledger, and kept for its step."""

from __future__ import annotations

from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import ChosenModel, Models


def choose_model(
    journal: Journal, models: Models, path: str, wanted: str | None, agent: str, *, tools: bool
) -> ChosenModel:
    """The model planned at `path`, else the one that is chosen now for `agent`. Raises `ModelError`."""
    planned = journal.recorded("plan", path)
    if planned is not None:
        return models.again(planned.data["model"], planned.data["server"])
    chosen = models.choose(wanted, journal.run.workflow, agent, tools=tools)
    journal.note("plan", path, {"model": chosen.name, "server": chosen.server, "rehearsal": chosen.rehearsal})
    return chosen
