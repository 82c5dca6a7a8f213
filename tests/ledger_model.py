"""The ledger of runs as plain Python: what each call must answer, and what must be in the tables after it.

It knows no database, no chain and no thread; it is written from the design, not from the statements of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kontora_workflows.engine.signals import MAX_ATTEMPTS
from kontora_workflows.ledger.entries import Head
from kontora_workflows.ledger.run import AT_REST, ENDED, OPEN

RESEND_MS = 10_000
#: Columns of a run and of an approval that are predicted.
LINE = (
    *("state", "waiting_for", "fence", "owner", "lease_until", "attempts", "wakes", "due_at", "sent_at"),
    *("deadline_at", "cancel_requested_at", "head_seq"),
)
QUESTION = ("state", "version", "agreed_by", "requested_at", "expires_at")


@dataclass
class Line:
    """A run: the columns that decide what happens to it, and what its entries say."""

    id: str
    due_at: int
    deadline_at: int | None = None
    parent: str | None = None
    state: str = "queued"
    waiting_for: str | None = None
    resource: str | None = None
    fence: int = 0
    owner: str | None = None
    lease_until: int | None = None
    attempts: int = 0
    wakes: int = 0
    sent_at: int | None = None
    cancel_requested_at: int | None = None
    head_seq: int = 1
    #: Writes that were meant and of which nothing says how they ended, and the last thing said about a write.
    meant: list[str] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)

    @property
    def columns(self) -> dict[str, object]:
        """The row of the run, as far as the model tells it."""
        return {**{name: getattr(self, name) for name in LINE}, "ended": self.state in ENDED}

    def free(self) -> None:
        """Nobody works on it any more, and what it did counts."""
        self.owner = self.lease_until = self.sent_at = None
        self.attempts = 0


@dataclass
class Question:
    """An approval."""

    id: str
    run: str
    key: str
    people: int
    requested_at: int
    expires_at: int
    state: str = "pending"
    version: int = 1
    agreed_by: str | None = None
    decided: bool = False

    @property
    def columns(self) -> dict[str, object]:
        """The row of the approval, as far as the model tells it."""
        return {name: getattr(self, name) for name in (*QUESTION, "decided")}


@dataclass
class Hand:
    """A claim in the hands of a worker, and what the worker saw when it was made: it may be out of time."""

    run: str
    fence: int
    wakes: int
    head: Head
    asked: set[str]
    children: set[str]
    notes: list[str] = field(default_factory=list)


class Book:
    """All runs, approvals and slots, and the time."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.runs: dict[str, Line] = {}
        self.questions: dict[str, Question] = {}
        self.places: dict[tuple[str, int], tuple[str, int]] = {}
        self.keys: dict[str, tuple[str, str]] = {}

    # --- what is so --------------------------------------------------------------------------------------------------

    def holds(self, run: str, fence: int) -> bool:
        """Whether whoever claimed a run with this fence may still write."""
        return self.runs[run].state == "running" and self.runs[run].fence == fence

    def lapsed(self, line: Line) -> bool:
        """Whether whoever had it is gone."""
        return line.state == "running" and line.lease_until is not None and line.lease_until < self.now

    def due(self, line: Line) -> bool:
        """Whether it may be claimed."""
        queued = line.state == "queued" or (line.state == "waiting" and line.waiting_for in ("timer", "resource"))
        return (queued and line.due_at <= self.now) or self.lapsed(line)

    def idle(self, line: Line) -> bool:
        """Whether it may be ended from outside."""
        return line.state in ("queued", "waiting", "needs_review") or self.lapsed(line)

    def open_children(self, run: str) -> set[str]:
        """Children that go on."""
        return {line.id for line in self.runs.values() if line.parent == run and line.state in OPEN}

    def pending(self, run: str) -> set[str]:
        """Questions of a run that nobody has answered."""
        return {one.id for one in self.questions.values() if one.run == run and one.state == "pending"}

    def family(self, run: str) -> Iterator[Line]:
        """A run and all below it."""
        yield self.runs[run]
        for line in list(self.runs.values()):
            if line.parent == run:
                yield from self.family(line.id)

    # --- what a worker does ------------------------------------------------------------------------------------------

    def claim(self, line: Line, worker: str, lease_ms: int) -> None:
        """A worker takes it."""
        line.state, line.waiting_for, line.owner, line.resource = "running", None, worker, None
        line.fence, line.attempts, line.head_seq = line.fence + 1, line.attempts + 1, line.head_seq + 1
        line.lease_until = self.now + lease_ms

    def leave(self, line: Line, wakes: int, what: str, until: int | None, resource: str | None) -> None:
        """A worker lets it wait; what woke it meanwhile puts it back into the queue."""
        woken = line.wakes != wakes
        line.state, line.waiting_for = ("queued", None) if woken else ("waiting", what)
        line.resource = None if woken else resource
        line.due_at = self.now if woken or until is None else until
        line.free()

    def put_back(self, line: Line, delay_ms: int, *, failed: bool) -> None:
        """A worker hands it back; after a failure the attempt counts."""
        attempts = line.attempts
        line.state, line.due_at = "queued", self.now + delay_ms
        line.free()
        line.attempts = attempts if failed else 0

    def finish(self, line: Line, state: str) -> None:
        """A worker ends it."""
        line.state = state
        line.free()
        self._rest(line)

    def _rest(self, line: Line) -> None:
        if line.state in ENDED:
            for one in self.questions.values():
                if one.run == line.id and one.state in ("pending", "approved"):
                    one.state, one.version = "withdrawn", one.version + 1
        if line.parent and line.state in AT_REST:
            self.fact(self.runs[line.parent], wake=True)

    def takes(self, resource: str, limit: int, run: str, fence: int) -> bool:
        """Whether one gets a slot; then it has it."""
        for place, holder in list(self.places.items()):
            if place[0] == resource and not self.uses(*holder):
                del self.places[place]
        taken = {place[1]: holder for place, holder in self.places.items() if place[0] == resource}
        if (run, fence) in taken.values():
            return True
        free = [place for place in range(limit) if place not in taken]
        if free:
            self.places[resource, free[0]] = (run, fence)
        return bool(free)

    def uses(self, run: str, fence: int) -> bool:
        """Whether a slot that was taken under this claim is in use."""
        return self.holds(run, fence) and not self.lapsed(self.runs[run])

    def give_back(self, resource: str, run: str, fence: int) -> None:
        """A slot is free, and whoever waited longest for it is due."""
        for place, holder in list(self.places.items()):
            if place[0] == resource and holder == (run, fence):
                del self.places[place]
        waiting = [
            line
            for line in self.runs.values()
            if line.state == "waiting" and line.waiting_for == "resource" and line.resource == resource
        ]
        first = min((line for line in waiting if line.due_at > self.now), key=_waited, default=None)
        if first:
            first.due_at, first.sent_at = self.now, None

    # --- what comes from outside -------------------------------------------------------------------------------------

    def fact(self, line: Line, *, wake: bool = False) -> None:
        """Something is told to a run."""
        line.head_seq += 1
        line.wakes += wake
        if wake and line.state == "waiting":
            line.state, line.waiting_for, line.due_at, line.sent_at = "queued", None, self.now, None

    def end_idle(self, line: Line, state: str) -> None:
        """Nobody works on it: it is ended, unless a write has to be looked up first."""
        if not self.idle(line) or (line.meant and state != "failed"):
            return
        for key in line.meant:
            line.said[key] = "unknown"
            line.head_seq += 1
        line.meant = []
        line.state, line.waiting_for, line.fence, line.head_seq = state, None, line.fence + 1, line.head_seq + 1
        line.free()
        self._rest(line)

    def cancel(self, run: str) -> None:
        """Somebody asks it and its children to stop."""
        for line in [line for line in self.family(run) if line.state not in ENDED]:
            if line.cancel_requested_at is None:
                line.cancel_requested_at = self.now
                self.fact(line, wake=True)
            self.end_idle(line, "cancelled")

    def resume(self, line: Line) -> bool:
        """Whether it can go on; then it does, and what was withdrawn is asked again."""
        if line.state not in ("failed", "timed_out", "needs_review"):
            return False
        line.state, line.due_at, line.deadline_at, line.cancel_requested_at = "queued", self.now, None, None
        line.head_seq += 1
        line.free()
        for one in self.questions.values():
            if one.run == line.id and one.state == "withdrawn":
                one.state, one.version = "approved" if one.decided else "pending", one.version + 1
                one.expires_at, one.requested_at = self.now + one.expires_at - one.requested_at, self.now
        return True

    def settle(self, line: Line, key: str, *, done: bool) -> bool:
        """Whether somebody can say how a write ended; then the run goes on."""
        if line.state != "needs_review" or line.said.get(key) != "unknown":
            return False
        line.said[key] = "settled" if done else "settled_not"
        line.meant = [one for one in line.meant if one != key]
        line.state, line.due_at, line.deadline_at, line.head_seq = "queued", self.now, None, line.head_seq + 2
        line.free()
        return True

    def decide(self, one: Question, decision: str, by: str, version: int | None) -> str:
        """What a decision comes to: `late`, `same`, `agreed` or `decided`."""
        if one.expires_at < self.now:
            self.expire()
            return "late"
        if one.state != "pending" or version not in (None, one.version):
            return "late"
        if decision == "approved" and one.people > 1 and one.agreed_by in (None, by):
            if one.agreed_by == by:
                return "same"
            one.agreed_by, one.version = by, one.version + 1
            self.fact(self.runs[one.run])
            return "agreed"
        self._answer(one, decision)
        return "decided"

    def _answer(self, one: Question, state: str) -> None:
        one.state, one.version, one.decided = state, one.version + 1, True
        self.fact(self.runs[one.run], wake=True)

    def expire(self) -> None:
        """Who did not say yes in time said no."""
        for one in self.questions.values():
            if one.state == "pending" and one.expires_at < self.now:
                self._answer(one, "expired")

    def sweep(self) -> set[str]:
        """What a sweeper does; gives the runs that it sends."""
        self.expire()
        for line in [one for one in self.runs.values() if one.deadline_at and one.deadline_at < self.now]:
            if line.state in OPEN:
                self.end_idle(line, "timed_out")
        for line in [one for one in self.runs.values() if self._orphan(one)]:
            self.cancel(line.id)
        for line in list(self.runs.values()):
            if line.cancel_requested_at is not None and line.state in ("queued", "waiting"):
                self.end_idle(line, "cancelled")
        return set(self._send())

    def _orphan(self, line: Line) -> bool:
        stopped = line.parent is not None and self.runs[line.parent].state in ("cancelled", "timed_out")
        return stopped and line.state in OPEN and line.cancel_requested_at is None

    def _send(self) -> Iterator[str]:
        stale = [one for one in self.runs.values() if one.sent_at is None or one.sent_at < self.now - RESEND_MS]
        due = [line for line in stale if self.due(line)]
        poison = [line for line in due if line.state == "running" and line.attempts >= MAX_ATTEMPTS]
        for line in poison:
            self.end_idle(line, "failed")
        for line in due:
            if line not in poison:
                line.sent_at = self.now
                yield line.id


def _waited(line: Line) -> tuple[int, str]:
    return line.due_at, line.id
