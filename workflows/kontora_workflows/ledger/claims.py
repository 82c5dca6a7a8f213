"""What other tables say about a run, held against its entries: its head, approvals, artifacts and definition."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, select

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import canonical
from kontora_workflows.ledger.creation import head_digest
from kontora_workflows.ledger.run import ENDED
from kontora_workflows.ledger.standalone import Break, Checked

A, D, F, P = tables.approvals.c, tables.definitions.c, tables.artifacts.c, tables.payloads.c

#: Kinds of entries that other tables are held against.
NOTED = frozenset(
    {
        "run.created",
        "run.state",
        "run.resumed",
        "ledger.restored",
        "approval.requested",
        "approval.edited",
        "approval.agreed",
        "approval.decided",
        "artifact.written",
        "payload.erased",
    }
)

#: Columns of a run by their name in its first entry.
_CREATED = {
    "workflow": "workflow",
    "definition": "definition_hash",
    "principal": "principal",
    "trigger": "trigger",
    "schedule": "schedule_id",
    "logical_at": "logical_at",
    "parent": "parent_id",
    "item": "item_key",
    "retry_of": "retry_of",
}
_ASKED = ("tool", "instance", "arguments_hash", "untrusted", "people")
#: How the payload of a decision begins.
COMMENT = '{"comment":'
#: Instants of one transaction that were read off the clock one after the other are at most so far apart.
_NEAR_MS = 60_000
_FILE = ("name", "media_type", "size", "sha256")

Where = Callable[[ColumnElement[str]], ColumnElement[bool]]


class Claims:
    """What the other tables say about the runs of one batch."""

    def __init__(self, connection: Connection, where: Where) -> None:
        self._definitions = dict(_definitions(connection, where))
        self._approvals = _by_run(connection.execute(_approvals(where)))
        #: What was said with decisions, by run and entry, as whoever reads the payloads finds it.
        self.comments: dict[tuple[str, int], str] = {}
        self.decided = {row.run_id for rows in self._approvals.values() for row in rows if row.decided_at is not None}
        self._artifacts = _by_run(_files(connection, where))
        removed = tables.removed_runs.c.id
        self._removed = set(connection.execute(select(removed).where(where(removed))).scalars())

    def first_break(self, run: Row[Any], checked: Checked) -> Break | None:
        """Where the first of these claims is not what the (sound) entries of the run say."""
        entries = _Noted(checked)
        if entries.created is None:
            return Break(run.id, 1, "its first entry does not say what it is")
        for seq, why in self._complaints(run, entries, entries.created):
            return Break(run.id, seq, why)
        return None

    def _complaints(self, run: Row[Any], entries: _Noted, created: dict[str, Any]) -> Iterator[tuple[int, str]]:
        if run.id in self._removed:
            yield 0, "it is on record as removed, and is there"
        for said, column in _CREATED.items():
            if created.get(said) != getattr(run, column):
                yield 1, f"the run has another {column} than its first entry"
        if canonical(created.get("bindings")) != run.bindings:
            yield 1, "the run has other bindings than its first entry"
        yield from _about_inputs(run, gone=1 in entries.erased)
        yield from _about_state(run, entries)
        yield from _about_beginning(run, created)
        yield from _about_times(run, entries, created)
        if self._definitions.get(run.definition_hash) != run.definition_hash:
            yield 1, "its definition was changed or is missing"
        yield from _about_approvals(entries, {row.id: row for row in self._approvals.get(run.id, ())})
        for row in self._approvals.get(run.id, ()):
            yield from _about_decision(row, entries, self.comments)
        yield from _about_files(entries, {row["id"]: row for row in self._artifacts.get(run.id, ())})


class _Noted:
    """The noted entries of a run, by what they are about."""

    def __init__(self, checked: Checked) -> None:
        self.all = checked.noted
        first = self.all[0] if self.all else None
        self.created = first[4] if first and first[:2] == (1, "run.created") else None
        self.erased: set[int] = set()
        self.erased_files: set[str] = set()
        self.erased_comments: set[str] = set()
        for _, kind, _, _, body in self.all:
            if kind == "payload.erased":
                self.erased.update(body.get("payloads", ()))
                self.erased_files.update(body.get("artifacts", ()))
                self.erased_comments.update(body.get("comments", ()))


def _about_inputs(run: Row[Any], *, gone: bool) -> Iterator[tuple[int, str]]:
    if run.inputs is None and not gone:
        yield 1, "its inputs are gone, and no entry says that they were erased"
    if run.inputs is not None and gone:
        yield 1, "its inputs were erased, and are there again"
    if run.inputs is not None and not gone and run.first_payload != f'{{"inputs":{run.inputs}}}':
        yield 1, "the run has other inputs than its first entry"


def _about_state(run: Row[Any], entries: _Noted) -> Iterator[tuple[int, str]]:
    last, state, error, restored = 1, "queued", None, (entries.created or {}).get("restored_at")
    for seq, kind, _, _, body in entries.all:
        if kind == "run.resumed":
            last, state, error = seq, "queued", None
        elif "state" in body and kind in ("run.state", "ledger.restored"):
            last, state, error = seq, body["state"], body.get("error")
        restored = body.get("restored_at", restored)
    # A wait that was over when it began, or that something from outside ended, is a place in the queue.
    if run.state != state and (run.state, state) != ("queued", "waiting"):
        yield last, f"the run is {run.state}, its entries say {state}"
    if run.error is not None and run.error != canonical(error):
        yield last, "the run has another error than its entries"
    if run.restored_at != restored:
        yield last, "the run and its entries disagree on when it was restored"


def _about_beginning(run: Row[Any], created: dict[str, Any]) -> Iterator[tuple[int, str]]:
    if "head" in created and created["head"] != head_digest(dict(run._mapping)):  # older entries do not say it
        yield 1, "the run has another place, key or version than when it began"


def _about_times(run: Row[Any], entries: _Noted, created: dict[str, Any]) -> Iterator[tuple[int, str]]:
    began = entries.all[0][2]
    started: int | None = None
    finished: int | None = None
    deadline = created.get("deadline_at")
    for _, kind, at, _, body in entries.all:
        if kind == "run.resumed":
            finished, deadline = None, None
        elif kind == "run.state" and body.get("state") in ENDED:
            finished = at
        elif kind == "run.state" and body.get("state") == "running":
            started = started or at
    if run.created_at != began:
        yield 1, "the run has another created_at than its first entry"
    for name, said in (("started_at", started), ("finished_at", finished)):
        if not _near(getattr(run, name), said):
            yield 1, f"the run has another {name} than its entries"
    if "deadline_at" in created and run.deadline_at != deadline:
        yield 1, "the run has another deadline_at than its entries"


def _near(one: int | None, other: int | None) -> bool:
    """Whether two looks at the clock within one transaction may have given these."""
    return one == other or (one is not None and other is not None and abs(one - other) <= _NEAR_MS)


def _about_decision(row: Row[Any], entries: _Noted, comments: dict[tuple[str, int], str]) -> Iterator[tuple[int, str]]:
    """How long an approval can be given, when it was decided, and what was said then.

    When it was asked for is not compared: its entry has the worker's count of time, and the database's clock may jump.
    """
    lasts, comment = 0, ""
    decided: int | None = None
    for seq, kind, at, _, body in entries.all:
        if body.get("approval") != row.id:
            continue
        if kind == "approval.requested":
            lasts = int(body.get("expires_in_ms", 0))
        elif kind == "approval.decided":
            decided, said = at, comments.get((row.run_id, seq))
            gone = seq in entries.erased or row.id in entries.erased_comments
            comment = "" if gone else json.loads(said)["comment"] if said else body.get("comment", "")
    if lasts and not _near(row.expires_at, row.requested_at + lasts):
        yield row.seq, f"approval {row.id} expires at another time than its entries say"
    if not _near(row.decided_at, decided):
        yield row.seq, f"approval {row.id} was decided at another time than its entries say"
    if (row.comment or "") != comment:
        yield row.seq, f"approval {row.id} has another comment than its entries"


def _about_approvals(entries: _Noted, rows: dict[str, Row[Any]]) -> Iterator[tuple[int, str]]:
    said: dict[str, dict[str, Any]] = {}
    for seq, kind, _, key, body in entries.all:
        if not kind.startswith("approval."):
            continue
        one = said.setdefault(str(body.get("approval")), dict(_PENDING))
        if kind == "approval.requested":
            one |= {"key": key, "seq": seq, **{name: body.get(name) for name in _ASKED}}
        elif kind == "approval.edited":
            one |= {"seq": seq, "arguments_hash": body.get("arguments_hash"), "agreed_by": None}
        elif kind == "approval.agreed":
            one |= {"agreed_by": body.get("by")}
        elif kind == "approval.decided":
            one |= {"state": body.get("decision"), "decided_by": body.get("by")}
    for id_, one in said.items():
        row = rows.pop(id_, None)
        if row is None:
            yield one.get("seq", 0), f"approval {id_} is missing"
        elif any(getattr(row, name) != value for name, value in one.items() if name != "state"):
            yield row.seq, f"approval {id_} is not what its entries say"
        elif row.content is not None and json.loads(row.content).get("title") != row.title:
            yield row.seq, f"approval {id_} has another title than its entry"
        elif row.state not in _LATER.get(one["state"], (one["state"],)):
            yield row.seq, f"approval {id_} is {row.state}, its entries say {one['state']}"
    for row in rows.values():
        yield row.seq, f"approval {row.id} is there, and no entry asked for it"


_PENDING = {"state": "pending", "decided_by": None, "agreed_by": None}

#: States that an approval goes on to without an entry of its own: with its call, or with the end of its run.
_LATER = {"pending": ("pending", "withdrawn"), "approved": ("approved", "used", "withdrawn")}


def _about_files(entries: _Noted, rows: dict[str, dict[str, Any]]) -> Iterator[tuple[int, str]]:
    for seq, kind, _, _, body in entries.all:
        if kind != "artifact.written":
            continue
        id_ = str(body.get("artifact"))
        row, gone = rows.pop(id_, None), id_ in entries.erased_files
        if row is None:
            yield seq, f"artifact {id_} is missing"
        elif any(row[name] != body.get(name) for name in _FILE):
            yield seq, f"artifact {id_} is not what its entry says"
        elif row["found"] is None and not gone:
            yield seq, f"the content of artifact {id_} is gone, and no entry says that it was erased"
        elif row["found"] is not None and gone:
            yield seq, f"artifact {id_} was erased, and is there again"
        elif row["found"] not in (None, row["sha256"]):
            yield seq, f"the content of artifact {id_} was changed"
    for id_ in rows:
        yield 0, f"artifact {id_} is there, and no entry names it"


def _approvals(where: Where) -> Any:
    same = (A.run_id == P.run_id) & (A.seq == P.seq)
    return (
        select(tables.approvals, P.content)
        .join_from(tables.approvals, tables.payloads, same, isouter=True)
        .where(where(A.run_id))
    )


def _definitions(connection: Connection, where: Where) -> Iterator[tuple[str, str]]:
    used = select(tables.runs.c.definition_hash).where(where(tables.runs.c.id))
    for hash_, text in connection.execute(select(D.hash, D.text).where(D.hash.in_(used))):
        yield hash_, hashlib.sha256(text.encode()).hexdigest()


def _files(connection: Connection, where: Where) -> Iterator[Any]:
    query = select(F.run_id, F.id, *(F[name] for name in _FILE), F.content).where(where(F.run_id))
    for row in connection.execute(query.execution_options(yield_per=8)):
        values = dict(row._mapping)
        content = values.pop("content")
        yield values | {"found": None if content is None else hashlib.sha256(content).hexdigest()}


def _by_run(rows: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["run_id"] if isinstance(row, dict) else row.run_id, []).append(row)
    return found
