"""Verification: every chain, its head, its payloads, and what the other tables say about the run."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from operator import itemgetter
from subprocess import PIPE, Popen

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select, true

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.claims import COMMENT, NOTED, Claims, Where
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.standalone import Break, check_run, stored_payload
from kontora_workflows.ledger.statement import Statement

R, E, P = tables.runs.c, tables.entries.c, tables.payloads.c

#: So many runs are read in one go, as they are at one instant.
_BATCH = 500
#: From so many entries on it pays to start further processes.
_MANY = 100_000
_PROGRAM = "from kontora_workflows.ledger.verification import work; work()"


@dataclass(frozen=True)
class Verified:
    """One run: how many entries and erased payloads it has, and what is wrong first."""

    run_id: str
    entries: int
    erased: int
    broken: Break | None


@dataclass
class Found:
    """What a verification came to."""

    runs: int = 0
    entries: int = 0
    erased: int = 0
    breaks: list[Break] = field(default_factory=list)

    def add(self, runs: int, entries: int, erased: int, breaks: Sequence[Break]) -> None:
        """Add to what was found so far."""
        self.runs, self.entries, self.erased = self.runs + runs, self.entries + entries, self.erased + erased
        self.breaks += breaks

    @classmethod
    def of(cls, checked: Iterable[Verified]) -> Found:
        """Count what came of checking some runs."""
        found = cls()
        for one in checked:
            found.add(1, one.entries, one.erased, [one.broken] if one.broken else [])
        return found


class Verification:
    """Checks the runs of one ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_runs(self, run_ids: Sequence[str]) -> Iterator[Verified]:
        """Check some runs, whether they are there or not."""
        for start in range(0, len(run_ids), _BATCH):
            some = run_ids[start : start + _BATCH]
            found = {one.run_id: one for one in self._batch(_among(some))}
            for id_ in some:
                yield found.get(id_) or Verified(id_, 0, 0, Break(id_, 0, "the run is missing"))

    def of_range(self, after: str = "", last: str | None = None) -> Iterator[Verified]:
        """Check all runs with an id above `after`, up to `last`, and entries there that belong to no run."""
        while True:
            ids = select(R.id).where(_between(after, last)(R.id)).order_by(R.id).limit(_BATCH)
            with self._database.read() as connection:
                some = connection.execute(ids).scalars().all()
            upto = some[-1] if len(some) == _BATCH else last
            yield from self._batch(_between(after, upto))
            if upto == last:
                return
            after = upto or ""

    def whole(self, processes: int = 1) -> Found:
        """Check the whole ledger, a large one in several processes."""
        with self._database.read() as connection:
            runs, entries = connection.execute(select(func.count(R.id), func.coalesce(func.sum(R.head_seq), 0))).one()
            shares = processes if entries >= _MANY else 1
            cuts = [_nth(connection, runs * share // shares) for share in range(1, shares)]
        if shares == 1:
            return Found.of(self.of_range())
        url = self._database.engine.url.render_as_string(hide_password=False)
        asked = [(url, after, last) for after, last in pairwise(["", *cuts, None])]
        workers = [Popen([sys.executable, "-c", _PROGRAM], stdin=PIPE, stdout=PIPE) for _ in asked]
        found = Found()
        for worker, share in zip(workers, asked, strict=True):
            assert worker.stdin is not None
            worker.stdin.write(pickle.dumps(share))  # the password in a URL is nobody's business
            worker.stdin.close()
        for worker in workers:
            assert worker.stdout is not None
            with worker:
                answer = worker.stdout.read()
            if worker.returncode:
                raise RuntimeError("A process that verified a part of the ledger broke off.")
            found.add(**vars(pickle.loads(answer)))
        return found

    def _batch(self, where: Where) -> list[Verified]:
        first = select(P.content).where(P.run_id == R.id, P.seq == 1).scalar_subquery().label("first_payload")
        entries = select(tables.entries).where(where(E.run_id)).order_by(E.run_id, E.seq)
        found = []
        with self._database.snapshot() as connection:
            runs = {row.id: row for row in connection.execute(select(tables.runs, first).where(where(R.id)))}
            claims = Claims(connection, where)
            payloads = _payloads(connection, where, claims)
            for run_id, rows in groupby(Statement(entries).rows(connection), itemgetter(0)):
                run, kept = runs.pop(run_id, None), payloads.pop(run_id, {})
                head = (run.head_seq, run.head_hash) if run is not None else None
                checked = check_run(run_id, rows, head, kept, NOTED)
                broken = checked.broken or (claims.first_break(run, checked) if run is not None else None)
                found.append(Verified(run_id, checked.entries, checked.erased, broken))
        for run_id, run in runs.items():
            found.append(Verified(run_id, 0, 0, check_run(run_id, (), (run.head_seq, run.head_hash), None).broken))
        for run_id in payloads.keys() - runs.keys():
            found.append(Verified(run_id, 0, 0, Break(run_id, 0, "payloads are there, and no entries")))
        return found


def _payloads(connection: Connection, where: Where, claims: Claims) -> dict[str, dict[int, str | None]]:
    """What the stored payloads come to, by run and entry."""
    found: dict[str, dict[int, str | None]] = {}
    query = select(P.run_id, P.seq, P.salt, P.content).where(where(P.run_id)).order_by(P.run_id, P.seq)
    for run_id, some in groupby(Statement(query).rows(connection), itemgetter(0)):
        rows = list(some)
        found[run_id] = {seq: stored_payload(salt, content) for _, seq, salt, content in rows}
        if run_id in claims.decided:
            said = {(run_id, seq): content for _, seq, _, content in rows if content}
            claims.comments |= {place: content for place, content in said.items() if content.startswith(COMMENT)}
    return found


def _among(run_ids: Sequence[str]) -> Where:
    return lambda column: column.in_([literal(id_) for id_ in run_ids])


def _between(after: str, last: str | None) -> Where:
    def where(column: ColumnElement[str]) -> ColumnElement[bool]:
        return and_(column > after, column <= last if last is not None else true())

    return where


def _nth(connection: Connection, position: int) -> str | None:
    return connection.execute(select(R.id).order_by(R.id).offset(position).limit(1)).scalar()


def work() -> None:
    """Check the part of a ledger that stdin asks for, and answer on stdout."""
    url, after, last = pickle.load(sys.stdin.buffer)
    database = Database(url)
    try:
        found = Found.of(Verification(database).of_range(after or "", last))
    finally:
        database.close()
    sys.stdout.buffer.write(pickle.dumps(found))
