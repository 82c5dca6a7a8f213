"""The heads of runs: creating, claiming, leaving, ending, listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import Entry, canonical
from kontora_workflows.ledger.creation import create, create_all_in
from kontora_workflows.ledger.database import UNCHANGED, Database
from kontora_workflows.ledger.entries import Entries, Head
from kontora_workflows.ledger.open_writes import CLOSING
from kontora_workflows.ledger.run import AT_REST, ENDED, OPEN, Claim, Failure, NewRun, Run
from kontora_workflows.ledger.statement import Statement, together
from kontora_workflows.ledger.tables import INSTANT, ON_A_TIMER, Now

R = tables.runs.c

#: The children of one step are created in one go, so that their places tell them apart.
_STARTED = (R.created_at, R.item_position, R.id)


class UnknownRun(LookupError):
    """There is no such run."""


class NotResumable(Exception):
    """The run is not in a state from which a person can resume it."""


@dataclass(frozen=True)
class Page:
    """Some runs, newest first, and where to go on."""

    items: list[Run]
    next_cursor: str | None


def _is(*states: str) -> ColumnElement[bool]:
    """Whether a run is in one of these states, as words of the statement: a parameter says nothing to who plans it."""
    return R.state.in_([literal_column(f"'{state}'") for state in states])


def _due(at: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether a run may be claimed at an instant: it is queued, its time has come, or whoever had it is gone."""
    return or_(
        and_(_is("queued"), R.due_at <= at),
        and_(text(ON_A_TIMER), R.due_at <= at),
        and_(_is("running"), R.lease_until < at),
    )


#: Built once: building a statement anew costs more than running it.
_RUN = select(tables.runs).where(R.id == bindparam("run"))
_PARENT = Statement(select(R.parent_id).where(R.id == bindparam("run")))
_CLAIM = (
    update(tables.runs)
    .where(R.id == bindparam("run"), _due(Now()), UNCHANGED)
    .values(
        state="running",
        waiting_for=None,
        resource=None,
        fence=R.fence + 1,
        owner=bindparam("by"),
        lease_until=Now() + bindparam("lease_ms", type_=BigInteger()),
        attempts=R.attempts + 1,
        started_at=func.coalesce(R.started_at, Now()),
    )
    .returning(tables.runs, Now().label("_now"))
)
_UNUSED = or_(tables.approvals.c.state == "pending", tables.approvals.c.state == "approved")
_WITHDRAW = (
    update(tables.approvals)
    .where(tables.approvals.c.run_id == bindparam("run"), _UNUSED)
    .values(state="withdrawn", version=tables.approvals.c.version + 1)
)
_WITHDRAW_IN = Statement(_WITHDRAW)
_THESE = R.id.in_(bindparam("runs", expanding=True))
_SENT = update(tables.runs).where(_THESE, _due(Now())).values(sent_at=Now())
_UNSENT = update(tables.runs).where(_THESE, R.state == "queued").values(sent_at=None)
_STALE = or_(R.sent_at.is_(None), R.sent_at < INSTANT - bindparam("resend_ms", type_=BigInteger()))
_TO_SEND = select(tables.runs).where(_due(INSTANT), _STALE).order_by(R.due_at)
_OVERDUE = select(tables.runs).where(R.deadline_at < INSTANT, _is(*sorted(OPEN)))
_TO_STOP = select(tables.runs).where(R.cancel_requested_at.is_not(None), _is("queued", "waiting"))
_PARENTS = tables.runs.alias()
_ORPHANS = (
    select(tables.runs)
    .join(_PARENTS, R.parent_id == _PARENTS.c.id)
    .where(_PARENTS.c.state.in_(("cancelled", "timed_out")), _is(*sorted(OPEN)))
    .where(R.parent_id.is_not(None), R.cancel_requested_at.is_(None))
)
#: What a run is rid of when nobody works on it any more.
_FREE: dict[str, Any] = {"owner": None, "lease_until": None, "sent_at": None, "attempts": 0}
#: How a run is queued that had come to rest.
_AGAIN: dict[str, Any] = {
    "state": "queued",
    "error": None,
    "finished_at": None,
    "deadline_at": None,
    "due_at": Now(),
    **_FREE,
}


class Runs:
    """All runs of a ledger."""

    def __init__(self, database: Database, entries: Entries) -> None:
        self._database, self._entries = database, entries

    # --- beginning -----------------------------------------------------------------------------------------------

    def create(self, new: NewRun, *, sent: bool = False) -> tuple[Run, bool]:
        """Store a run; it is queued at once. Returns it and whether it is new.

        The same principal and idempotency key, or the same fire of a schedule, gives the run that exists already;
        with a different request hash it raises `KeyReused`. `sent`: its id is handed to the broker right afterwards.
        """
        return create(self._database, self._entries, new, sent=sent)

    def create_in(self, connection: Connection, new: NewRun) -> Run:
        """The same inside an open transaction, without looking for an existing one."""
        return create_all_in(connection, self._entries, [new])[0]

    def create_all_in(self, connection: Connection, news: Sequence[NewRun]) -> list[Run]:
        """The same for many runs, with few statements."""
        return create_all_in(connection, self._entries, news)

    # --- working -------------------------------------------------------------------------------------------------

    def claim(self, run_id: str, owner: str, lease_ms: int) -> Claim | None:
        """Take the run if it is due and nobody holds it; None otherwise. Raises the fence.

        Nothing can be taken from a ledger that a newer Kontora has upgraded meanwhile.
        """
        with self._database.write("run.claim") as connection:
            row = connection.execute(_CLAIM, {"run": run_id, "by": owner, "lease_ms": lease_ms}).one_or_none()
            if row is None:
                return None
            found = dict(row._mapping)
            now = found.pop("_now")
            run = Run.read(found)
            head = Head(run.id, run.fence, run.head_seq, run.head_hash, now, root=run.parent_id is None)
            self._entries.append_in(connection, head, "run.state", body={"state": "running", "owner": owner})
        return Claim(replace(run, head_seq=head.seq, head_hash=head.hash), run.fence, now)

    def heartbeat(self, run_id: str, fence: int, lease_ms: int) -> bool | None:
        """Extend the lease. None when it is lost; otherwise whether somebody asked to cancel the run.

        A lease that ran out stays so, even if nobody took the run yet: its slots may be somebody else's.
        """
        with self._database.write("run.heartbeat") as connection:
            row = connection.execute(
                update(tables.runs)
                .where(R.id == run_id, R.fence == fence, R.state == "running", R.lease_until >= Now())
                .values(lease_until=Now() + lease_ms)
                .returning(R.cancel_requested_at)
            ).one_or_none()
            return None if row is None else row.cancel_requested_at is not None

    def leave(
        self, head: Head, wakes: int, *, waiting_for: str, until: int | None = None, resource: str | None = None
    ) -> None:
        """Hand the run back until something from outside wakes it, or until `until` at the latest.

        If it was woken since the claim, it is queued.
        """
        woken = R.wakes != wakes
        state = {
            "state": case((woken, "queued"), else_="waiting"),
            "waiting_for": case((woken, None), else_=waiting_for),
            "resource": case((woken, None), else_=resource),
            "due_at": case((woken, Now()), else_=Now() if until is None else until),
            **_FREE,
        }
        with self._database.write("run.leave") as connection:
            body = {"state": "waiting", "for": waiting_for}
            self._entries.append_in(connection, head, "run.state", body=body, state=state)

    def put_back(self, head: Head, *, delay_ms: int, failure: Failure | None = None, queue: str | None = None) -> None:
        """Queue the run again after `delay_ms`, in `queue` if it goes elsewhere; with a failure the attempt counts."""
        state = {"state": "queued", "due_at": Now() + delay_ms, **_FREE} | ({"queue": queue} if queue else {})
        if failure:
            del state["attempts"]
        body: dict[str, Any] = {"state": "queued", "delay_ms": delay_ms} | ({"queue": queue} if queue else {})
        if failure:
            body["error"] = failure.as_json()
        with self._database.write("run.put_back") as connection:
            self._entries.append_in(connection, head, "run.state", body=body, state=state)

    def finish(self, head: Head, state: str, *, failure: Failure | None = None, output: Any = None) -> None:
        """End the run (or put it into `needs_review`), withdraw its open approvals and wake its parent."""
        error = canonical(failure.as_json()) if failure else None
        columns = {"state": state, "error": error, **_FREE}
        if state in ENDED:
            columns["finished_at"] = head.clock()
        body: dict[str, Any] = {"state": state}
        if failure:
            body["error"] = failure.as_json()
        told: dict[str, Any] = {"body": body, "payload": output, "state": columns}
        if head.root:
            also = (_WITHDRAW,) if state in ENDED else ()
            self._entries.append(head, "run.state", name="run.finish", also=also, **told)
            return
        with self._database.write("run.finish") as connection:
            self._entries.append_in(connection, head, "run.state", **told)
            self._after_end(connection, head.run_id, state)

    def _after_end(self, connection: Connection, run_id: str, state: str) -> None:
        with together(connection):
            if state in ENDED:
                _WITHDRAW_IN.run(connection, {"run": run_id})
            found = _PARENT.run(connection, {"run": run_id})
        (parent,) = found.fetchone()
        if parent and state in AT_REST:
            body = {"child": run_id, "state": state}
            self._entries.append_fact(connection, parent, "child.ended", body=body, wake=True)

    # --- from outside --------------------------------------------------------------------------------------------

    def end_idle(self, run_id: str, state: str, failure: Failure, *, by: str) -> bool:
        """End a run that nobody works on (cancelled, out of time, poison). False if it ended or runs meanwhile.

        One with a write of which nobody knows how it ended is left to the next worker, which looks it up first; if no
        worker could (poison), it is recorded as unknown.
        """
        idle = or_(
            R.state.in_(("queued", "waiting", "needs_review")), and_(R.state == "running", R.lease_until < Now())
        )
        with self._database.write("run.end") as connection:
            row = connection.execute(select(R.id).where(R.id == run_id, idle).with_for_update()).one_or_none()
            open_ = self._entries.open_writes_in(connection, run_id) if row else []
            if row is None or (open_ and state != "failed"):
                return False
            for intent in open_:
                told = {name: intent.data[name] for name in ("tool", "instance")}
                self._entries.append_fact(
                    connection, run_id, "tool.unknown", intent.key, {**told, "why": failure.message}
                )
            error = None if state == "cancelled" else canonical(failure.as_json())
            columns = {"state": state, "error": error, "finished_at": Now(), "waiting_for": None, "fence": R.fence + 1}
            body = {"state": state, "error": failure.as_json(), "by": by}
            self._entries.append_fact(connection, run_id, "run.state", body=body, state={**columns, **_FREE})
            self._after_end(connection, run_id, state)
            return True

    def request_cancel(self, run_id: str, *, by: str) -> Run:
        """Ask a run and its children to stop. Those that nobody works on are cancelled at once.

        What is not reached here (this process dies, a child is started at the same moment) the sweeper stops.
        """
        reason = Failure("cancelled", f"Cancelled by {by}.")
        for run in self.family(run_id):
            if run.ended:
                continue
            with self._database.write("cancel.requested") as connection:
                asked = connection.execute(
                    update(tables.runs)
                    .where(R.id == run.id, R.cancel_requested_at.is_(None), R.state.not_in(ENDED))
                    .values(cancel_requested_at=Now())
                )
                if asked.rowcount:
                    # It wakes the run: a worker that is about to let it wait has not heard of this yet.
                    self._entries.append_fact(connection, run.id, "cancel.requested", body={"by": by}, wake=True)
            self.end_idle(run.id, "cancelled", reason, by=by)
        return self.get(run_id)

    def request_cancel_in(self, connection: Connection, run_id: str, *, by: str) -> None:
        """Ask one run to stop, inside an open transaction. Its worker hears of it; without one, the sweeper ends it."""
        asked = connection.execute(
            update(tables.runs)
            .where(R.id == run_id, R.cancel_requested_at.is_(None), R.state.not_in(ENDED))
            .values(cancel_requested_at=Now())
        )
        if asked.rowcount:
            self._entries.append_fact(connection, run_id, "cancel.requested", body={"by": by})

    def resume(self, run_id: str, *, by: str) -> Run:
        """Queue a failed, timed-out or reviewed run again; what is in its ledger is not repeated."""
        with self._database.write("run.resumed") as connection:
            run = self._get(connection, run_id)
            if run.state not in ("failed", "timed_out", "needs_review"):
                raise NotResumable(
                    f"Run {run_id} is {run.state}; only a failed, timed-out or reviewed run can be resumed."
                )
            if run.erased:
                raise NotResumable(f"The inputs of run {run_id} were erased: it cannot go on.")
            return self._go_on(connection, run_id, by, cancel_requested_at=None)

    def _go_on(self, connection: Connection, run_id: str, by: str, **columns: Any) -> Run:
        """Queue a run that came to rest. Its deadline is over with: it waited for the person."""
        self._entries.append_fact(connection, run_id, "run.resumed", body={"by": by}, state={**_AGAIN, **columns})
        self._ask_again(connection, run_id)
        return self._get(connection, run_id)

    def _ask_again(self, connection: Connection, run_id: str) -> None:
        """What was withdrawn when the run ended is as it was: a question with all its time again, or a yes."""
        approvals = tables.approvals.c
        values = {
            "state": case((approvals.decided_at.is_(None), "pending"), else_="approved"),
            "version": approvals.version + 1,
            "expires_at": Now() + (approvals.expires_at - approvals.requested_at),
            "requested_at": Now(),
        }
        withdrawn = (approvals.run_id == run_id, approvals.state == "withdrawn")
        connection.execute(update(tables.approvals).where(*withdrawn).values(**values))

    def to_settle(self, run_id: str, key: str) -> Entry:
        """Of a write that a person may settle: the entry that says that its outcome is unknown.

        Raises `UnknownRun`, `NotResumable` when there is no such write.
        """
        with self._database.read() as connection:
            return self._to_settle(connection, run_id, key)

    def _to_settle(self, connection: Connection, run_id: str, key: str) -> Entry:
        run = self._get(connection, run_id)
        if run.erased:
            raise NotResumable(f"The inputs of run {run_id} were erased: it cannot go on.")
        unknown, last, meant = (
            self._entries.last_in(connection, run_id, kinds, key)
            for kinds in (("tool.unknown",), CLOSING, ("tool.intended", "tool.settled"))
        )
        waits = run.state == "needs_review" and last == unknown
        # With what was said then, a later step could not go on. An agent has answered to it already.
        mended = run.state == "failed" and meant is not None and meant.kind == "tool.settled" and "/" not in key
        if unknown is None or not (waits or mended):
            raise NotResumable(f"Run {run_id} ({run.state}) has no write {key!r} whose outcome is unknown.")
        return unknown

    def settle(self, run_id: str, key: str, *, done: bool, result: Any, by: str) -> Run:
        """Say how a write of unknown outcome ended, as a person looked it up, and queue the run again.

        `done`: the record is there, `result` (plain JSON) is what the call would have answered. Otherwise it is made
        again under the same key. If the run failed since, it can be settled anew. Raises what `to_settle` raises.
        """
        with self._database.write("tool.settled") as connection:
            self._to_settle(connection, run_id, key)
            body = {"done": done, "by": by}
            self._entries.append_fact(connection, run_id, "tool.settled", key, body, payload={"result": result})
            return self._go_on(connection, run_id, by)

    # --- looking -------------------------------------------------------------------------------------------------

    def _get(self, connection: Connection, run_id: str) -> Run:
        row = connection.execute(_RUN, {"run": run_id}).one_or_none()
        if row is None:
            raise UnknownRun(f"There is no run {run_id!r}. `kontora runs list` shows them.")
        return Run.of(row)

    def get(self, run_id: str) -> Run:
        """One run. Raises `UnknownRun`."""
        with self._database.read() as connection:
            return self._get(connection, run_id)

    def definition(self, hash_: str) -> str:
        """The definition a run was started with, as canonical JSON."""
        query = select(tables.definitions.c.text).where(tables.definitions.c.hash == hash_)
        with self._database.read() as connection:
            return str(connection.execute(query).scalar_one())

    def page(
        self,
        *,
        states: Sequence[str] = (),
        workflow: str | None = None,
        parent: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Runs, newest first; children only when asked for by `parent`. Raises `ValueError` for a bad cursor."""
        query = select(tables.runs).where(R.parent_id == parent if parent else R.parent_id.is_(None))
        if workflow:
            query = query.where(R.workflow == workflow)
        if cursor:
            created, _, id_ = cursor.partition("~")
            query = query.where(tuple_(R.created_at, R.id) < (int(created), id_))
        query = query.order_by(R.created_at.desc(), R.id.desc()).limit(limit + 1)
        # One question per state: each is answered in order by an index, however many runs there are.
        asked = [query.where(R.state == state) for state in set(states)] if states else [query]
        with self._database.read() as connection:
            found = [Run.of(row) for one in asked for row in connection.execute(one)]
        rows = sorted(found, key=lambda run: (run.created_at, run.id), reverse=True)[: limit + 1]
        more = f"{rows[limit - 1].created_at}~{rows[limit - 1].id}" if len(rows) > limit else None
        return Page(rows[:limit], more)

    def children(self, run_id: str, step: str | None = None) -> list[Run]:
        """Runs started by a run's `for_each` steps, in the order they were started."""
        query = select(tables.runs).where(R.parent_id == run_id).order_by(*_STARTED)
        with self._database.read() as connection:
            return [Run.of(row) for row in connection.execute(query.where(R.parent_step == step) if step else query)]

    def family(self, run_id: str) -> list[Run]:
        """A run, its children, and theirs."""
        run = self.get(run_id)
        below: dict[str | None, list[Run]] = {}
        with self._database.read() as connection:
            query = select(tables.runs).where(R.root_id == run.root_id).order_by(*_STARTED)
            for row in connection.execute(query):
                one = Run.of(row)
                below.setdefault(one.parent_id, []).append(one)
        found = [run]
        for one in found:
            found.extend(below.get(one.id, ()))
        return found

    def to_send(self, resend_ms: int, limit: int = 500) -> list[Run]:
        """Runs that are due and not on their way, and runs whose lease has run out."""
        with self._database.read() as connection:
            return [Run.of(row) for row in connection.execute(_TO_SEND.limit(limit), {"resend_ms": resend_ms})]

    def mark_sent(self, run_ids: Sequence[str]) -> None:
        """Remember that the ids were handed to the broker. What somebody took meanwhile is left alone."""
        if run_ids:
            with self._database.write("run.sent") as connection:
                connection.execute(_SENT, {"runs": list(run_ids)})

    def mark_unsent(self, run_ids: Sequence[str]) -> None:
        """Take back that ids were handed to the broker: the sweeper sends them as soon as it can."""
        with self._database.write("run.unsent") as connection:
            connection.execute(_UNSENT, {"runs": list(run_ids)})

    def overdue(self) -> list[Run]:
        """Runs past their deadline that have not ended."""
        with self._database.read() as connection:
            return [Run.of(row) for row in connection.execute(_OVERDUE)]

    def neglected(self, for_ms: int, queues: Sequence[str] = ()) -> bool:
        """Whether a run of these queues (of all, if there are none) has been due for so long and nobody took it."""
        here = (_due(INSTANT - for_ms), *((R.queue.in_(queues),) if queues else ()))
        with self._database.read() as connection:
            return bool(connection.execute(select(exists().where(*here))).scalar())

    def to_stop(self) -> list[Run]:
        """Idle runs that were asked to stop."""
        with self._database.read() as connection:
            return [Run.of(row) for row in connection.execute(_TO_STOP)]

    def orphans(self) -> list[Run]:
        """Children that go on although their parent was cancelled or passed its deadline."""
        with self._database.read() as connection:
            return [Run.of(row) for row in connection.execute(_ORPHANS)]

    def held_by(self, owner_prefix: str) -> frozenset[tuple[str, int]]:
        """The claims (run, fence) of the workers whose name begins so."""
        query = select(R.id, R.fence).where(R.state == "running", R.owner.startswith(owner_prefix, autoescape=True))
        with self._database.read() as connection:
            return frozenset((row.id, row.fence) for row in connection.execute(query))

    def busy(self, queues: Sequence[str] = ()) -> bool:
        """Whether any run of these queues (of all, if there are none) is queued, running or about to be."""
        waiting = and_(text(ON_A_TIMER), R.waiting_for == "resource")
        here = (R.queue.in_(queues),) if queues else ()
        query = select(exists().where(or_(_is("queued", "running"), waiting), *here))
        with self._database.read() as connection:
            return bool(connection.execute(query).scalar())
