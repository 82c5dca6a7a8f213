"""What must hold whatever breaks: the ledger is compared with what the foreign systems saw."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.run import AT_REST, ENDED, Run
from sqlalchemy import func, select

from tests.faults.adapter import Finding, Report
from tests.faults.witness import Witness

#: How far two clocks of one machine may differ when they round, in milliseconds.
_ROUNDING_MS = 3
#: Claims of one run that no story and no scenario should need.
MOST_CLAIMS = 40


class Inspection:
    """Checks the runs of one ledger against a witness. `lease_ms` bounds how late a worker hears of a cancel."""

    def __init__(self, ledger: Ledger, witness: Witness, *, lease_ms: float, at_rest: bool = True) -> None:
        self._ledger, self._witness, self._lease_ms, self._at_rest = ledger, witness, lease_ms, at_rest
        self.findings = Report()
        self._intents: dict[tuple[str, str], list[Entry]] = {}

    def of_runs(self, run_ids: Iterable[str]) -> Report:
        """Check families of runs, by the ids of those that were started."""
        for root_id in run_ids:
            for run in self._ledger.runs.family(root_id):
                self._run(run)
            for run_id, broken in self._ledger.verify(root_id):
                if broken is not None:
                    self._say("I6", run_id, f"entry {broken.seq}: {broken.why}")
        self._before_every_call()
        self._models()
        self._fires()
        self.findings.duplicates = self._witness.duplicates()
        for reference, count in self._witness.booked().items():
            if count > 1:
                self._say("I2", reference, f"it was booked {count} times")
        return self.findings

    def _say(self, invariant: str, where: str, why: str) -> None:
        self.findings.findings.append(Finding(invariant, where, why))

    # --- one run -------------------------------------------------------------------------------------------------

    def _run(self, run: Run) -> None:
        found = self.findings
        found.runs += 1
        if self._at_rest and run.state not in AT_REST:
            found.lost += 1
            self._say("I1", run.id, f"it is {run.state}")
        entries = self._ledger.entries.of_run(run.id)
        payloads = self._ledger.entries.payloads(run.id)
        self._fences(run, entries)
        self._ends(run, entries)
        self._calls(run, entries, payloads)
        self._decisions(run, entries)
        recoveries = list(_recoveries(entries))
        found.recoveries += recoveries
        found.takeovers += len(recoveries)
        found.cancels += any(entry.kind == "cancel.requested" for entry in entries)
        claims = sum(e.kind == "run.state" and e.data["state"] == "running" for e in entries)
        if claims > MOST_CLAIMS:
            self._say("I9", run.id, f"it was claimed {claims} times")

    def _fences(self, run: Run, entries: Sequence[Entry]) -> None:
        highest = 0
        for entry in entries:
            if entry.fence < highest:
                self._say("I5", run.id, f"entry {entry.seq} has fence {entry.fence} after {highest}")
            highest = max(highest, entry.fence)

    def _ends(self, run: Run, entries: Sequence[Entry]) -> None:
        ended = ""
        for entry in entries:
            if entry.kind in ("run.resumed", "run.retried"):
                ended = ""
            elif ended and entry.kind in ("run.state", "tool.intended", "tool.outcome", "step.finished"):
                self._say("I6", run.id, f"it was {ended}, and then came entry {entry.seq}: {entry.kind}")
            if entry.kind == "run.state" and entry.data["state"] in ENDED:
                ended = entry.data["state"]
        if run.state in ENDED and ended != run.state:
            self._say("I6", run.id, f"its head says {run.state}, its chain says {ended or 'not ended'}")

    def _calls(self, run: Run, entries: Sequence[Entry], payloads: dict[int, str | None]) -> None:
        open_: dict[str, Entry] = {}
        unknown: dict[str, Entry] = {}
        cancelled = next((entry for entry in entries if entry.kind == "cancel.requested"), None)
        for entry in entries:
            key = entry.key or ""
            if entry.kind == "tool.intended" and "effect" in entry.data:
                reference = json.loads(payloads[entry.seq] or "{}")["arguments"]["reference"]
                self._intents.setdefault((entry.data["effect"], reference), []).append(entry)
                if entry.data["effect"] == "write":
                    self._write(run, entry, key in unknown, cancelled)
                    open_[key] = entry
            elif entry.kind == "tool.outcome":
                self._outcome(run, entry, payloads)
                open_.pop(key, None)
                unknown.pop(key, None)
            elif entry.kind == "tool.unknown":
                self.findings.unknown += 1
                open_.pop(key, None)
                unknown[key] = entry
            elif entry.kind == "tool.settled":
                unknown.pop(key, None)
        if run.state in AT_REST:
            for key, entry in open_.items():
                self._say("I4", run.id, f"{run.state}, and nothing says how {key} (entry {entry.seq}) ended")

    def _write(self, run: Run, intent: Entry, is_unknown: bool, cancelled: Entry | None) -> None:
        self.findings.writes += 1
        if is_unknown:
            self._say("I4", run.id, f"{intent.key} was unknown and is meant again at entry {intent.seq}")
        if cancelled is not None and intent.at > cancelled.at + self._lease_ms / 4 + 500:
            self._say("I8", run.id, f"{intent.key} was meant {intent.at - cancelled.at} ms after the cancel")

    def _outcome(self, run: Run, outcome: Entry, payloads: dict[int, str | None]) -> None:
        body = outcome.data
        if body.get("effect") != "write" or body["outcome"] not in ("ok", "reconciled"):
            return
        self.findings.reconciled += body["outcome"] == "reconciled"
        result = json.loads(payloads[outcome.seq] or "{}").get("result") or {}
        if not self._witness.booked()[result.get("reference", "")]:
            self._say("I2", run.id, f"{outcome.key} is recorded as {body['outcome']} and is not in the system")

    def _decisions(self, run: Run, entries: Sequence[Entry]) -> None:
        decided: set[str] = set()
        for entry in entries:
            if entry.kind == "approval.decided":
                if entry.data["approval"] in decided:
                    self._say("I6", run.id, f"{entry.data['approval']} was decided twice")
                decided.add(entry.data["approval"])

    # --- across runs ---------------------------------------------------------------------------------------------

    def _before_every_call(self) -> None:
        for effect, seen in (("write", self._witness.writes()), ("read", self._witness.reads())):
            for reference, calls in seen.items():
                self.findings.calls += len(calls)
                intents = sorted(entry.at for entry in self._intents.get((effect, reference), ()))
                for number, call in enumerate(calls, 1):
                    if sum(at <= call["at"] + _ROUNDING_MS for at in intents) < number:
                        self._say("I3", reference, f"{effect} {number} was made before its intent was recorded")

    def _models(self) -> None:
        with self._ledger.database.read() as connection:
            kinds = tables.entries.c
            query = select(kinds.run_id, kinds.key, func.min(kinds.at)).where(kinds.kind == "model.asked")
            first = [row[2] for row in connection.execute(query.group_by(kinds.run_id, kinds.key))]
        for event in self._witness.model:
            if event["what"] == "asked":
                self.findings.calls += 1
                if not any(at <= event["at"] + _ROUNDING_MS for at in first):
                    self._say("I3", event["reference"], "a model was asked before the question was recorded")

    def _fires(self) -> None:
        runs = tables.runs.c
        with self._ledger.database.read() as connection:
            query = select(runs.schedule_id, runs.logical_at, func.count()).where(runs.schedule_id.is_not(None))
            fires: list[Any] = list(connection.execute(query.group_by(runs.schedule_id, runs.logical_at)))
        self.findings.fires += len(fires)
        for schedule, at, count in fires:
            if count > 1:
                self._say("I7", f"{schedule} at {at}", f"it started {count} runs")


#: What others write into the chain of a run that a worker holds.
_FROM_OUTSIDE = ("approval.decided", "approval.edited", "cancel.requested", "child.ended", "run.resumed")


def _recoveries(entries: Sequence[Entry]) -> Iterator[float]:
    """Seconds between the last word of a claim that broke off and the next claim."""
    last: Entry | None = None
    for entry in entries:
        if entry.kind in _FROM_OUTSIDE:
            continue
        if entry.kind == "run.state":
            if entry.data["state"] == "running" and last is not None:
                yield (entry.at - last.at) / 1000
            last = entry if entry.data["state"] == "running" else None
        elif last is not None:
            last = entry
