"""Appending to and reading from the chain of a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Update, bindparam, func, select, update

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import GENESIS, Entry, canonical, entry_hash, seal
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.move import Move
from kontora_workflows.ledger.open_writes import KINDS, open_writes
from kontora_workflows.ledger.statement import Statement
from kontora_workflows.ledger.tables import Now

R = tables.runs.c

_ADD, _ADD_PAYLOAD = Statement(tables.entries.insert()), Statement(tables.payloads.insert())
_LOCK = select(R.head_seq, R.head_hash, R.fence, R.wakes, Now()).where(R.id == bindparam("run")).with_for_update()


class LeaseLost(Exception):
    """Somebody else works on this run now, or it was stopped: leave it alone."""


@dataclass(frozen=True)
class Draft:
    """An entry before it has its place in the chain. `state` are columns of the run that change with it."""

    kind: str
    key: str | None
    body: dict[str, Any]
    payload: Any
    at: int
    state: dict[str, Any]


class Head:
    """The end of a run's chain as one worker knows it, and the worker's right to append there.

    The clock is the database's at the claim plus what our monotonic clock counted since. `drafts` are notes that go
    into the chain with the next entry, in its transaction; `written` is what that transaction wrote. `root`: the run is
    nobody's child.
    """

    def __init__(self, run_id: str, fence: int, seq: int, hash_: str, now: int, *, root: bool = False) -> None:
        self.run_id, self.fence, self.seq, self.hash, self.root = run_id, fence, seq, hash_, root
        self._now, self._started = now, time.monotonic()
        self.drafts: list[Draft] = []
        self.written: list[Entry] = []

    def clock(self) -> int:
        """Milliseconds since 1970 UTC, never going back."""
        return self._now + int((time.monotonic() - self._started) * 1000)

    def moved(self, sealed: Sequence[Sealed]) -> Entry:
        """Take note that these entries were written. Returns the last one."""
        last = sealed[-1][0]
        self.seq, self.hash = last.seq, last.hash
        self.drafts, self.written = [], [entry for entry, _, _ in sealed]
        return last


def _entry(row: Row[Any]) -> Entry:
    return Entry(**row._mapping)


#: An entry with its place in a chain, and the salt and text of its payload, empty if it has none.
Sealed = tuple[Entry, str, str]


def _sealed(head: Head, drafts: Iterable[Draft]) -> Iterator[Sealed]:
    """Chain drafts onto a head."""
    seq, previous = head.seq, head.hash
    for draft in drafts:
        data, salt, content = dict(draft.body), "", ""
        if draft.payload is not None:
            content = canonical(draft.payload)
            salt, data["payload"] = seal(content)
        text, seq = canonical(data), seq + 1
        hash_ = entry_hash(previous, head.run_id, seq, draft.at, draft.kind, draft.key, head.fence, text)
        yield Entry(head.run_id, seq, draft.at, draft.kind, draft.key, head.fence, text, previous, hash_), salt, content
        previous = hash_


def _rows(sealed: Sequence[Sealed]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of entries, and those of their payloads."""
    payloads = [
        {"run_id": entry.run_id, "seq": entry.seq, "salt": salt, "content": content}
        for entry, salt, content in sealed
        if salt
    ]
    return [entry.__dict__ for entry, _, _ in sealed], payloads


def _move(head: Head, draft: Draft) -> tuple[Move, list[Sealed]]:
    """What stores the notes of a head and one more entry behind them, and what they are then."""
    drafts = [*head.drafts, draft]
    sealed = list(_sealed(head, drafts))
    changed = {name: value for one in drafts for name, value in one.state.items()}
    return Move(head.run_id, head.fence, head.seq, *_rows(sealed), changed), sealed


class Entries:
    """The entries of all runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self,
        head: Head,
        kind: str,
        key: str | None = None,
        body: dict[str, Any] | None = None,
        *,
        payload: Any = None,
        state: dict[str, Any] | None = None,
        name: str | None = None,
        also: tuple[Update, ...] = (),
    ) -> Entry:
        """Append what a worker did, in a transaction called `name` or like the kind.

        `payload` (plain JSON) is stored apart, under a salted hash; `state` are columns of the run that change with the
        entry, and `also` (what concerns the run of the parameter `run`) is done with it. Raises `LeaseLost` when the
        worker's fence is no longer the run's.
        """
        name = name or kind
        draft = Draft(kind, key, body or {}, payload, head.clock(), state or {})
        if self._database.dialect == "postgresql":
            move, sealed = _move(head, draft)
            with self._database.alone(name) as connection:
                if move.do_alone(connection, also):
                    return head.moved(sealed)
        with self._database.write(name) as connection:
            entry = self._append(connection, head, draft)
            for one in also:
                connection.execute(one, {"run": head.run_id})
            return entry

    def note(
        self,
        head: Head,
        kind: str,
        key: str,
        body: dict[str, Any],
        *,
        payload: Any = None,
        state: dict[str, Any] | None = None,
    ) -> Entry:
        """Keep an entry for the next transaction of this head. It is lost with the process: only for what may be done
        again. Returns it with the place that it will most likely have."""
        draft = Draft(kind, key, body, payload, head.clock(), state or {})
        head.drafts.append(draft)
        text = canonical({**body, "payload": ""} if payload is not None else body)
        return Entry(head.run_id, head.seq + len(head.drafts), draft.at, kind, key, head.fence, text, "", "")

    def append_in(
        self,
        connection: Connection,
        head: Head,
        kind: str,
        key: str | None = None,
        body: dict[str, Any] | None = None,
        *,
        payload: Any = None,
        state: dict[str, Any] | None = None,
    ) -> Entry:
        """The same inside an open transaction; `state` may be computed by the database there."""
        return self._append(connection, head, Draft(kind, key, body or {}, payload, head.clock(), state or {}))

    def _append(self, connection: Connection, head: Head, draft: Draft) -> Entry:
        for _ in range(2):
            move, sealed = _move(head, draft)
            if move.do(connection):
                return head.moved(sealed)
            self._catch_up(connection, head)
        raise LeaseLost(f"run {head.run_id} moved on")

    def _catch_up(self, connection: Connection, head: Head) -> None:
        """A fact from outside may have been appended since; lock the row and look where the chain ends now."""
        columns = (tables.runs.c.fence, tables.runs.c.state, tables.runs.c.head_seq, tables.runs.c.head_hash)
        row = connection.execute(
            select(*columns).where(tables.runs.c.id == head.run_id).with_for_update()
        ).one_or_none()
        if row is None or row.fence != head.fence or row.state != "running":
            raise LeaseLost(f"run {head.run_id} is no longer ours")
        head.seq, head.hash = row.head_seq, row.head_hash

    def append_fact(
        self,
        connection: Connection,
        run_id: str,
        kind: str,
        key: str | None = None,
        body: dict[str, Any] | None = None,
        *,
        payload: Any = None,
        state: dict[str, Any] | None = None,
        wake: bool = False,
    ) -> Entry:
        """Append a fact from outside (a decision, a cancel request) under the run row's lock, and wake the run."""
        row = connection.execute(_LOCK, {"run": run_id}).one()
        head = Head(run_id, row.fence, row.head_seq, row.head_hash, row[4])
        sealed = list(_sealed(head, [Draft(kind, key, body or {}, payload, head.clock(), {})]))
        entry = sealed[0][0]
        values = {"head_seq": entry.seq, "head_hash": entry.hash, **(state or {})}
        if wake:
            values["wakes"] = row.wakes + 1
        connection.execute(update(tables.runs).where(tables.runs.c.id == run_id).values(**values))
        self.store(connection, sealed)
        if wake:
            connection.execute(
                update(tables.runs)
                .where(tables.runs.c.id == run_id, tables.runs.c.state == "waiting")
                .values(state="queued", waiting_for=None, due_at=Now(), sent_at=None)
            )
        return entry

    def first(self, run_id: str, at: int, kind: str, body: dict[str, Any], *, payload: Any) -> Sealed:
        """The first entry of a run, not stored yet."""
        head = Head(run_id, 0, 0, GENESIS, at)
        return next(_sealed(head, [Draft(kind, None, body, payload, at, {})]))

    def store(self, connection: Connection, sealed: Sequence[Sealed]) -> None:
        """Store entries and their payloads as they are."""
        entries, payloads = _rows(sealed)
        _ADD.run_each(connection, entries)
        _ADD_PAYLOAD.run_each(connection, payloads)

    def of_run(self, run_id: str, *, after: int = 0, limit: int | None = None) -> list[Entry]:
        """Entries of a run with a seq above `after`, in order."""
        query = (
            select(tables.entries)
            .where(tables.entries.c.run_id == run_id, tables.entries.c.seq > after)
            .order_by(tables.entries.c.seq)
        )
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(query.limit(limit) if limit else query)]

    def last_in(self, connection: Connection, run_id: str, kinds: Sequence[str], key: str) -> Entry | None:
        """The newest entry of some kinds under a key, inside an open transaction."""
        entries = tables.entries.c
        query = select(tables.entries).where(entries.run_id == run_id, entries.key == key, entries.kind.in_(kinds))
        row = connection.execute(query.order_by(entries.seq.desc()).limit(1)).one_or_none()
        return _entry(row) if row else None

    def open_writes_in(self, connection: Connection, run_id: str) -> list[Entry]:
        """The intents of a run's open writes, inside an open transaction."""
        entries = tables.entries.c
        query = select(tables.entries).where(entries.run_id == run_id, entries.kind.in_(KINDS)).order_by(entries.seq)
        return open_writes(_entry(row) for row in connection.execute(query))

    def of_kind(self, run_ids: Sequence[str], kind: str) -> list[Entry]:
        """Entries of one kind in some runs, in the order they were written."""
        entries = tables.entries.c
        query = select(tables.entries).where(entries.run_id.in_(run_ids), entries.kind == kind)
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(query.order_by(entries.at, entries.seq))]

    def count(self, run_ids: Sequence[str], kind: str) -> int:
        """How many entries of one kind some runs have."""
        entries = tables.entries.c
        query = (
            select(func.count()).select_from(tables.entries).where(entries.run_id.in_(run_ids), entries.kind == kind)
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def questions_outside(self, days: int) -> int:
        """How many questions went to models outside of the house, in runs that were begun in the last `days`."""
        entries = tables.entries.c
        asked = (entries.kind == "model.asked") & entries.body.contains('"zone":"external"')
        young = R.created_at > Now() - days * 86_400_000
        query = select(func.count()).select_from(tables.entries.join(tables.runs)).where(asked, young)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def payloads(self, run_id: str, seqs: Sequence[int] | None = None) -> dict[int, str | None]:
        """Payload texts of a run by seq; None where one was erased."""
        query = select(tables.payloads.c.seq, tables.payloads.c.content).where(tables.payloads.c.run_id == run_id)
        if seqs is not None:
            query = query.where(tables.payloads.c.seq.in_(seqs))
        with self._database.read() as connection:
            return {row.seq: row.content for row in connection.execute(query)}
