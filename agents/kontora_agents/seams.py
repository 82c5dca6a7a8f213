"""The two seams through which an agent touches the world: it asks a model, and it calls a tool.

Whoever runs the agent (the durable engine above, or a test) stands behind `Seams`: it may answer from a ledger
instead of the world, count, refuse, or ask for the turn to be left. AutoGen never knows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field


class Value(BaseModel):
    """A frozen value that can be written to the ledger as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolSpec(Value):
    """A tool as it is offered to a model. `name` is its wire name, e.g. `erp_open_invoices`."""

    name: str
    description: str
    parameters: dict[str, Any] = Field(description="JSON Schema of the arguments")


class ToolCall(Value):
    """A call that a model proposes. `id` is ours: `call_<turn>_<position>`."""

    id: str
    name: str
    arguments: dict[str, Any]


def call_id(turn: int, position: int) -> str:
    """Return the id of the call at `position` (from 0) of the answer `turn` (from 0)."""
    return f"call_{turn}_{position}"


class Message(Value):
    """One message of a conversation. `name` and `call_id` tie a tool's result to its call."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    calls: list[ToolCall] = Field(default_factory=list)
    name: str | None = None
    call_id: str | None = None


class ModelRequest(Value):
    """What an agent asks its model: everything that decides the answer, and nothing else."""

    model: str
    messages: list[Message]
    tools: list[ToolSpec] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict, description="num_ctx, num_predict, temperature, seed")


class ModelAnswer(Value):
    """What the model said. Tokens are as counted by the server."""

    model: str
    text: str = ""
    calls: list[ToolCall] = Field(default_factory=list)
    thinking: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: Literal["stop", "calls", "length"] = "stop"
    rehearsal: bool = Field(False, description="scripted, not a language model")


class ToolAnswer(Value):
    """What the model is told a call gave: JSON text, or an explanation if `is_error`."""

    content: str
    is_error: bool = False


class TurnLeft(Exception):
    """The turn has to be left now (approval, budget, cancel, lease). Raised by `Seams.ask` only, and carried to the
    caller of the runner beside AutoGen, which would turn it into text."""


class Seams(Protocol):
    """What stands behind an agent. Calls arrive one at a time; `turn` counts the model's answers from 0."""

    async def ask(
        self, turn: int, request: ModelRequest, send: Callable[[ModelRequest], Awaitable[ModelAnswer]]
    ) -> ModelAnswer:
        """Return the answer to `request`: a recorded one, or what `send` gives. Raises `TurnLeft`, `ModelError`."""
        ...

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        """Make a tool call and return what the model may see. Never raises; to leave the turn it answers with a
        placeholder and lets the next `ask` raise `TurnLeft`."""
        ...
