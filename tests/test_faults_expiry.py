"""An approval whose time is over is decided once, however many sweepers look."""

from __future__ import annotations

import threading
import time

from kontora_workflows.ledger import tables
from sqlalchemy import update

from tests.office import office
from tests.test_engine import WRITING
from tests.test_faults_writes import passing_by


def test_of_many_sweepers_one_lets_an_approval_expire(ledger_url: str) -> None:
    with office(ledger_url) as here:
        runs = [here.work_until_rest(here.start(WRITING)) for _ in range(3)]
        with here.ledger.database.write() as connection:
            connection.execute(update(tables.approvals).values(expires_at=1))
        everybody = threading.Barrier(3)

        def sweep() -> None:
            everybody.wait()
            here.ledger.approvals.expire()

        sweepers = [threading.Thread(target=sweep) for _ in range(3)]
        for sweeper in sweepers:
            sweeper.start()
        for sweeper in sweepers:
            sweeper.join()
        for run in runs:
            assert here.kinds(run).count("approval.decided") == 1


def test_a_yes_that_comes_as_the_time_runs_out_is_not_taken_back(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.work_until_rest(here.start(WRITING))
        (approval,), _ = here.ledger.approvals.page(state="pending")

        def time_passes() -> None:
            """Its time runs out, and a sweeper looks at it, before the decision is committed."""
            time.sleep(0.4)
            if here.ledger.database.dialect == "sqlite":
                return  # one writer at a time
            sweeper = threading.Thread(target=here.ledger.approvals.expire)
            sweeper.start()
            sweeper.join(0.5)

        with here.ledger.database.write() as connection:
            soon = tables.Now() + 200
            connection.execute(update(tables.approvals).values(expires_at=soon))
        with passing_by({"approval.decided.before": time_passes}):
            here.ledger.approvals.decide(approval.id, "approved", by="boss")
        here.ledger.approvals.expire()
        assert here.ledger.approvals.get(approval.id).state == "approved"
        assert here.kinds(run).count("approval.decided") == 1
