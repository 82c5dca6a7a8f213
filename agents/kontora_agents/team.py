"""A team is data too: who belongs to it, who speaks next, when it ends. And what came of its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from kontora_agents.definition import AgentDefinition
from kontora_agents.model import Model
from kontora_agents.runner import AgentOutcome
from kontora_agents.seams import Seams, ToolSpec, Value

#: Who speaks next: the next one in the list; whom a model picks; whom the speaker hands over to.
Pattern = Literal["round_robin", "selector", "swarm"]

#: The member of a swarm who is no agent.
PERSON = "person"


@dataclass(frozen=True)
class Member:
    """An agent of a team, with its own seams, tools and model."""

    name: str
    agent: AgentDefinition
    tools: list[ToolSpec]
    seams: Seams
    model: Model
    model_name: str


@dataclass(frozen=True)
class Chooser:
    """The model that picks who speaks next. `chosen` is told of every choice: which, who, and who made it."""

    seams: Seams
    model: Model
    model_name: str
    chosen: Callable[[int, str, Literal["model", "order"]], None]


#: Asks a person: the number of the question (from 0), who asks, the question. Raises `TurnLeft` until it is answered.
AskPerson = Callable[[int, str, str], Awaitable[str]]


@dataclass(frozen=True)
class Team:
    """A team at work. It ends when a member writes the line `says` (of `by`, if named), or after `speeches`.

    A swarm ends when a member answers instead of handing over. `answer_of` names whose last words are the result; of
    several members' words the last ones are, if it is None.
    """

    pattern: Pattern
    members: list[Member]
    speeches: int
    says: str | None = None
    by: str | None = None
    answer_of: str | None = None
    chooser: Chooser | None = None
    person: AskPerson | None = None


class Said(Value):
    """One contribution. `to` is whom it hands over to."""

    who: str
    text: str
    to: str | None = None


class TeamOutcome(AgentOutcome):
    """What came of a team's step. Turns, calls and tokens are those of all members; `model` is that of `agent`."""

    agent: str = Field(description="who said the text")
    transcript: list[Said]
