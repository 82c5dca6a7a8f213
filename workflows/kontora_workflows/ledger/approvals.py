"""Approvals: a person's yes or no to one exact call. Decisions are facts in the run's chain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select, tuple_, update
from ulid import ULID

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.entries import Entries, Head
from kontora_workflows.ledger.tables import INSTANT, Now

A = tables.approvals.c

#: pending → approved → used | rejected | expired | withdrawn (its run ended first)
ApprovalState = Literal["pending", "approved", "used", "rejected", "expired", "withdrawn"]


class UnknownApproval(LookupError):
    """There is no such approval."""


class AlreadyDecided(Exception):
    """Somebody (or the clock) decided first; `approval` shows how."""

    def __init__(self, approval: Approval) -> None:
        self.approval = approval
        who = f" by {approval.decided_by}" if approval.decided_by else ""
        super().__init__(f"Approval {approval.id} is {approval.state}{who}; a decision is made once.")


class SamePerson(Exception):
    """Two people have to agree, and this one has."""


@dataclass(frozen=True)
class Request:
    """What a person is asked: to let exactly this call be made."""

    key: str
    title: str
    tool: str
    instance: str
    arguments: dict[str, Any]
    arguments_hash: str
    untrusted: bool
    expires_in_ms: int
    people: int = 1
    instructions: str = ""


@dataclass(frozen=True)
class Approval:
    """One row of `approvals`, with the exact arguments from the ledger (None once erased)."""

    id: str
    run_id: str
    root_id: str
    key: str
    seq: int
    title: str
    tool: str
    instance: str
    arguments_hash: str
    untrusted: bool
    people: int
    agreed_by: str | None
    state: ApprovalState
    version: int
    requested_at: int
    expires_at: int
    decided_at: int | None
    decided_by: str | None
    comment: str | None
    arguments: dict[str, Any] | None
    instructions: str


def _approval(row: Row[Any]) -> Approval:
    values = dict(row._mapping)
    content = json.loads(values.pop("content") or "{}")
    return Approval(**values, arguments=content.get("arguments"), instructions=content.get("instructions", ""))


_QUERY = select(tables.approvals, tables.payloads.c.content).join_from(
    tables.approvals,
    tables.payloads,
    (A.run_id == tables.payloads.c.run_id) & (A.seq == tables.payloads.c.seq),
    isouter=True,
)


class Approvals:
    """All approvals of a ledger."""

    def __init__(self, database: Database, entries: Entries) -> None:
        self._database, self._entries = database, entries

    def request(self, head: Head, root_id: str, request: Request) -> None:
        """Ask for an approval: the entry and the row, in one transaction. Raises `LeaseLost`."""
        id_ = f"apr_{ULID()}"
        body = {
            "approval": id_,
            "tool": request.tool,
            "instance": request.instance,
            "arguments_hash": request.arguments_hash,
            "untrusted": request.untrusted,
            "people": request.people,
            "expires_in_ms": request.expires_in_ms,
        }
        payload = {
            "title": request.title,
            "arguments": request.arguments,
            "instructions": request.instructions,
        }
        with self._database.write("approval.requested") as connection:
            entry = self._entries.append_in(connection, head, "approval.requested", request.key, body, payload=payload)
            row = {
                "id": id_,
                "run_id": head.run_id,
                "root_id": root_id,
                "key": request.key,
                "seq": entry.seq,
                "title": request.title,
                "tool": request.tool,
                "instance": request.instance,
                "arguments_hash": request.arguments_hash,
                "untrusted": request.untrusted,
                "people": request.people,
                "state": "pending",
                "version": 1,
                "requested_at": Now(),
                "expires_at": Now() + request.expires_in_ms,
            }
            connection.execute(tables.approvals.insert().values(**row))

    def decide(
        self,
        approval_id: str,
        decision: Literal["approved", "rejected"],
        *,
        by: str,
        comment: str = "",
        version: int | None = None,
    ) -> Approval:
        """Record a decision and wake the run. Where two people have to agree, the first yes only counts.

        Raises `UnknownApproval`, `SamePerson`, or `AlreadyDecided` when it is not pending, out of time, or not at
        `version`.
        """
        with self._database.write("approval.decided") as connection:
            approval = self._open(connection, approval_id, version)
            if approval is not None:
                if decision == "approved" and approval.people > 1 and approval.agreed_by in (None, by):
                    self._agree(connection, approval, by, comment)
                else:
                    self._settle(connection, approval, decision, by, comment)
        if approval is None:
            self.expire()
            raise AlreadyDecided(self.get(approval_id))
        return self.get(approval_id)

    def _open(self, connection: Connection, approval_id: str, version: int | None) -> Approval | None:
        """Lock an approval that can be decided; None if its time is over. Raises `AlreadyDecided`."""
        approval = self._get(connection, approval_id, lock=True)
        if connection.execute(select(A.expires_at < Now()).where(A.id == approval_id)).scalar_one():
            return None
        if approval.state != "pending" or (version is not None and version != approval.version):
            raise AlreadyDecided(approval)
        return approval

    def _agree(self, connection: Connection, approval: Approval, by: str, comment: str) -> None:
        """Take note of the first of two."""
        if approval.agreed_by == by:
            raise SamePerson(f"{by} has agreed already; approval {approval.id} needs a second person.")
        values = {"agreed_by": by, "version": approval.version + 1}
        connection.execute(update(tables.approvals).where(A.id == approval.id).values(**values))
        body = {"approval": approval.id, "by": by, "arguments_hash": approval.arguments_hash}
        said = {"comment": comment} if comment else None
        self._entries.append_fact(connection, approval.run_id, "approval.agreed", approval.key, body, payload=said)

    def edit(
        self, approval_id: str, arguments: dict[str, Any], arguments_hash: str, *, by: str, version: int | None = None
    ) -> Approval:
        """Ask for other arguments instead: a new hash, to which nobody has agreed yet.

        `arguments` are canonical for the tool. Raises `UnknownApproval`, `AlreadyDecided`.
        """
        with self._database.write("approval.edited") as connection:
            approval = self._open(connection, approval_id, version)
            if approval is not None:
                body = {"approval": approval.id, "by": by, "arguments_hash": arguments_hash}
                payload = {
                    "title": approval.title,
                    "arguments": arguments,
                    "instructions": approval.instructions,
                }
                entry = self._entries.append_fact(
                    connection, approval.run_id, "approval.edited", approval.key, body, payload=payload
                )
                values = {"arguments_hash": arguments_hash, "seq": entry.seq, "agreed_by": None}
                update_row = update(tables.approvals).where(A.id == approval.id)
                connection.execute(update_row.values(**values, version=approval.version + 1))
        if approval is None:
            self.expire()
            raise AlreadyDecided(self.get(approval_id))
        return self.get(approval_id)

    def _settle(self, connection: Connection, approval: Approval, state: str, by: str, comment: str) -> None:
        values = {
            "state": state,
            "version": approval.version + 1,
            "decided_at": Now(),
            "decided_by": f"{approval.agreed_by}, {by}" if state == "approved" and approval.agreed_by else by,
            "comment": comment,
        }
        connection.execute(update(tables.approvals).where(A.id == approval.id).values(**values))
        body = {
            "approval": approval.id,
            "decision": state,
            "by": values["decided_by"],
            "arguments_hash": approval.arguments_hash,
        }
        said = {"comment": comment} if comment else None  # apart from the entry: a person may be spoken of
        self._entries.append_fact(
            connection, approval.run_id, "approval.decided", approval.key, body, payload=said, wake=True
        )

    def expire(self) -> int:
        """Turn every pending approval that is out of time into a no. Returns how many."""
        with self._database.write("approval.expired") as connection:
            # Locked, so that two sweepers, or a sweeper and a person, do not both decide.
            # A range with two ends is what PostgreSQL takes for small enough to look it up.
            late_ones = _QUERY.where(A.state == "pending", A.expires_at.between(0, INSTANT - 1)).order_by(A.run_id)
            rows = connection.execute(late_ones.with_for_update(of=tables.approvals, skip_locked=True))
            late = [_approval(row) for row in rows]
            for approval in late:
                self._settle(connection, approval, "expired", "the clock", "")
        return len(late)

    def use(self, connection: Connection, run_id: str, key: str) -> bool:
        """Spend an approval in the transaction that records the intent of its call. False if it cannot be used."""
        spent = connection.execute(
            update(tables.approvals)
            .where(A.run_id == run_id, A.key == key, A.state == "approved")
            .values(state="used", version=A.version + 1)
        )
        return spent.rowcount == 1

    def _get(self, connection: Connection, approval_id: str, *, lock: bool = False) -> Approval:
        query = _QUERY.where(A.id == approval_id)
        row = connection.execute(query.with_for_update(of=tables.approvals) if lock else query).one_or_none()
        if row is None:
            raise UnknownApproval(f"There is no approval {approval_id!r}. `kontora approvals list` shows them.")
        return _approval(row)

    def get(self, approval_id: str) -> Approval:
        """One approval. Raises `UnknownApproval`."""
        with self._database.read() as connection:
            return self._get(connection, approval_id)

    def of_call(self, run_id: str, key: str) -> Approval | None:
        """The approval that was asked for a call, if one was."""
        with self._database.read() as connection:
            row = connection.execute(_QUERY.where(A.run_id == run_id, A.key == key)).one_or_none()
            return _approval(row) if row else None

    def count(self, run_ids: Sequence[str], state: ApprovalState) -> int:
        """How many approvals of some runs are in a state."""
        query = select(func.count(A.id)).where(A.run_id.in_(run_ids), A.state == state)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def page(
        self, *, state: str | None = None, root_id: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Approval], str | None]:
        """Approvals, oldest first, and where to go on. Raises `ValueError` for a bad cursor."""
        query = _QUERY
        if state:
            query = query.where(A.state == state)
        if root_id:
            query = query.where(A.root_id == root_id)
        if cursor:
            at, _, id_ = cursor.partition("~")
            query = query.where(tuple_(A.requested_at, A.id) > (int(at), id_))
        with self._database.read() as connection:
            rows = [_approval(row) for row in connection.execute(query.order_by(A.requested_at, A.id).limit(limit + 1))]
        more = f"{rows[limit - 1].requested_at}~{rows[limit - 1].id}" if len(rows) > limit else None
        return rows[:limit], more


def etag(approval: Approval) -> str:
    """A strong validator of an approval's state and arguments, for `If-Match`."""
    return f'"{approval.version}-{approval.arguments_hash.removeprefix("sha256:")[:16]}"'
