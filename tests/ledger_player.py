"""What can be done to a ledger by three workers, two people, a sweeper and the clock, as rules for Hypothesis.

Claims are current, out of time or long taken over. Each answer, and every row afterwards, is held against the model in
`ledger_model.py`; what the model and the tables could both have wrong is asked of the entries alone. In the end
everybody leaves, time passes, and every run must come to rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from kontora_workflows.definition import Workflow
from kontora_workflows.engine.signals import MAX_ATTEMPTS
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.approvals import AlreadyDecided, Request, SamePerson
from kontora_workflows.ledger.chain import digest
from kontora_workflows.ledger.creation import KeyReused
from kontora_workflows.ledger.entries import LeaseLost
from kontora_workflows.ledger.open_writes import unknown_writes
from kontora_workflows.ledger.run import AT_REST, ENDED, Claim, Failure, NewRun
from kontora_workflows.ledger.runs import NotResumable
from kontora_workflows.retrying import NotRetryable, retry_run
from kontora_workflows.sweeper import Sweeper
from sqlalchemy import select

from tests.ledger_book import head_of, new_run
from tests.ledger_clock import BEGINNING, StoppedLedger
from tests.ledger_model import LINE, QUESTION, RESEND_MS, Book, Hand, Line, Question
from tests.ledger_witness import Witness

LEASE_MS, ASK_MS, DEADLINE_MS = 30_000, 90_000, 240_000
WORKERS, PEOPLE = ("one", "two", "three"), ("Anna", "Борис")
#: Resources and how many may use them at once.
LIMITS = {"connector:erp": 2, "model:small": 1}
CALLS = ("post", "mail")
R, A = tables.runs.c, tables.approvals.c
_RUNS = select(R.id, *(R[name] for name in LINE), R.finished_at.is_not(None).label("ended"))
_ASKED = select(A.id, *(A[name] for name in QUESTION), A.decided_at.is_not(None).label("decided"))
_SLOTS = select(tables.slots)
DEFINITION = '{"name":"w","steps":[{"id":"a","wait":"1s"},{"id":"b","wait":"1s"}],"title":"W"}'
DEFINITION_HASH = hashlib.sha256(DEFINITION.encode()).hexdigest()


class Post:
    """Takes every message and delivers none: workers come by on their own."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, run_ids: list[str], queue: str = "kontora") -> bool:
        """Take them."""
        self.sent += run_ids
        return True


class LedgerStates(RuleBasedStateMachine):
    """The calls, each beside what the model says of it."""

    def __init__(self, stopped: StoppedLedger) -> None:
        super().__init__()
        stopped.empty()
        self.stopped, self.ledger, self.book = stopped, stopped.ledger, Book(BEGINNING)
        self.hands: list[Hand] = []
        self.post = Post()
        self.sweeper = Sweeper(self.ledger, object(), self.post, _no_workflow, RESEND_MS)  # type: ignore[arg-type]
        self.witness = Witness(self.ledger)
        self.still, self.swept = False, (0, 0)

    # --- choosing ----------------------------------------------------------------------------------------------------

    def _line(self, data: st.DataObject) -> Line:
        self.still = False
        return self.book.runs[data.draw(st.sampled_from(list(self.book.runs)), label="run")]

    def _hand(self, data: st.DataObject) -> Hand:
        """Mostly one that may write; else one that may have lost its run long ago."""
        self.still = False
        late = data.draw(st.integers(0, 3), label="late") == 0
        good = [hand for hand in self.hands if self._good(hand)]
        due = [line for line in self.book.runs.values() if self.book.due(line)]
        if not good and due and not late:
            self._claim(due[0], WORKERS[0])
            good = self.hands[-1:]
        taken = [hand for hand in self.hands if hand not in good and self.book.runs[hand.run].state == "running"]
        return data.draw(st.sampled_from((taken or self.hands) if late or not good else good), label="hand")

    def _good(self, hand: Hand) -> bool:
        return self.book.holds(hand.run, hand.fence)

    def _may(self, hand: Hand, call: Callable[[], object]) -> bool:
        """Let a worker write; it must be refused exactly if its fence is no longer the run's."""
        if not self._good(hand):
            with pytest.raises(LeaseLost):
                call()
            return False
        call()
        line = self.book.runs[hand.run]
        line.head_seq += 1 + len(hand.notes)
        line.attempts = 1 if hand.notes else line.attempts
        line.finished.update(hand.notes)
        hand.notes = []
        return True

    def _new(
        self, run_id: str, *, deadline_ms: int | None = None, delay_ms: int = 0, parent: str | None = None
    ) -> Line:
        due_at = self.book.now + delay_ms
        line = Line(run_id, due_at, due_at + deadline_ms if deadline_ms else None, parent)
        self.book.runs[run_id] = line
        return line

    def _few_cancelled(self) -> bool:
        return 3 * sum(line.cancel_requested_at is not None for line in self.book.runs.values()) < len(self.book.runs)

    @initialize()
    def begin(self) -> None:
        for deadline_ms in (None, DEADLINE_MS):
            self.create(deadline_ms, 0)
        for line, people in zip(list(self.book.runs.values()), (1, 2), strict=True):
            if hand := self._claim(line, WORKERS[people]):
                self._ask(hand, people, ASK_MS)

    # --- beginning ---------------------------------------------------------------------------------------------------

    @rule(deadline_ms=st.sampled_from([None, DEADLINE_MS]), delay_ms=st.sampled_from([0, 5_000]))
    def create(self, deadline_ms: int | None, delay_ms: int) -> None:
        run, fresh = self.ledger.runs.create(_wanted(deadline_ms=deadline_ms, delay_ms=delay_ms))
        assert fresh
        self._new(run.id, deadline_ms=deadline_ms, delay_ms=delay_ms)

    @rule(key=st.sampled_from("kl"), request=st.sampled_from("xy"))
    def create_once(self, key: str, request: str) -> None:
        wanted = _wanted(idempotency_key=key, request_hash=request)
        known = self.book.keys.get(key)
        if known and known[1] != request:
            with pytest.raises(KeyReused):
                self.ledger.runs.create(wanted)
            return
        run, fresh = self.ledger.runs.create(wanted)
        assert (run.id, fresh) == ((known[0], False) if known else (run.id, True))
        if fresh:
            self.book.keys[key] = (run.id, request)
            self._new(run.id)

    @rule(data=st.data(), step=st.sampled_from("ab"))
    def retry_from(self, data: st.DataObject, step: str) -> None:
        line = self._line(data)
        if line.parent or (step == "b" and "a" not in line.finished) or not self._known_how_it_ended(line):
            with pytest.raises(NotRetryable):
                retry_run(self.ledger, line.id, step, by="Anna")
            return
        new = self._new(retry_run(self.ledger, line.id, step, by="Anna").id)
        if step == "b":
            new.head_seq, new.finished = 2, {"a"}

    def _known_how_it_ended(self, line: Line) -> bool:
        """Whether a run and its children are over, and it is known how each write ended (or it was given up)."""
        family = [line, *(one for one in self.book.runs.values() if one.parent == line.id)]
        if any(one.state not in ENDED for one in family):
            return False
        left = [one.id for one in family if one.state != "cancelled"]
        return not any(unknown_writes(self.ledger.entries.of_run(id_)) for id_ in left)

    # --- working -----------------------------------------------------------------------------------------------------

    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def claim(self, data: st.DataObject, worker: str) -> None:
        due = [line for line in self.book.runs.values() if self.book.due(line)]
        early = not due or data.draw(st.integers(0, 3), label="early") == 0
        self._claim(self._line(data) if early else data.draw(st.sampled_from(due), label="due"), worker)

    def _claim(self, line: Line, worker: str) -> Hand | None:
        due, claim = self.book.due(line), self.ledger.runs.claim(line.id, worker, LEASE_MS)
        assert (claim is not None) == due
        if claim is None:
            return None
        self.book.claim(line, worker, LEASE_MS)
        hand = self._hand_of(claim)
        self.hands.append(hand)
        return hand

    def _hand_of(self, claim: Claim) -> Hand:
        run = claim.run
        asked, children = self.book.pending(run.id), self.book.open_children(run.id)
        return Hand(run.id, claim.fence, run.wakes, head_of(claim), asked, children)

    @rule(data=st.data(), worker=st.sampled_from(WORKERS))
    def take_over(self, data: st.DataObject, worker: str) -> None:
        """A worker is frozen for longer than its lease, and another one takes its run; then it goes on."""
        hand = self._hand(data)
        self.pass_time(LEASE_MS + 1)
        self._claim(self.book.runs[hand.run], worker)
        self._beat(hand)

    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        self._beat(self._hand(data))

    def _beat(self, hand: Hand) -> None:
        line, good = self.book.runs[hand.run], self._good(hand)
        good = good and line.lease_until is not None and line.lease_until >= self.book.now
        answer = self.ledger.runs.heartbeat(hand.run, hand.fence, LEASE_MS)
        assert answer == ((line.cancel_requested_at is not None) if good else None)
        if good:
            line.lease_until = self.book.now + LEASE_MS

    @rule(data=st.data(), step=st.sampled_from("ab"))
    def finish_step(self, data: st.DataObject, step: str) -> None:
        """A note: it is written with the next entry, or lost."""
        hand = self._hand(data)
        if step not in self.book.runs[hand.run].finished and step not in hand.notes:
            payload: dict[str, Any] = {"result": {}}
            self.ledger.entries.note(hand.head, "step.finished", step, {}, payload=payload, state={"attempts": 1})
            hand.notes.append(step)

    @rule(data=st.data(), key=st.sampled_from(CALLS))
    def intend(self, data: st.DataObject, key: str) -> None:
        hand = self._hand(data)
        line = self.book.runs[hand.run]
        if key in line.meant or line.said.get(key) in ("ok", "settled"):
            return
        if self._may(hand, lambda: self._append(hand, "tool.intended", key)):
            line.meant.append(key)

    def _append(self, hand: Hand, kind: str, key: str, **more: str) -> None:
        body = {"tool": f"erp.{key}", "instance": "erp", "effect": "write", **more}
        self.ledger.entries.append(hand.head, kind, key, body, payload={"arguments": {}})

    @rule(data=st.data(), outcome=st.sampled_from(["ok", "failed", "unknown"]))
    def say_outcome(self, data: st.DataObject, outcome: str) -> None:
        hand = self._hand(data)
        line = self.book.runs[hand.run]
        open_ = [*line.meant, *(key for key, said in line.said.items() if said == "unknown")]
        if open_ or not self._good(hand):
            self._say(hand, data.draw(st.sampled_from(open_ or CALLS), label="key"), outcome)

    def _say(self, hand: Hand, key: str, outcome: str) -> None:
        kind, line = "tool.unknown" if outcome == "unknown" else "tool.outcome", self.book.runs[hand.run]
        if self._may(hand, lambda: self._append(hand, kind, key, outcome=outcome)):
            line.said[key] = outcome
            line.meant = [one for one in line.meant if one != key]

    @rule(data=st.data(), state=st.sampled_from(["failed", "succeeded", "timed_out", "cancelled"]))
    def finish(self, data: st.DataObject, state: str) -> None:
        hand = self._hand(data)
        self._finish(hand, state)

    def _finish(self, hand: Hand, state: str) -> None:
        """As the engine does: no write stays open, and what is unknown is for a person."""
        line = self.book.runs[hand.run]
        for key in list(line.meant):
            self._say(hand, key, "unknown")
        end = "needs_review" if "unknown" in line.said.values() else state
        failure = None if end == "succeeded" else Failure("x", "It ended.")
        if self._may(hand, lambda: self.ledger.runs.finish(hand.head, end, failure=failure, output={"steps": {}})):
            self.book.finish(line, end)

    @rule(data=st.data(), failed=st.booleans())
    def put_back(self, data: st.DataObject, failed: bool) -> None:
        hand = self._hand(data)
        line = self.book.runs[hand.run]
        if failed and line.attempts >= MAX_ATTEMPTS:
            self._finish(hand, "failed")
            return
        failure = Failure("x", "Later.") if failed else None
        if self._may(hand, lambda: self.ledger.runs.put_back(hand.head, delay_ms=2_000, failure=failure)):
            self.book.put_back(line, 2_000, failed=failed)

    @rule(data=st.data(), what=st.sampled_from(["timer", "resource", "approval", "children"]))
    def wait(self, data: st.DataObject, what: str) -> None:
        """A worker waits for what it saw when it took the run: it may have come since."""
        hand = self._hand(data)
        if (what == "approval" and not hand.asked) or (what == "children" and not hand.children):
            return
        until = self.book.now + LEASE_MS if what in ("timer", "resource") else None
        resource = next(iter(LIMITS)) if what == "resource" else None

        def leave() -> None:
            self.ledger.runs.leave(hand.head, hand.wakes, waiting_for=what, until=until, resource=resource)

        if self._may(hand, leave):
            self.book.leave(self.book.runs[hand.run], hand.wakes, what, until, resource)

    @rule(data=st.data())
    def start_child(self, data: st.DataObject) -> None:
        hand, born = self._hand(data), list[str]()
        item = str(sum(line.parent == hand.run for line in self.book.runs.values()))

        def start() -> None:
            with self.ledger.database.write() as connection:
                wanted = _wanted(parent_id=hand.run, parent_step="loop", item_key=item, trigger="parent")
                born.append(self.ledger.runs.create_all_in(connection, [wanted])[0].id)
                self.ledger.entries.append_in(connection, hand.head, "children.started", f"loop{item}")

        if self._may(hand, start):
            self._new(born[0], parent=hand.run)
            hand.children.add(born[0])

    @rule(data=st.data(), resource=st.sampled_from(list(LIMITS)))
    def take_slot(self, data: st.DataObject, resource: str) -> None:
        """All that is due is taken, and everybody asks for the same resource."""
        for line in [line for line in self.book.runs.values() if self.book.due(line)]:
            self._claim(line, WORKERS[0])
        for hand in [self._hand(data), *(hand for hand in self.hands if self._good(hand))]:
            place = (resource, LIMITS[resource], hand.run, hand.fence)
            assert self.ledger.slots.take(*place) == self.book.takes(*place)

    @precondition(lambda self: bool(self.book.places))
    @rule(data=st.data())
    def give_slot_back(self, data: st.DataObject) -> None:
        (resource, _), holder = data.draw(st.sampled_from(list(self.book.places.items())), label="slot")
        self.ledger.slots.give_back(resource, *holder)
        self.book.give_back(resource, *holder)

    # --- asking ------------------------------------------------------------------------------------------------------

    @rule(data=st.data(), people=st.sampled_from([1, 2]), expires_in_ms=st.sampled_from([ASK_MS, 4 * ASK_MS]))
    def ask(self, data: st.DataObject, people: int, expires_in_ms: int) -> None:
        self._ask(self._hand(data), people, expires_in_ms)

    def _ask(self, hand: Hand, people: int, expires_in_ms: int) -> None:
        key = f"ask{sum(one.run == hand.run for one in self.book.questions.values())}"
        request = Request(key, "May it?", "erp.post", "erp", {}, digest({}), True, expires_in_ms, people)
        if self._may(hand, lambda: self.ledger.approvals.request(hand.head, hand.run, request)):
            made = self.ledger.approvals.of_call(hand.run, key)
            assert made is not None
            now = self.book.now
            self.book.questions[made.id] = Question(made.id, hand.run, key, people, now, now + expires_in_ms)
            hand.asked.add(made.id)

    @rule(
        data=st.data(),
        decision=st.sampled_from(["approved", "approved", "rejected"]),
        by=st.sampled_from(PEOPLE),
        seen=st.sampled_from([None, 0, 0, 1]),
    )
    def decide(self, data: st.DataObject, decision: Literal["approved", "rejected"], by: str, seen: int | None) -> None:
        """A person decides on what the page shows: nothing of the version, this one or an older one."""
        asked = list(self.book.questions.values())
        open_ = [one for one in asked if one.state == "pending"]
        one = data.draw(st.sampled_from(open_ or asked), label="question")
        version = None if seen is None else one.version - seen
        expected = self.book.decide(one, decision, by, version)
        try:
            self.ledger.approvals.decide(one.id, decision, by=by, version=version)
        except AlreadyDecided:
            assert expected == "late"
        except SamePerson:
            assert expected == "same"
        else:
            assert expected in ("agreed", "decided")

    @rule(data=st.data())
    def use(self, data: st.DataObject) -> None:
        """A worker makes the call that was allowed: the yes is spent with the intent, or neither is written."""
        hand = self._hand(data)
        mine = [one for one in self.book.questions.values() if one.run == hand.run]
        if not mine:
            return
        one = data.draw(st.sampled_from(mine), label="question")
        used = one.state == "approved"

        def make() -> None:
            with self.ledger.database.write() as connection:
                assert self.ledger.approvals.use(connection, hand.run, one.key) == used
                if used:
                    body = {"tool": "erp.post", "instance": "erp", "effect": "write"}
                    self.ledger.entries.append_in(connection, hand.head, "tool.intended", one.key, body)

        if not used:
            make()
        elif self._may(hand, make):
            one.state, one.version = "used", one.version + 1
            self.book.runs[one.run].meant.append(one.key)

    # --- from outside ------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.still)
    @rule(ms=st.sampled_from([1, 1_000, RESEND_MS + 1, LEASE_MS, LEASE_MS + 1, ASK_MS, DEADLINE_MS]))
    def pass_time(self, ms: int) -> None:
        self.book.now += ms
        self.stopped.set(self.book.now)
        self.still = True

    @precondition(lambda self: self.swept != self._moment())
    @rule()
    def sweep(self) -> None:
        self.still = False
        self.post.sent.clear()
        self.sweeper.sweep()
        assert set(self.post.sent) == self.book.sweep()
        self.swept = self._moment()

    def _moment(self) -> tuple[int, int]:
        return self.book.now, sum(line.head_seq for line in self.book.runs.values())

    @precondition(lambda self: any(one.state == "pending" for one in self.book.questions.values()))
    @rule()
    def expire(self) -> None:
        self.ledger.approvals.expire()
        self.book.expire()

    @precondition(_few_cancelled)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        line = self._line(data)
        self.ledger.runs.request_cancel(line.id, by="Anna")
        self.book.cancel(line.id)

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        stopped = [one for one in self.book.runs.values() if one.state in ("failed", "timed_out", "needs_review")]
        line = data.draw(st.sampled_from(stopped), label="stopped") if stopped else self._line(data)
        with _refused_unless(self.book.resume(line)):
            self.ledger.runs.resume(line.id, by="Anna")

    @rule(data=st.data(), key=st.sampled_from(CALLS), done=st.booleans())
    def settle(self, data: st.DataObject, key: str, done: bool) -> None:
        reviewed = [one for one in self.book.runs.values() if one.state == "needs_review" and key in one.said]
        line = data.draw(st.sampled_from(reviewed), label="reviewed") if reviewed else self._line(data)
        with _refused_unless(self.book.settle(line, key, done=done)):
            self.ledger.runs.settle(line.id, key, done=done, result={}, by="Anna")

    # --- what always holds -------------------------------------------------------------------------------------------

    @invariant()
    def all_promises_hold(self) -> None:
        self.the_rows_are_as_predicted()
        self.every_run_can_come_to_rest()
        self.witness.follow({line.id: line.head_seq for line in self.book.runs.values()})

    def the_rows_are_as_predicted(self) -> None:
        rows, asked, places = self._rows()
        assert rows == {line.id: line.columns for line in self.book.runs.values()}
        assert asked == {one.id: one.columns for one in self.book.questions.values()}
        live = {place: holder for place, holder in places.items() if self.book.uses(*holder)}
        assert live == {place: holder for place, holder in self.book.places.items() if self.book.uses(*holder)}
        assert all(place[1] < LIMITS[place[0]] for place in live)

    def _rows(self) -> tuple[dict[str, Any], dict[str, Any], dict[tuple[str, int], tuple[str, int]]]:
        with self.ledger.database.read() as connection:
            runs = {row.id: dict(row._mapping) for row in connection.execute(_RUNS)}
            asked = {row.id: dict(row._mapping) for row in connection.execute(_ASKED)}
            slots = {(row.resource, row.place): (row.run_id, row.fence) for row in connection.execute(_SLOTS)}
        for row in [*runs.values(), *asked.values()]:
            del row["id"]
        return runs, asked, slots

    def every_run_can_come_to_rest(self) -> None:
        for line in self.book.runs.values():
            if line.state == "waiting":
                waits_for = {"approval": self.book.pending(line.id), "children": self.book.open_children(line.id)}
                assert waits_for.get(line.waiting_for or "", True), f"{line.id} waits for nothing: {line}"
            assert (line.lease_until is not None) == (line.state == "running")
            assert line.state not in ENDED or not line.meant
            assert line.state not in ENDED or not self.book.pending(line.id)

    # --- the end -----------------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Everybody has gone, and time passes: new workers bring every run to rest, and the ledger verifies."""
        try:
            self.the_rows_are_as_predicted()
        except AssertionError:
            return  # the step that did it tells
        for _ in range(2 + len(self.book.runs)):
            if all(line.state in AT_REST for line in self.book.runs.values()):
                break
            self.pass_time(4 * ASK_MS)
            self.expire()
            for line in [line for line in self.book.runs.values() if self.book.due(line)]:
                if self.book.due(line) and (hand := self._claim(line, "last")) is not None:
                    self._finish(hand, "succeeded")
        stuck = [line for line in self.book.runs.values() if line.state not in AT_REST]
        assert not stuck, f"they never come to rest: {stuck}"
        self.all_promises_hold()
        assert [broken for _, broken in self.ledger.verify() if broken] == []


def _no_workflow(name: str) -> Workflow:
    raise LookupError(name)


def _wanted(**changes: Any) -> NewRun:
    return new_run(definition_hash=DEFINITION_HASH, definition=DEFINITION, **changes)


@contextmanager
def _refused_unless(allowed: bool) -> Iterator[None]:
    if allowed:
        yield
        return
    with pytest.raises(NotResumable):
        yield
