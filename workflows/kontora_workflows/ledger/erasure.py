"""Erasing one person: what is found of them loses its content and its salt, and the chain says so.

Payloads and files are erased whole, and with them what was copied out of them into other tables. Entries cannot be
changed: where one speaks of the person itself (a key, an error message), that is found and told, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, select, update

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.ledger import Ledger
from kontora_workflows.ledger.person import Person
from kontora_workflows.ledger.run import AT_REST

A, E, F = tables.approvals.c, tables.entries.c, tables.artifacts.c
P, R, S = tables.payloads.c, tables.runs.c, tables.schedules.c

#: So many rows are held at once while looking for somebody.
_ROWS = 500
_ERASED = "(erased)"


class NotAtRest(Exception):
    """Runs that speak of the person have not ended; `run_ids` names them, `erased` is what was erased elsewhere."""

    def __init__(self, run_ids: list[str], erased: Sequence[Traces] = ()) -> None:
        self.run_ids, self.erased = run_ids, list(erased)
        super().__init__(f"{len(run_ids)} runs that speak of the person are still going on.")


@dataclass
class Traces:
    """What one run holds of a person. `stays` are entries that speak of them and cannot be changed."""

    run_id: str
    payloads: list[int] = field(default_factory=list)
    artifacts: dict[str, str] = field(default_factory=dict)  # name by id
    comments: list[str] = field(default_factory=list)  # approvals
    stays: list[int] = field(default_factory=list)

    @property
    def erasable(self) -> bool:
        """Whether there is anything that can be erased."""
        return bool(self.payloads or self.artifacts or self.comments)


@dataclass
class Search:
    """What the ledger holds of a person. `unread` are files in other runs that could not be looked into."""

    runs: dict[str, Traces] = field(default_factory=dict)
    schedules: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def of(self, run_id: str) -> Traces:
        """The traces in one run."""
        return self.runs.setdefault(run_id, Traces(run_id))


class Erasure:
    """Looks for a person and erases them."""

    def __init__(self, ledger: Ledger, person: Person) -> None:
        self._ledger, self._person = ledger, person

    def search(self) -> Search:
        """Read everything that the ledger holds. Nothing is changed."""
        found = Search()
        with self._ledger.database.snapshot() as connection:
            for run_id, seq in self._payloads(connection):
                found.of(run_id).payloads.append(seq)
            self._comments(connection, found)
            self._artifacts(connection, found)
            for run_id, seq in self._entries(connection):
                found.of(run_id).stays.append(seq)
            for id_, inputs in connection.execute(select(S.id, S.inputs)):
                found.schedules += [id_] if self._person.in_text(inputs) else []
        return found

    def _payloads(self, connection: Connection) -> Iterator[tuple[str, int]]:
        query = select(P.run_id, P.seq, P.content).where(P.content.is_not(None)).order_by(P.run_id, P.seq)
        for run_id, seq, content in connection.execute(query.execution_options(yield_per=_ROWS)):
            if self._person.in_text(content):
                yield run_id, seq

    def _comments(self, connection: Connection, found: Search) -> None:
        query = select(A.run_id, A.id, A.comment).where(A.comment.is_not(None), A.comment != "")
        for run_id, id_, comment in connection.execute(query.execution_options(yield_per=_ROWS)):
            if self._person.in_text(comment):
                found.of(run_id).comments.append(id_)

    def _artifacts(self, connection: Connection, found: Search) -> None:
        query = select(F.run_id, F.id, F.name, F.media_type, F.content).where(F.content.is_not(None))
        for run_id, id_, name, media_type, content in connection.execute(query.execution_options(yield_per=8)):
            speaks = self._person.in_file(media_type, bytes(content))
            if speaks or (speaks is None and run_id in found.runs):
                found.of(run_id).artifacts[id_] = name
            elif speaks is None:
                found.unread.append(id_)

    def _entries(self, connection: Connection) -> Iterator[tuple[str, int]]:
        query = select(E.run_id, E.seq, E.key, E.body).order_by(E.run_id, E.seq)
        for run_id, seq, key, body in connection.execute(query.execution_options(yield_per=_ROWS)):
            if self._person.in_text(body) or self._person.in_text(key):
                yield run_id, seq

    def erase(self, found: Search, *, by: str, cancel: bool = False) -> list[Traces]:
        """Erase what can be; return it by run. All runs have to be at rest: `cancel` asks those that go on to stop.

        Raises `NotAtRest`, before anything is erased unless a run is resumed meanwhile; ask again when their workers
        have let go of them.
        """
        touched = [traces for traces in found.runs.values() if traces.erasable]
        busy = self._busy(touched)
        if cancel and busy:
            for run_id in busy:
                self._ledger.runs.request_cancel(run_id, by=by)
            busy = self._busy(touched)
        if busy:
            raise NotAtRest(busy)
        erased, busy = [], []
        for traces in touched:
            with self._ledger.database.write("payload.erased") as connection:
                if self._erase(connection, traces, by):
                    erased.append(traces)
                else:
                    busy.append(traces.run_id)
        if busy:
            raise NotAtRest(busy, erased)
        return erased

    def _busy(self, touched: list[Traces]) -> list[str]:
        states = {traces.run_id: self._ledger.runs.get(traces.run_id).state for traces in touched}
        return [run_id for run_id, state in states.items() if state not in AT_REST]

    def _erase(self, connection: Connection, traces: Traces, by: str) -> bool:
        run_id, seqs = traces.run_id, traces.payloads
        state = connection.execute(select(R.state).where(R.id == run_id).with_for_update()).scalar_one()
        if state not in AT_REST:
            return False
        for start in range(0, len(seqs), _ROWS):
            some = seqs[start : start + _ROWS]
            content = update(tables.payloads).where(P.run_id == run_id, P.seq.in_(some))
            connection.execute(content.values(salt=None, content=None))
            titles = update(tables.approvals).where(A.run_id == run_id, A.seq.in_(some))
            connection.execute(titles.values(title=_ERASED))
        comments = update(tables.approvals).where(A.run_id == run_id, A.id.in_(traces.comments))
        connection.execute(comments.values(comment=None))
        files = update(tables.artifacts).where(F.run_id == run_id, F.id.in_(traces.artifacts))
        connection.execute(files.values(content=None))
        body = {"by": by, "payloads": seqs, "artifacts": sorted(traces.artifacts), "comments": traces.comments}
        gone = {"inputs": None} if 1 in seqs else {}
        self._ledger.entries.append_fact(connection, run_id, "payload.erased", body=body, state=gone)
        return True
