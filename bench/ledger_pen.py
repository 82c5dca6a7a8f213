"""A claimed run, and ways to write to it: ours, and what a plain INSERT with a check of the fence costs."""

from __future__ import annotations

from kontora_workflows.ledger import Ledger, tables
from kontora_workflows.ledger.chain import GENESIS, canonical
from kontora_workflows.ledger.entries import Head
from kontora_workflows.ledger.run import NewRun
from sqlalchemy import bindparam, exists, insert, select, update

from bench.ledger_filling import BODY, DEFINITION, PAYLOAD

R, E = tables.runs.c, tables.entries.c
_KIND, _KEY = "tool.intended", "comment/clerk/t1/c0"

#: Statements are built once, as ours are.
_HELD = (R.id == bindparam("run_id"), R.fence == bindparam("fence"), R.state == "running")
_MOVE = (
    update(tables.runs)
    .where(
        R.id == bindparam("run"), R.fence == bindparam("held"), R.state == "running", R.head_seq == bindparam("seen")
    )
    .values(head_seq=bindparam("to_seq"), head_hash=bindparam("to_hash"))
)
_ADD, _ADD_PAYLOAD = insert(tables.entries), insert(tables.payloads)
_ADD_WHERE_HELD = (
    insert(tables.entries)
    .from_select(
        E.keys(),
        select(*(bindparam(column.name, type_=column.type) for column in E)).where(
            exists(select(R.id).where(*_HELD).with_for_update(read=True))
        ),
    )
    .execution_options(preserve_rowcount=True)
)


class Pen:
    """A claimed run of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        new = NewRun("bench", DEFINITION[0], DEFINITION[1], {}, "bench", "cli")
        claim = ledger.runs.claim(ledger.runs.create(new)[0].id, "bench", 3_600_000)
        assert claim is not None
        self._head = Head(claim.run.id, claim.fence, claim.run.head_seq, claim.run.head_hash, claim.claimed_at)
        self._text, self._content = canonical(BODY), canonical(PAYLOAD)

    def ours(self, payload: bool) -> None:
        """Append an entry."""
        self._ledger.entries.append(self._head, _KIND, _KEY, BODY, payload=PAYLOAD if payload else None)

    def bare(self, payload: bool) -> None:
        """Move the run's head where the fence still holds, and store a row of the same size; nothing is hashed."""
        head = self._head
        moved = {"run": head.run_id, "held": head.fence, "seen": head.seq, "to_seq": head.seq + 1, "to_hash": GENESIS}
        with self._ledger.database.write() as connection:
            if connection.execute(_MOVE, moved).rowcount != 1:
                raise AssertionError("the fence does not hold")
            connection.execute(_ADD, self._row())
            if payload:
                connection.execute(_ADD_PAYLOAD, self._payload())
        head.seq += 1

    def single(self, payload: bool) -> None:
        """Store such a row with one statement that looks at the fence; the run's head stays where it was."""
        with self._ledger.database.write() as connection:
            if connection.execute(_ADD_WHERE_HELD, self._row()).rowcount != 1:
                raise AssertionError("the fence does not hold")
            if payload:
                connection.execute(_ADD_PAYLOAD, self._payload())
        self._head.seq += 1

    def _row(self) -> dict[str, str | int]:
        head = self._head
        row: dict[str, str | int] = {"run_id": head.run_id, "seq": head.seq + 1, "at": 1, "kind": _KIND, "key": _KEY}
        return row | {"fence": head.fence, "body": self._text, "prev_hash": head.hash, "hash": GENESIS}

    def _payload(self) -> dict[str, str | int]:
        return {"run_id": self._head.run_id, "seq": self._head.seq + 1, "salt": "0" * 32, "content": self._content}
