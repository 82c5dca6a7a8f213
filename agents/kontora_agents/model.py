"""What every model client offers to whoever runs an agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import Field

from kontora_agents.seams import ModelAnswer, ModelRequest, Value


class Model(Protocol):
    """A way to ask language models by name."""

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Ask once. Calls of the answer carry our own ids. Raises `ModelError`."""
        ...

    async def aclose(self) -> None:
        """Close what the running event loop opened."""
        ...


class ModelInfo(Value):
    """What a server says about one of its models."""

    name: str
    size: int = Field(0, description="bytes on disk; 0 if the server did not say")
    digest: str = ""
    parameter_size: str = Field("", description="as the server writes it, e.g. `7.6B`")
    capabilities: list[str] = Field(default_factory=list, description="e.g. completion, tools, thinking")
    context_length: int | None = Field(None, description="tokens the architecture can hold at most")
    licence: str = Field(
        "", description="what its licence text was recognised as: an id of the catalogue, `unknown`, or no text"
    )

    @property
    def calls_tools(self) -> bool:
        """Whether the server says that this model can call tools."""
        return "tools" in self.capabilities

    @property
    def rehearsal(self) -> bool:
        """Whether this is a script and not a language model."""
        return "rehearsal" in self.capabilities


def context_length(facts: Mapping[str, Any]) -> int | None:
    """Return the tokens a model can hold, as `model_info` of Ollama's `/api/show` says it, or None."""
    length = facts.get(f"{facts.get('general.architecture')}.context_length")
    return length if isinstance(length, int) else None
