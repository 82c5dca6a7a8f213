"""What agents may still spend. It is counted from what the ledger holds, so that a replay comes to the same."""

from __future__ import annotations

from dataclasses import dataclass

from kontora_agents.definition import Limits
from kontora_agents.seams import ModelAnswer

from kontora_workflows.engine.journal import Journal
from kontora_workflows.ledger.chain import Entry


class Budget:
    """The limits of one agent, or of a team, and what was spent of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = self._tokens = self._calls = self._ms = 0

    def answered(self, answer: ModelAnswer, ms: int) -> None:
        """Count an answer of a model."""
        self._turns += 1
        self._tokens += answer.prompt_tokens + answer.completion_tokens
        self._ms += ms

    def called(self, ms: int) -> None:
        """Count a call of a tool."""
        self._calls += 1
        self._ms += ms

    @property
    def seconds_left(self) -> float:
        """How long a model may take to answer now."""
        return self._limits.seconds - self._ms / 1000

    def spent(self) -> str | None:
        """The limit that is used up, if one is, so that no answer would be read any more."""
        used = {"turns": self._turns >= self._limits.turns, "tokens": self._tokens >= self._limits.tokens}
        return next((name for name, over in {**used, "seconds": self.seconds_left <= 0}.items() if over), None)

    def spent_by_calling(self) -> str | None:
        """The limit that one more call would pass, if there is one."""
        return self.spent() or ("tool_calls" if self._calls >= self._limits.tool_calls else None)


@dataclass
class Shared:
    """What agents that work together have in common. `untrusted`: one of them has read what strangers wrote."""

    budget: Budget
    untrusted: bool = False


def time_of(journal: Journal, key: str, began: str, ended: Entry) -> int:
    """How long something took that the ledger holds, in milliseconds. What was found out later took no time."""
    start = journal.recorded(began, key)
    if start is None or ended.data.get("outcome") == "reconciled":
        return 0
    return max(0, ended.at - start.at)
