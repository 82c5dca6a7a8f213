"""The worker of an agent that escalates dies at every place there is: a person is asked once, and so is the model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kontora_workflows import failpoints
from kontora_workflows.ledger.run import Run

from tests.test_team_crashes import ELSEWHERE, Death
from tests.two_models import TwoModelOffice, flow, two_models


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm(None)


def to_its_end(desk: TwoModelOffice, run: Run) -> Run:
    """Work until the run has ended; a run whose worker is gone is taken over, and the boss says yes."""
    runs = desk.here.ledger.runs
    for _ in range(20):
        desk.worker().work(run.id)
        now = runs.get(run.id)
        if now.state == "running":
            runs.heartbeat(run.id, now.fence, -1000)
        elif now.state == "waiting":
            desk.here.ledger.approvals.decide(desk.pending().id, "approved", by="boss")
        elif now.state != "queued":
            return now
    raise AssertionError("the run does not come to its end")


class Named(Death):
    """A death that knows the places it has passed. Where they are depends on how quick the models were."""

    def __init__(self, at: int | None = None) -> None:
        super().__init__(at)
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        if not self.at or len(self.names) < self.at:
            self.names += [] if name.startswith(ELSEWHERE) else [name]
        super().__call__(name)

    @property
    def lost_an_answer(self) -> bool:
        """Whether it came when the stronger model had answered, and that was not written down."""
        return "approval.used.after" in self.names and self.names[-1] in ("model.after", "model.answered.before")


def test_a_worker_that_dies_anywhere_asks_nobody_twice(ledger_url: str) -> None:
    with two_models(ledger_url) as desk:
        failpoints.arm(count := Named())
        straight = to_its_end(desk, desk.here.start(flow()))
        assert straight.state == "succeeded", straight.error
        wanted = desk.work_result(straight)
        stride = 1 if desk.here.ledger.database.dialect == "sqlite" else 5  # the same places, each slower
        died = []
        for at in range(1, count.places + 1, stride):
            desk.strong.asked.clear()
            failpoints.arm(death := Named(at))
            run = to_its_end(desk, desk.here.start(flow()))
            assert run.state == "succeeded", (at, run.error)
            assert desk.work_result(run) == wanted, at
            kinds = desk.here.kinds(run)
            once = ("approval.requested", "approval.decided", "model.escalated")
            assert [kinds.count(kind) for kind in once] == [1, 1, 1], at
            # What was sent and not yet written down is sent again, byte for byte; all else is sent once.
            assert len(desk.strong.asked) == 1 + death.lost_an_answer, (at, death.names[-1])
            assert len({str(body["messages"]) for body in desk.strong.asked}) == 1, at
            died.append(death.names[-1])
        assert {"approval.used.before", "approval.used.after", "model.before"} & set(died)
