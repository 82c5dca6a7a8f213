"""The ledger as one object: open it once per process, after any fork."""

from __future__ import annotations

from collections.abc import Iterator

from kontora_workflows.ledger.alerts import Alerts
from kontora_workflows.ledger.approvals import Approvals
from kontora_workflows.ledger.artifacts import Artifacts
from kontora_workflows.ledger.chain import Break
from kontora_workflows.ledger.database import Database
from kontora_workflows.ledger.entries import Entries
from kontora_workflows.ledger.fires import Fires
from kontora_workflows.ledger.migration import Upgrade, refuse_newer, upgrade
from kontora_workflows.ledger.runs import Runs
from kontora_workflows.ledger.schedules import Schedules
from kontora_workflows.ledger.slots import Slots
from kontora_workflows.ledger.verification import Verification
from kontora_workflows.ledger.workers import Workers


class Ledger:
    """Runs, their entries, and the views of them. `url` is an SQLAlchemy URL of SQLite or PostgreSQL."""

    def __init__(self, url: str, *, migrate: bool = True) -> None:
        """Open the ledger and bring its schema up to date. Raises what `upgrade` raises."""
        self.database = Database(url)
        #: What opening it has changed; None if its schema was up to date.
        self.upgraded: Upgrade | None = None
        if migrate:
            try:
                self.upgraded = upgrade(self.database)
            except BaseException:
                self.database.close()
                raise
        self.entries = Entries(self.database)
        self.runs = Runs(self.database, self.entries)
        self.approvals = Approvals(self.database, self.entries)
        self.artifacts = Artifacts(self.database, self.entries)
        self.schedules = Schedules(self.database)
        self.fires = Fires(self.database)
        self.alerts = Alerts(self.database)
        self.workers = Workers(self.database)
        self.slots = Slots(self.database)

    def verify(self, run_id: str | None = None) -> Iterator[tuple[str, Break | None]]:
        """Check the chain of one run and its children, or of every run; gives each run id with its first break."""
        check = Verification(self.database)
        some = check.of_range() if run_id is None else check.of_runs([run.id for run in self.runs.family(run_id)])
        for one in some:
            yield one.run_id, one.broken

    def refuse_newer(self) -> None:
        """Raise `LedgerTooNew` if a newer Kontora has upgraded the ledger since it was opened."""
        refuse_newer(self.database)

    def close(self) -> None:
        """Dispose of the connections."""
        self.database.close()
