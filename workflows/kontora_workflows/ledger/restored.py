"""After a backup was put in place of the ledger: nothing that may have been done since is done again unasked.

What happened between the backup and its restoring is not in the ledger: calls were made, approvals given, schedules
fired. So every run that could go on says in its chain that it was restored; those that were open wait for a person, and
in all of them the engine looks up a write by its key before it makes it. Schedules go on with their next time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select, update

from kontora_workflows.ledger import tables
from kontora_workflows.ledger.chain import canonical
from kontora_workflows.ledger.ledger import Ledger
from kontora_workflows.ledger.run import OPEN, Failure
from kontora_workflows.ledger.schedules import Schedule

R, S = tables.runs.c, tables.schedules.c

#: States that a run can leave, by itself or through a person.
_GOING_ON = OPEN | {"needs_review", "failed", "timed_out"}


@dataclass(frozen=True)
class Restored:
    """What was marked: runs that wait for a person now, how many others, and schedules that passed over times."""

    review: list[str]
    others: int
    schedules: list[str]


def mark_restored(ledger: Ledger, next_at: Callable[[Schedule, int], int | None], *, by: str) -> Restored:
    """Mark a ledger that was restored from a backup, all of it or nothing, before any worker starts.

    `next_at` gives the next logical time of a schedule after an instant.
    """
    now = ledger.database.now()
    late = {schedule.id: next_at(schedule, now) for schedule in ledger.schedules.due(now)}
    review, others = [], 0
    with ledger.database.write("ledger.restored") as connection:
        query = select(R.id, R.state).where(R.state.in_(_GOING_ON)).order_by(R.created_at, R.id)
        for run_id, state in connection.execute(query).all():
            body: dict[str, object] = {"by": by, "restored_at": now}
            columns: dict[str, object] = {"restored_at": now, "fence": R.fence + 1}
            if state in OPEN:
                error = _failure(run_id).as_json()
                body |= {"state": "needs_review", "error": error}
                columns |= {"state": "needs_review", "error": canonical(error), "waiting_for": None, "resource": None}
                columns |= {"owner": None, "lease_until": None, "sent_at": None, "attempts": 0}
                review.append(run_id)
            else:
                others += 1
            ledger.entries.append_fact(connection, run_id, "ledger.restored", body=body, state=columns)
        for schedule_id, at in late.items():
            connection.execute(update(tables.schedules).where(S.id == schedule_id).values(next_at=at))
        connection.execute(tables.slots.delete())
        connection.execute(tables.workers.delete())
    return Restored(review, others, list(late))


def _failure(run_id: str) -> Failure:
    return Failure(
        "restored",
        "The ledger was restored from a backup: what this run did after that is not in it.",
        f"See `kontora runs show {run_id}`, then `kontora runs resume {run_id}`: a write that may have been made "
        "is looked up by its key, and where that is not possible a person is asked.",
    )
