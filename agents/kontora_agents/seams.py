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
    """A tool as it is offered to a model. `name` is its wire name, e.g. `erp_open_invoices`.

    `writes` is for those who read its calls, and not told to the model.
    """

    name: str
    description: str
    parameters: dict[str, Any] = Field(description="JSON Schema of the arguments")
    writes: bool = Field(False, exclude=True)


class ToolCall(Value):
    """A call that a model proposes. `id` is ours: `call_<turn>_<position>`.

    `problem` says why it is not made but goes back to the model: what it says has no reading, or more than one.
    """

    id: str
    name: str
    arguments: dict[str, Any]
    problem: str = ""


def call_id(turn: int, position: int) -> str:
    """Return the id of the call at `position` (from 0) of the answer `turn` (from 0)."""
    return f"call_{turn}_{position}"


class Message(Value):
    """One message of a conversation. `name` and `call_id` tie a tool's result to its call.

    `failed` tells that the result is none, and why; it is not sent.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    calls: list[ToolCall] = Field(default_factory=list)
    name: str | None = None
    call_id: str | None = None
    failed: bool = Field(False, exclude=True)


class ModelRequest(Value):
    """What an agent asks its model: everything that decides the answer, and nothing else."""

    model: str
    messages: list[Message]
    tools: list[ToolSpec] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict, description="num_ctx, num_predict, temperature, seed")


class ModelAnswer(Value):
    """What the model said. Tokens are as counted by the server, or estimated where it was not heard to its end.

    `finish` is `length` if it was cut off, `endless` if it was left because it said the same again and again, and
    `unread` if it is not of the form that the server needs.
    """

    model: str
    text: str = ""
    calls: list[ToolCall] = Field(default_factory=list)
    thinking: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish: Literal["stop", "calls", "length", "endless", "unread"] = "stop"
    rehearsal: bool = Field(False, description="scripted, not a language model")


class Repair(Value):
    """What was read otherwise than it was written, because it has one reading only."""

    what: Literal["call", "name", "argument"]
    where: str = Field(description="the tool, or the tool and the argument: `erp_create_order.due_date`")
    before: Any
    after: Any
    why: str


class ToolAnswer(Value):
    """What the model is told a call gave: JSON text, or an explanation if `is_error`.

    `repeated`: how often this very call had been proposed before; a repetition is answered and not made.
    """

    content: str
    is_error: bool = False
    repeated: int = 0


class TurnLeft(Exception):
    """The turn has to be left now (approval, budget, cancel, lease). Raised by `Seams.ask` only, and carried to the
    caller of the runner beside AutoGen, which would turn it into text."""


class Seams(Protocol):
    """What stands behind an agent. Calls arrive one at a time; `turn` counts the model's answers from 0."""

    async def ask(
        self, turn: int, request: ModelRequest, send: Callable[[ModelRequest], Awaitable[ModelAnswer]]
    ) -> ModelAnswer:
        """Return the answer to `request`: a recorded one, or what `send` gives.

        Raises `TurnLeft`, `LimitReached`, `ModelError`."""
        ...

    async def repaired(self, turn: int, repairs: list[Repair]) -> None:
        """Take note of what was repaired in the answer `turn`. Never raises."""
        ...

    async def reached(self, turn: int, limit: str) -> None:
        """Take note that a limit of the agent (`turns`, `tool_calls`) ends its work before the question `turn`, which
        is not asked. Never raises."""
        ...

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        """Make a tool call, or refuse one with a problem, and return what the model may see.

        Never raises; to leave the turn it answers with a placeholder and lets the next `ask` raise `TurnLeft`."""
        ...
