"""Moving the head of a run: new entries are stored where the chain ends as the writer saw it, and the run is theirs.

In a transaction of several statements, or as one statement, which PostgreSQL carries out as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, Table, Update, bindparam, exists, func, select, update

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.statement import Statement, together

R = tables.runs.c
Rows = Sequence[dict[str, Any]]

_MOVE = (
    update(tables.runs)
    .where(
        R.id == bindparam("run"),
        R.fence == bindparam("held"),
        R.state == "running",
        R.head_seq == bindparam("seen"),
    )
    .values(head_seq=bindparam("to_seq"), head_hash=bindparam("to_hash"))
)
#: The head is where this transaction moved it to: whoever else moved it came to another hash.
_MOVED = exists().where(
    R.id == bindparam("run"), R.head_seq == bindparam("to_seq"), R.head_hash == bindparam("to_hash")
)


@dataclass(frozen=True)
class Move:
    """From the entry `seen`, under the fence `held`, to the last one of `entries`.

    `entries` and `payloads` are rows of their tables, `changed` are columns of the run that change with it.
    """

    run: str
    held: int
    seen: int
    entries: Rows
    payloads: Rows
    changed: dict[str, Any]

    def do(self, connection: Connection) -> bool:
        """Move in an open transaction. False, and nothing is stored, if the head is not there or the run not ours."""
        values = self._values()
        to = {name: values[name] for name in ("run", "to_seq", "to_hash")}
        entries, payloads = ([{**row, **to} for row in rows] for rows in (self.entries, self.payloads))
        if any(isinstance(value, ClauseElement) for value in self.changed.values()):
            moved = connection.execute(_MOVE.values(**self.changed), values)
            _ADD.run_each(connection, entries)
            _ADD_PAYLOAD.run_each(connection, payloads)
        else:
            with together(connection):
                moved = _moving(tuple(self.changed)).run(connection, {**values, **self._new()})
                _ADD.run_each(connection, entries)
                _ADD_PAYLOAD.run_each(connection, payloads)
        return bool(moved.rowcount == 1)

    def do_alone(self, connection: Connection, also: tuple[Update, ...]) -> bool:
        """The same as one statement, on PostgreSQL. `also` is done with it: what concerns the run `run`."""
        rows = {"e": self.entries, "p": self.payloads}
        given = {
            f"{kind}{n}_{name}": value
            for kind in rows
            for n, row in enumerate(rows[kind])
            for name, value in row.items()
        }
        statement = _whole(tuple(self.changed), len(self.entries), len(self.payloads), also)
        found = statement.run(connection, {**self._values(), **self._new(), **given})
        return bool(found.fetchone()[0] == 1)

    def _values(self) -> dict[str, Any]:
        last = self.entries[-1]
        return {"run": self.run, "held": self.held, "seen": self.seen, "to_seq": last["seq"], "to_hash": last["hash"]}

    def _new(self) -> dict[str, Any]:
        return {f"new_{name}": value for name, value in self.changed.items()}


def _changing(names: tuple[str, ...]) -> Update:
    """What moves a head and changes columns of its run."""
    return _MOVE.values({name: bindparam(f"new_{name}", type_=R[name].type) for name in names})


@cache
def _moving(names: tuple[str, ...]) -> Statement:
    return Statement(_changing(names))


def _row(table: Table, prefix: str = "") -> Any:
    """The row of a table that parameters give."""
    return select(*(bindparam(prefix + column.name, type_=column.type) for column in table.c))


def _adding(table: Table) -> Statement:
    """What adds a row if the head was moved in this transaction."""
    return Statement(table.insert().from_select(list(table.c), _row(table).where(_MOVED)))


_ADD, _ADD_PAYLOAD = _adding(tables.entries), _adding(tables.payloads)


@cache
def _whole(names: tuple[str, ...], entries: int, payloads: int, also: tuple[Update, ...]) -> Statement:
    """One statement for so many rows; it answers whether the head was moved: 1 or 0."""
    moved = _changing(names).returning(R.id).cte("moved")
    wanted = [(tables.entries, f"e{number}_") for number in range(entries)]
    wanted += [(tables.payloads, f"p{number}_") for number in range(payloads)]
    parts = [
        table.insert().from_select(list(table.c), _row(table, prefix).select_from(moved)).cte(f"{prefix}row")
        for table, prefix in wanted
    ]
    parts += [one.where(exists(select(moved.c.id))).cte(f"also{number}") for number, one in enumerate(also)]
    return Statement(select(func.count()).select_from(moved).add_cte(*parts))
