"""Following a run: its new entries, and those of its children, since a cursor."""

from __future__ import annotations

import re

from sqlalchemy import select

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import Entry
from kontora_workflows.ledger.ledger import Ledger

R = tables.runs.c

#: `17.7K2M9QXZ-5`: 17 entries of the run were seen, and 5 of the child whose id ends so.
_CURSOR = re.compile(r"\d{1,18}(\.[0-9A-Z]{8}-\d{1,18})*")


class Follower:
    """Reads on where `cursor` ends. Entries of one run come in order; those of two runs as they are found."""

    def __init__(self, ledger: Ledger, run_id: str, cursor: str = "") -> None:
        """Begin at `cursor` (empty: at the beginning). Raises `UnknownRun`, `ValueError` for a bad cursor."""
        self._ledger, self._run_id = ledger, run_id
        self._root_id = ledger.runs.get(run_id).root_id
        self._seen = _read(cursor)
        self.items: dict[str, str | None] = {}
        self.state = ""

    @property
    def cursor(self) -> str:
        """Where the last read entry is; resumes after it."""
        children = (f".{name}-{seq}" for name, seq in self._seen.items() if name)
        return f"{self._seen.get('', 0)}{''.join(children)}"

    def read(self) -> list[tuple[str, Entry]]:
        """Return what is new, each entry with the cursor after it; also refreshes `state` and `items`."""
        found = []
        for run_id, head in self._heads():
            name = "" if run_id == self._run_id else run_id[-8:]
            seen = self._seen.get(name, 0)
            if head <= seen:
                continue
            for entry in self._ledger.entries.of_run(run_id, after=seen):
                self._seen[name] = entry.seq
                found.append((self.cursor, entry))
        return found

    def _heads(self) -> list[tuple[str, int]]:
        """How far the chains of the run and of everything below it go."""
        query = select(R.id, R.parent_id, R.item_key, R.state, R.head_seq).where(R.root_id == self._root_id)
        with self._ledger.database.read() as connection:
            rows = {row.id: row for row in connection.execute(query.order_by(R.created_at, R.item_position, R.id))}
        found = []
        for id_, row in rows.items():
            above = row
            while above.id != self._run_id and above.parent_id is not None:
                above = rows[above.parent_id]
            if above.id == self._run_id:
                found.append((id_, row.head_seq))
                self.items[id_] = row.item_key if id_ != self._run_id else None
        self.state = rows[self._run_id].state
        return found


def _read(cursor: str) -> dict[str, int]:
    if not cursor:
        return {}
    if not _CURSOR.fullmatch(cursor):
        raise ValueError(f"{cursor!r} is not an event id of this stream.")
    own, *children = cursor.split(".")
    return {"": int(own)} | {name: int(seq) for name, _, seq in (child.partition("-") for child in children)}
