"""An office of an older Kontora that leaves runs in every state, and dies: `python -m tests.older_office URL FOLDER`.

It prints the ids of the runs by what they are, and writes a checkpoint into the folder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from kontora_workflows import failpoints
from kontora_workflows.definition import SchedulePolicy
from kontora_workflows.firing import Firing
from kontora_workflows.ledger.checkpoint import write_checkpoint
from kontora_workflows.ledger.run import Run
from kontora_workflows.ledger.signing import signing_key
from kontora_workflows.loader import load_workflow
from kontora_workflows.scheduling import add_schedule

from tests.ledger_book import broken
from tests.office import Office, OneDoor, office
from tests.test_engine import EACH, HEAD, READING, WRITING

#: What happens once a minute.
MINUTELY = load_workflow(HEAD + "steps: [{id: people, call: book.people}]", source="minutely.yaml")
PAUSING = HEAD + "steps: [{id: pause, wait: 2s}, {id: after, call: book.people}]"
SHOUTING = HEAD + 'steps: [{id: shout, approval: {title: Shout, call: book.shout, with: {text: "fire"}}}]'


def furnish(here: Office) -> dict[str, Run]:
    """Runs in every state but that of an open write."""
    made = {"finished": here.work_until_rest(here.start(READING)), "queued": here.start(READING)}
    made["waiting for an approval"] = here.work_until_rest(here.start(WRITING))
    made["loop"] = here.work_until_rest(here.start(EACH))
    made["unknown write"] = agreed(here, SHOUTING)
    here.notebook.down = 1
    here.worker().work(made["unknown write"].id)
    made["waiting for a timer"] = here.work_until_rest(here.start(PAUSING))
    made["retry due"] = here.start(READING)
    here.notebook.down = 1
    here.worker().work(made["retry due"].id)
    made["claimed"] = here.start(READING)
    here.ledger.runs.claim(made["claimed"].id, "gone", 1)
    made["open write"] = agreed(here, WRITING)
    return made


def agreed(here: Office, text: str) -> Run:
    """A run whose write was agreed to, and is not made."""
    run = here.work_until_rest(here.start(text))
    asked = here.ledger.approvals.page(state="pending", root_id=run.id)[0][0]
    here.ledger.approvals.decide(asked.id, "approved", by="boss")
    return run


def fire(here: Office) -> None:
    """Let a schedule fire that is due."""
    policy = SchedulePolicy.model_validate({"overlap": "allow"})
    made, _ = add_schedule(here.ledger, MINUTELY, "* * * * *", "UTC", {}, policy, origin="cli", principal="tester")
    here.ledger.schedules.pause(made.id, by="tester")
    here.ledger.schedules.resume(made.id, next_at=here.ledger.database.now() // 60_000 * 60_000)
    Firing(here.ledger, OneDoor(here.notebook), lambda _: MINUTELY).fire()


def die_at(place: str) -> None:
    """Let this process die when it passes a place."""
    failpoints.arm(lambda name: os._exit(9) if name == place else None)


def main(url: str, folder: Path) -> None:
    """Furnish the ledger and die with a write under way."""
    with office(url) as here:
        made = furnish(here)
        fire(here)
        assert not broken(here.ledger)
        write_checkpoint(here.ledger.database, signing_key(folder), folder / "checkpoint.jsonl")
        document = {what: here.ledger.runs.get(run.id).state for what, run in made.items()}
        print(json.dumps({"ids": {what: run.id for what, run in made.items()}, "states": document}), flush=True)
        worker = here.worker("gone")
        worker.lease_ms = 400
        die_at("tool.outcome.before")
        worker.work(made["open write"].id)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
