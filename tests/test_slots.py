"""A limited system is used by so many runs at once, on all workers together; the others wait as rows."""

from __future__ import annotations

import threading

from kontora_workflows.ledger import tables
from sqlalchemy import update

from tests.office import office
from tests.test_engine import READING
from tests.test_engine_stops import SLOW, wait_for


def test_a_run_that_gets_no_slot_waits_as_a_row_and_goes_on_when_one_is_free(ledger_url: str) -> None:
    with office(ledger_url) as here:
        here.most = 1
        here.notebook.slow.clear()
        first, second = here.start(SLOW), here.start(READING)
        working = threading.Thread(target=here.worker("one").work, args=(first.id,))
        working.start()
        wait_for(lambda: "slow_list" in here.notebook.asked)

        here.worker("two").work(second.id)
        waiting = here.ledger.runs.get(second.id)
        assert (waiting.state, waiting.waiting_for) == ("waiting", "resource")
        assert waiting.resource == "connector:notebook"
        assert here.notebook.asked == ["slow_list"]
        assert here.ledger.runs.busy()

        here.notebook.slow.set()
        working.join(10)
        assert [run.id for run in here.ledger.runs.to_send(0)] == [second.id]
        assert here.worker("two").work(second.id)
        assert here.ledger.runs.get(second.id).state == "succeeded"


def test_the_slot_of_a_dead_worker_is_free(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run, other = here.start(READING), here.start(READING)
        claim, later = here.ledger.runs.claim(run.id, "doomed", 30_000), here.ledger.runs.claim(other.id, "two", 30_000)
        assert claim is not None
        assert later is not None
        slots = here.ledger.slots
        assert slots.take("model:x", 1, run.id, claim.fence)
        assert slots.take("model:x", 1, run.id, claim.fence)  # the same run, once
        assert not slots.take("model:x", 1, other.id, later.fence)
        with here.ledger.database.write() as connection:
            connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(lease_until=1))
        assert slots.take("model:x", 1, other.id, later.fence)


def test_many_who_ask_at_once_get_as_many_slots_as_there_are(ledger_url: str) -> None:
    with office(ledger_url) as here:
        claims = []
        for _ in range(8):
            claim = here.ledger.runs.claim(here.start(READING).id, "one", 30_000)
            assert claim is not None
            claims.append(claim)
        start, got = threading.Barrier(8), []

        def take(index: int) -> None:
            start.wait()
            got.append(here.ledger.slots.take("connector:erp", 3, claims[index].run.id, claims[index].fence))

        takers = [threading.Thread(target=take, args=(index,)) for index in range(8)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        assert sum(got) == 3
