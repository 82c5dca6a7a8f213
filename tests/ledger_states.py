"""Plays the state machine of `ledger_player.py` on a ledger, and counts what it played."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger_clock import stopped_ledger
from tests.ledger_player import LedgerStates


@dataclass
class Played:
    """How many examples came to their end, and how many runs there were in them."""

    examples: int = 0
    runs: int = 0


def play(url: str, *, examples: int, steps: int, begin: int) -> Played:
    """Play so many examples, drawn from the seed `begin`. What breaks a promise is raised, cut down by Hypothesis."""
    plan = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    played = Played()
    with stopped_ledger(url) as stopped:

        class Counted(LedgerStates):
            def teardown(self) -> None:
                super().teardown()
                played.examples += 1
                played.runs += len(self.book.runs)

        @seed(begin)
        def machine() -> LedgerStates:
            return Counted(stopped)

        run_state_machine_as_test(machine, settings=plan)  # type: ignore[arg-type]
    return played
