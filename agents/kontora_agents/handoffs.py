"""Handing over: a tool that a member of a swarm calls to let somebody else go on. No system hears of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from autogen_agentchat.base import Handoff
from autogen_core import CancellationToken
from autogen_core.tools import BaseTool
from pydantic import BaseModel

from kontora_agents.seams import ModelAnswer, ModelRequest, Seams, ToolAnswer, ToolCall, ToolSpec

if TYPE_CHECKING:
    from kontora_agents.seams import Repair

_PREFIX = "hand_over_to_"
_SCHEMA = {
    "type": "object",
    "properties": {"message": {"type": "string", "description": "What they need to know, or what you ask of them"}},
    "required": ["message"],
}


def spec_of(target: str, purpose: str) -> ToolSpec:
    """The tool that hands over to `target`; `purpose` says what they are for."""
    about = f": {purpose}" if purpose else ""
    return ToolSpec(name=_PREFIX + target, description=f"Let {target} go on{about}", parameters=_SCHEMA)


def is_hand_over(tool: str) -> bool:
    """Whether a call of this tool hands over, or would."""
    return tool.startswith(_PREFIX)


class HandOver(Handoff):
    """AutoGen's handoff with a message of the speaker's own."""

    @classmethod
    def to(cls, target: str) -> HandOver:
        """The handoff to a member."""
        return cls(target=target, name=_PREFIX + target)

    @property
    def handoff_tool(self) -> BaseTool[BaseModel, BaseModel]:
        """The tool that AutoGen runs; it gives back the message."""
        return _Passing(self.name)


class _Words(BaseModel):
    message: str = ""


class _Passing(BaseTool[BaseModel, BaseModel]):
    """Never raises: AutoGen would hang. Odd arguments are a hand-over without words."""

    def __init__(self, name: str) -> None:
        super().__init__(_Words, _Words, name, "")

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> BaseModel:
        return args

    async def run_json(
        self, args: Mapping[str, Any], cancellation_token: CancellationToken, call_id: str | None = None
    ) -> Any:
        message = args.get("message", "")
        return message if isinstance(message, str) else ""

    def return_value_as_string(self, value: Any) -> str:
        return str(value)


class HandingOver:
    """Seams of a member of a swarm: a hand-over to nobody goes back to the model, all else goes on."""

    def __init__(self, seams: Seams, targets: list[str]) -> None:
        self._seams, self._targets = seams, [_PREFIX + target for target in targets]

    async def ask(
        self, turn: int, request: ModelRequest, send: Callable[[ModelRequest], Awaitable[ModelAnswer]]
    ) -> ModelAnswer:
        """As the seams behind."""
        return await self._seams.ask(turn, request, send)

    async def repaired(self, turn: int, repairs: list[Repair]) -> None:
        """As the seams behind."""
        await self._seams.repaired(turn, repairs)

    async def reached(self, turn: int, limit: str) -> None:
        """As the seams behind."""
        await self._seams.reached(turn, limit)

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        """As the seams behind; what would be a hand-over is no call."""
        if not is_hand_over(call.name):
            return await self._seams.call(turn, position, call)
        near = get_close_matches(call.name, self._targets, 1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        said = f"There is nobody to hand over to by {call.name!r}.{meant} You have: {', '.join(self._targets)}."
        return ToolAnswer(content=said, is_error=True)
