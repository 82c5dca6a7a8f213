"""Whoever lets agents work, alone or in a team, so that another engine than AutoGen could stand here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field

from kontora_agents.definition import AgentDefinition
from kontora_agents.grounding import Ungrounded
from kontora_agents.model import Model
from kontora_agents.seams import Seams, ToolSpec, Value

if TYPE_CHECKING:
    from kontora_agents.team import Team, TeamOutcome


class AgentOutcome(Value):
    """What came of an agent's step."""

    text: str = Field(description="the answer; if a limit was reached, the last thing said")
    turns: int = Field(description="answers of the model")
    tool_calls: int = Field(description="calls passed to the seams, refused ones included")
    prompt_tokens: int
    completion_tokens: int
    model: str
    rehearsal: bool = Field(description="scripted, not a language model")
    ended: Literal["answered", "limit"]
    ungrounded: list[Ungrounded] = Field(
        default_factory=list, description="figures, dates and ids of the text that nothing the agent was given holds"
    )


class AgentRunner(Protocol):
    """Lets agents work."""

    async def run(
        self,
        agent: AgentDefinition,
        name: str,
        task: str,
        tools: list[ToolSpec],
        seams: Seams,
        model: Model,
        model_name: str,
        evidence: Callable[[], list[str]],
    ) -> AgentOutcome:
        """Let an agent work on `task` until it answers or reaches a limit of its definition.

        `evidence` gives the texts that its figures may come from: the task and the tool results so far. Raises
        `TurnLeft` when the seams ask for it, `ModelError`, and whatever the seams raise against their promise. When it
        returns or raises, no tool call is under way.
        """
        ...

    async def run_team(self, team: Team, task: str, evidence: Callable[[], list[str]]) -> TeamOutcome:
        """Let a team work on `task` until it ends by its rule or reaches a limit. Raises as `run` does."""
        ...
