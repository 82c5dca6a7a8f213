"""Teams: several agents in one step, each at its own seams; what they did is replayed, not done again."""

from __future__ import annotations

from typing import Any

from tests.office import office
from tests.test_engine import HEAD

PAIR = (
    HEAD
    + """
agents:
  writer: {instructions: You write a note., tools: [book.people]}
  checker: {instructions: You check it.}
steps:
  - id: letter
    team:
      pattern: round_robin
      agents: [writer, checker]
      ends: {says: APPROVED, by: checker}
    with: {language: en}
"""
)

PAIR_SCRIPT: dict[str, Any] = {
    "workflow": "notes",
    "agents": {
        "writer": [{"calls": [{"tool": "book_people"}]}, {"say": "Dear all"}, {"say": "Dear Anna, dear Борис"}],
        "checker": [{"say": "Name them. Then it is\nnot approved."}, {"say": "Good.\n\n**Approved.**"}],
    },
}


def test_a_team_goes_round_until_the_word_is_said(ledger_url: str) -> None:
    with office(ledger_url, PAIR_SCRIPT) as here:
        run = here.work_until_rest(here.start(PAIR))
        assert run.state == "succeeded", run.error
        letter = here.result(run)["letter"]
        assert (letter["text"], letter["agent"], letter["ended"]) == ("Good.", "checker", "answered")
        assert [(one["who"], one["text"][:8]) for one in letter["transcript"]] == [
            ("writer", "Dear all"),
            ("checker", "Name the"),
            ("writer", "Dear Ann"),
            ("checker", "Good.\n\n*"),
        ]
        keys = [entry.key for entry in here.ledger.entries.of_run(run.id) if entry.kind == "model.answered"]
        assert keys == [f"letter/{key}" for key in ("writer/t0", "writer/t1", "checker/t0", "writer/t2", "checker/t1")]
