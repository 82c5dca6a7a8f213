"""How runs come into being: their rows, their ids and their first entries, for one or for many at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import canonical, digest
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.entries import Entries
from kontora_workflows.ledger.run import REPLAY_VERSION, NewRun, Run
from kontora_workflows.ledger.statement import Statement, together
from kontora_workflows.ledger.tables import Now

R = tables.runs.c

_ADD_RUN = Statement(tables.runs.insert())
_KEEP_DEFINITION = {
    name: Statement(dialect.insert(tables.definitions).on_conflict_do_nothing())
    for name, dialect in (("postgresql", postgresql), ("sqlite", sqlite))
}
_NOW = select(Now())
_PARENT = select(tables.runs.c.root_id, tables.runs.c.restored_at).where(tables.runs.c.id == bindparam("parent"))
#: What a new run has in common with its row.
_SHARED = {field.name for field in fields(NewRun)} & {column.name for column in tables.runs.c} - {"inputs", "bindings"}
#: Columns that never change, and that are no business of who reads the first entry.
_FROM_THE_START = (
    "root_id",
    "parent_step",
    "item_position",
    "idempotency_key",
    "request_hash",
    "replay_version",
)
_EMPTY: dict[str, Any] = {column.name: None for column in tables.runs.c}


class KeyReused(Exception):
    """The idempotency key was used before, for a different request."""


def create(database: Database, entries: Entries, new: NewRun, *, sent: bool) -> tuple[Run, bool]:
    """Store a run, or find the one that stands for the same request; see `Runs.create`. Raises `KeyReused`."""
    try:
        with database.write("run.created") as connection:
            return create_all_in(connection, entries, [new], sent=sent)[0], True
    except IntegrityError:
        same = existing(database, new)
        if same is None:
            raise
        if new.request_hash != same.request_hash:
            said = f"This Idempotency-Key belongs to run {same.id}, which was asked for differently."
            raise KeyReused(said) from None
        return same, False


def existing(database: Database, new: NewRun) -> Run | None:
    """The run of the same request (principal and idempotency key) or of the same fire, if there is one."""
    same: list[ColumnElement[bool]] = []
    if new.idempotency_key is not None:
        same.append(and_(R.principal == new.principal, R.idempotency_key == new.idempotency_key))
    if new.schedule_id is not None:
        same.append(and_(R.schedule_id == new.schedule_id, R.logical_at == new.logical_at))
    if not same:
        return None
    with database.read() as connection:
        row = connection.execute(select(tables.runs).where(or_(*same))).first()
        return Run.of(row) if row else None


def create_all_in(connection: Connection, entries: Entries, news: Sequence[NewRun], *, sent: bool = False) -> list[Run]:
    """Store runs inside an open transaction, without looking for existing ones; returns them in order.

    `sent`: their ids are handed to the broker as soon as the transaction is over.
    """
    if not news:
        return []
    now = connection.execute(_NOW).scalar_one()
    parents = {
        id_: connection.execute(_PARENT, {"parent": id_}).one() for id_ in {new.parent_id for new in news} if id_
    }
    rows = [_row(new, parents.get(new.parent_id or ""), now) for new in news]
    firsts = [
        entries.first(row["id"], now, "run.created", _about(new, row), payload={"inputs": new.inputs})
        for row, new in zip(rows, news, strict=True)
    ]
    for row, (entry, _, _) in zip(rows, firsts, strict=True):
        row |= {"head_seq": entry.seq, "head_hash": entry.hash, "sent_at": now if sent else None}
    definitions = {new.definition_hash: {"name": new.workflow, "text": new.definition} for new in news}
    texts = [{"hash": hash_, "created_at": now, **known} for hash_, known in definitions.items()]
    with together(connection):
        _KEEP_DEFINITION[connection.dialect.name].run_each(connection, texts)
        _ADD_RUN.run_each(connection, rows)
        entries.store(connection, firsts)
    return [Run.read(row) for row in rows]


def _row(new: NewRun, parent: Any, now: int) -> dict[str, Any]:
    due_at, id_ = now + new.delay_ms, _id(new)
    return {
        **_EMPTY,
        **{name: getattr(new, name) for name in _SHARED},
        "id": id_,
        "root_id": parent.root_id if parent else id_,
        "restored_at": parent.restored_at if parent else None,
        "inputs": canonical(new.inputs),
        "bindings": canonical(new.bindings),
        "replay_version": REPLAY_VERSION,
        "state": "queued",
        "fence": 0,
        "attempts": 0,
        "wakes": 0,
        "due_at": due_at,
        "deadline_at": due_at + new.deadline_ms if new.deadline_ms is not None else None,
        "created_at": now,
    }


def _about(new: NewRun, row: dict[str, Any]) -> dict[str, Any]:
    """What the first entry of a run says."""
    return {
        "workflow": new.workflow,
        "definition": new.definition_hash,
        "principal": new.principal,
        "trigger": new.trigger,
        "schedule": new.schedule_id,
        "logical_at": new.logical_at,
        "parent": new.parent_id,
        "item": new.item_key,
        "retry_of": new.retry_of,
        "bindings": new.bindings,
        **({"restored_at": row["restored_at"]} if row["restored_at"] else {}),
        "deadline_at": row["deadline_at"],
        "head": head_digest(row),
    }


def head_digest(row: Mapping[str, Any]) -> str:
    """A hash of what a run's row says of it from the beginning on, besides what its first entry says itself."""
    return digest([row[name] for name in _FROM_THE_START])


def _id(new: NewRun) -> str:
    """The id of a new run. The same item of a loop, or logical time of a schedule, gives the same.

    So a write that a run makes has the same key also after a restored backup, and is found where it was made before.
    """
    if new.parent_id is not None:
        place = canonical([new.parent_id, new.parent_step, new.item_key])
        born = ULID.from_str(new.parent_id.removeprefix("run_")).bytes[:6]
    elif new.schedule_id is not None and new.logical_at is not None:
        place, born = canonical([new.schedule_id, new.logical_at]), new.logical_at.to_bytes(6)
    else:
        return f"run_{ULID()}"
    return f"run_{ULID.from_bytes(born + hashlib.sha256(place.encode()).digest()[:10])}"
