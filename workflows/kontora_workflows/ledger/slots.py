"""Slots of limited resources, a connector or a model: so many runs use it at once, on all machines together.

A slot is held under the lease of its run: when the run moves on or its worker dies, the slot is free.
"""

from __future__ import annotations

from sqlalchemy import exists, select, update

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.database import Database, insert_ignore
from kontora_workflows.ledger.tables import Now

R = tables.runs.c
S = tables.slots.c


class Slots:
    """All slots of a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, resource: str, limit: int, run_id: str, fence: int) -> bool:
        """Take one of `limit` slots for a run that is being worked on. False if all are taken."""
        held = exists().where(
            R.id == S.run_id, R.fence == S.fence, R.state == "running", R.lease_until >= Now()
        )  # fmt: skip
        with self._database.write("slot.taken") as connection:
            connection.execute(tables.slots.delete().where(S.resource == resource, ~held))
            query = select(S.place, S.run_id, S.fence).where(S.resource == resource)
            taken = {row.place: (row.run_id, row.fence) for row in connection.execute(query)}
            if (run_id, fence) in taken.values():
                return True
            for place in range(limit):
                if place not in taken:
                    row = {"resource": resource, "place": place, "run_id": run_id, "fence": fence}
                    insert = insert_ignore(connection, tables.slots).values(**row).returning(S.place)
                    if connection.execute(insert).one_or_none() is not None:
                        return True
        return False

    def give_back(self, resource: str, run_id: str, fence: int) -> None:
        """Free a slot and let the run that has waited longest for one try now."""
        with self._database.write("slot.freed") as connection:
            mine = (S.resource == resource, S.run_id == run_id, S.fence == fence)
            connection.execute(tables.slots.delete().where(*mine))
            waiting = (R.state == "waiting", R.waiting_for == "resource", R.resource == resource)
            first = select(R.id).where(*waiting, R.due_at > Now()).order_by(R.due_at, R.id).limit(1).scalar_subquery()
            connection.execute(update(tables.runs).where(R.id == first, *waiting).values(due_at=Now(), sent_at=None))
