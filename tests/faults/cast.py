"""The people and processes of a story, all played by one process: client, worker, sweeper, clerk and reviewer."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kontora_worker.house import House
from kontora_worker.settings import InstanceSettings, ModelSettings, Settings
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.approvals import AlreadyDecided
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.run import AT_REST, Run
from kontora_workflows.ledger.runs import NotResumable
from kontora_workflows.scheduling import add_schedule
from kontora_workflows.starting import Start
from pydantic import SecretStr
from sqlalchemy import update

from tests.faults import fake_model
from tests.faults.diary import read_diary
from tests.faults.stories import Story

#: How long a run stays a process's without a heartbeat, in seconds.
LEASE_S = 0.3
#: No story takes longer, in seconds.
PATIENCE_S = 12.0
_PAUSE_S = 0.02
_DAY_MS = 86_400_000
#: How often a person lets a run that failed go on.
_PATIENCE = 3


class PostBox:
    """As much of a Celery app as the sender asks for. What is in it is lost with its process."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def send_task(self, _name: str, *, args: list[str], **_how: Any) -> None:
        self.ids += args


def settings(folder: Path, database_url: str, erp: str, model: str) -> Settings:
    """The settings of one process of the cast."""
    return Settings(
        home=folder,
        file=folder / "kontora.toml",
        database_url=SecretStr(database_url),
        workflows=folder / "workflows",
        connectors={"erp": InstanceSettings.model_validate({"kind": "fake-erp", "url": erp, "limit": 1})},
        models=dict.fromkeys(("default", "strong"), ModelSettings(url=model, name=fake_model.NAME)),
        lease_s=LEASE_S,
    )


class Cast:
    """Plays a story under a `reference` until its runs rest for good."""

    def __init__(self, story: Story, reference: str, house: House, erp_diary: Path) -> None:
        self._story, self._reference, self._house, self._erp_diary = story, reference, house, erp_diary
        self._post = PostBox()
        house.__dict__["celery"] = self._post
        self._workflow = story.workflow()
        house.sweeper.workflow_of = lambda _name: self._workflow
        self._root: str | None = None
        self._acted = False
        self._resumed = 0

    def play(self) -> bool:
        """Play to the end. False if it did not come in time."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._round():
                return True
        return False

    def _round(self) -> bool:
        """Let everybody act once; each is a process of its own, and outlives the errors that it would outlive."""
        self._acted = False
        self._alone(self._client)
        while self._post.ids:
            run_id = self._post.ids.pop(0)
            self._alone(lambda id_=run_id: self._house.engine.work(id_))  # type: ignore[misc]
            self._acted = True
        self._alone(self._people)
        if self._acted:
            return False
        if self._alone(self._rests):
            return True
        self._alone(self._time)
        self._alone(self._house.sweeper.sweep)
        if not self._post.ids:
            time.sleep(_PAUSE_S)
        return False

    def _alone(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except LedgerUnavailable:
            return None
        except Broken as broken:  # a defect that was ordered: Celery and the supervisor log it and go on
            return broken.args and None

    # --- the client ----------------------------------------------------------------------------------------------

    def _client(self) -> None:
        """Ask for the run, again under the same key if no answer came."""
        if self._root is not None:
            return
        if self._story.scheduled:
            self._scheduled()
            return
        start = Start("tester", "rest", {"reference": self._reference}, idempotency_key=self._reference)
        self._root = self._house.start_workflow(self._workflow, start)[0].id

    def _scheduled(self) -> None:
        ledger, given = self._house.ledger, {"reference": self._reference}
        schedule, _ = add_schedule(
            ledger, self._workflow, "0 3 * * *", "Europe/Berlin", given, origin="cli", principal="tester"
        )
        fired = ledger.schedules.last_runs(schedule.id)
        if not fired:
            self._set(
                tables.schedules, tables.schedules.c.id == schedule.id, next_at=ledger.database.now() - 2 * _DAY_MS
            )
        self._root = fired[0].id if fired else None

    # --- the people ----------------------------------------------------------------------------------------------

    def _people(self) -> None:
        if self._root is None:
            return
        if self._story.clerk in ("approves", "edits, then approves"):
            self._approve()
        if self._story.clerk == "cancels" and self._waits() and self._root_run().cancel_requested_at is None:
            self._acted = True
            self._house.ledger.runs.request_cancel(self._root, by="boss")
        for run in self._house.ledger.runs.family(self._root):
            if run.state == "needs_review":
                self._review(run)
            elif run.state == "failed" and self._resumed < _PATIENCE:
                self._resumed += 1
                self._house.ledger.runs.resume(run.id, by="boss")
                self._send(run.id)

    def _approve(self) -> None:
        for approval in self._house.ledger.approvals.page(state="pending")[0]:
            try:
                if self._story.clerk != "approves" and (approval.arguments or {})["text"] == "ink":
                    approval = self._house.edit_approval(approval.id, {"text": "blue ink"}, by="anna")
                self._house.ledger.approvals.decide(approval.id, "approved", by="boss", version=approval.version)
            except AlreadyDecided:
                continue
            self._send(approval.run_id)

    def _review(self, run: Run) -> None:
        """Look into the ERP itself, as the run's error asks for, and say what is there."""
        ledger = self._house.ledger
        unknown = [entry for entry in ledger.entries.of_run(run.id) if entry.kind == "tool.unknown"][-1]
        assert unknown.key is not None
        wanted = next(
            json.loads(text)["arguments"]["reference"]
            for entry in ledger.entries.of_run(run.id)
            if entry.kind == "tool.intended" and entry.key == unknown.key
            if (text := ledger.entries.payloads(run.id)[entry.seq])
        )
        found = [e for e in read_diary(self._erp_diary, wanted) if e["what"] == "booked" and e["reference"] == wanted]
        result = {name: found[0][name] for name in ("number", "reference", "text")} if found else None
        try:
            ledger.runs.settle(run.id, unknown.key, done=bool(found), result=result, by="boss")
        except NotResumable:
            return
        self._send(run.id)

    def _send(self, run_id: str) -> None:
        self._acted = True
        self._house.sender.send([run_id])

    # --- time and rest -------------------------------------------------------------------------------------------

    def _time(self) -> None:
        """Let pauses be over that a test cannot wait for."""
        runs, approvals = tables.runs.c, tables.approvals.c
        self._set(tables.runs, (runs.state == "queued") & (runs.due_at > tables.Now()), due_at=1)
        if self._story.clerk == "lets it expire":
            self._set(tables.approvals, approvals.state == "pending", expires_at=1)
        if self._story.clerk == "lets the deadline pass" and self._waits():
            self._set(tables.runs, runs.id == self._root, deadline_at=1)

    def _set(self, table: Any, where: Any, **values: Any) -> None:
        with self._house.ledger.database.write("test") as connection:
            connection.execute(update(table).where(where).values(**values))

    def _waits(self) -> bool:
        return self._root is not None and any(
            run.waiting_for == "approval" for run in self._house.ledger.runs.family(self._root)
        )

    def _root_run(self) -> Run:
        assert self._root is not None
        return self._house.ledger.runs.get(self._root)

    def _rests(self) -> bool:
        if self._root is None:
            return False
        return all(run.state in AT_REST for run in self._house.ledger.runs.family(self._root))


class Broken(RuntimeError):
    """A defect that a test has ordered."""


def order_faults(erp: str, reference: str, faults: tuple[dict[str, Any], ...]) -> None:
    """Let an ERP go wrong for one reference."""
    wanted = {"match": reference, "faults": [{**fault, "match": reference} for fault in faults]}
    request = urllib.request.Request(f"{erp}/faults", json.dumps(wanted).encode(), method="POST")
    urllib.request.urlopen(request, timeout=10).close()
