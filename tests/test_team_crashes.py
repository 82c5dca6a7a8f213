"""A team's worker dies at every place there is; the next one goes on, and nothing is done or written twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from kontora_workflows import failpoints
from kontora_workflows.ledger.entries import LeaseLost
from kontora_workflows.ledger.run import Run

from tests.office import Office, office
from tests.test_teams import PAIR, PAIR_SCRIPT, PICKED, PICKED_SCRIPT, SWARM, SWARM_SCRIPT

TEAMS = {"round_robin": (PAIR, PAIR_SCRIPT), "selector": (PICKED, PICKED_SCRIPT), "swarm": (SWARM, SWARM_SCRIPT)}
#: Places that belong to other threads, or lie before the run is anybody's.
ELSEWHERE = ("run.heartbeat", "run.claim", "run.create", "approval.decided", "approval.expired")


class Death:
    """Lets a worker lose its run at the place `at`, as one does that was dead for a while."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.places = at, 0

    def __call__(self, name: str) -> None:
        if name.startswith(ELSEWHERE):
            return
        self.places += 1
        if self.places == self.at:
            raise LeaseLost(name)


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm(None)


def to_its_end(here: Office, run: Run) -> Run:
    """Work until the run has ended; a run whose worker is gone is taken over, and people say yes."""
    for _ in range(20):
        here.worker().work(run.id)
        now = here.ledger.runs.get(run.id)
        if now.state == "running":
            here.ledger.runs.heartbeat(run.id, now.fence, -1000)
        elif now.state == "waiting":
            for approval in here.ledger.approvals.page(state="pending", root_id=run.id)[0]:
                here.ledger.approvals.decide(approval.id, "approved", by="boss", comment="It is Борис.")
        elif now.state != "queued":
            return now
    raise AssertionError("the run does not come to its end")


@pytest.mark.parametrize("pattern", TEAMS)
def test_a_team_whose_worker_dies_anywhere_comes_to_the_same_end(ledger_url: str, pattern: str) -> None:
    text, script = TEAMS[pattern]
    with office(ledger_url, script) as here:
        failpoints.arm(count := Death())
        straight = to_its_end(here, here.start(text))
        assert straight.state == "succeeded", straight.error
        wanted, notes = here.result(straight), len(here.notebook.notes)
        stride = 1 if here.ledger.database.dialect == "sqlite" else 5  # the same places, each slower
        for at in range(1, count.places + 1, stride):
            here.notebook.asked.clear()
            failpoints.arm(Death(at))
            run = to_its_end(here, here.start(text))
            assert run.state == "succeeded", (at, run.error)
            assert here.result(run) == wanted, at
            answered = Counter(e.key for e in here.ledger.entries.of_run(run.id) if e.kind == "model.answered")
            assert set(answered.values()) == {1}, at
            assert [asked for asked in here.notebook.asked if asked.startswith("add_note")] == [
                "add_note It is Борис."
            ] * notes
