"""Whatever three workers, two people, a sweeper and the clock do to the ledger, in whatever order: its promises hold.

Hypothesis plays long sequences of calls on runs (see `ledger_player.py`). The same ones are played each time:
`LEDGER_SEED`, `LEDGER_EXAMPLES` and `LEDGER_STEPS` ask for others, as in

    LEDGER_SEED=7 LEDGER_EXAMPLES=5000 LEDGER_STEPS=80 pytest -s tests/test_ledger_states.py

What was played is printed, and of a failure the shortest sequence that shows it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.run import Failure

from tests.ledger_book import begun
from tests.ledger_states import play


def drawn(url: str, examples: int, steps: int = 40) -> None:
    """Play examples on a ledger; says which."""
    examples, steps = int(os.environ.get("LEDGER_EXAMPLES", examples)), int(os.environ.get("LEDGER_STEPS", steps))
    begin = int(os.environ.get("LEDGER_SEED", 1))
    print(f"LEDGER_SEED={begin} LEDGER_EXAMPLES={examples} LEDGER_STEPS={steps}")
    played = play(url, examples=examples, steps=steps, begin=begin)
    assert played.examples >= examples
    assert played.runs >= examples


@pytest.mark.timeout(0)
def test_the_promises_of_the_ledger_hold_in_sqlite_whatever_happens_in_whatever_order(tmp_path: Path) -> None:
    drawn(f"sqlite:///{tmp_path / 'ledger.db'}", 120)


@pytest.mark.timeout(0)
def test_the_promises_of_the_ledger_hold_in_postgresql_whatever_happens_in_whatever_order(postgres_url: str) -> None:
    drawn(postgres_url, 30)


def test_a_settled_run_goes_on_though_its_deadline_passed_while_it_waited_for_a_person(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    head = begun(ledger, deadline_ms=-1)
    ledger.entries.append(head, "tool.intended", "post", {"tool": "erp.post", "instance": "erp", "effect": "write"})
    ledger.entries.append(head, "tool.unknown", "post", {"tool": "erp.post", "instance": "erp"})
    ledger.runs.finish(head, "needs_review", failure=Failure("outcome_unknown", "Nobody knows."))
    assert ledger.runs.settle(head.run_id, "post", done=True, result={}, by="boss").state == "queued"
    assert ledger.runs.overdue() == []
    ledger.close()
