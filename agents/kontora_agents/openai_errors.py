"""What an error answer of an OpenAI-compatible server means."""

from __future__ import annotations

from kontora_agents import ollama_errors
from kontora_agents.errors import ModelError, ModelUnsuitable
from kontora_agents.ollama_errors import NoTools, said
from kontora_agents.openai_wire import QUIRKS

#: What servers say when they were started without a parser for calls, or know of none.
_NO_TOOLS = ("tool choice requires", "tool-call-parser", "does not support tool", "tools are not supported", "--jinja")
_TOO_LONG = ("maximum context length", "context_length_exceeded", "exceeds the available context", "too many tokens")


class Quirk(ModelError):
    """The server does not take a part of the request. `name` says which."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"The model server does not take {name!r}.", detail=detail)
        self.name = name


def explain(status: int, body: bytes, model: str) -> ModelError:
    """Return the error that an HTTP error answer stands for."""
    text = said(body)
    words = text.casefold()
    if status in (400, 404, 422, 500) and any(marker in words for marker in _NO_TOOLS):
        return NoTools(
            f"The server takes no tools for {model}.",
            hint="vLLM: start it with --enable-auto-tool-choice and --tool-call-parser; llama.cpp: with --jinja.",
            detail=text,
        )
    if status in (400, 422):
        if any(marker in words for marker in _TOO_LONG):
            return ModelUnsuitable(f"The prompt does not fit into the context of {model}.", detail=text)
        for name in QUIRKS:
            if name in words:
                return Quirk(name, text)
    if status == 404:
        return ollama_errors.missing(model, ()) if "model" in words else ollama_errors.explain(status, body, model)
    return ollama_errors.explain(status, body, model)
