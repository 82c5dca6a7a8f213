"""What an error answer of Ollama means."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

from kontora_agents.errors import (
    ModelError,
    ModelMissing,
    ModelUnavailable,
    ModelUnsuitable,
    RehearsalMismatch,
)

_TOO_LONG = ("context length", "context size", "longer than the context", "exceeds the available context")


class NoTools(ModelUnsuitable):
    """The server takes no tools for this model."""


class UnreadCall(ModelError):
    """The model wrote a call that its server could not read. Whoever asks is told of it as an answer."""


def explain(status: int, body: bytes, model: str) -> ModelError:
    """Return the error that an HTTP error answer stands for."""
    text = said(body)
    if text.startswith("rehearsal script"):
        return RehearsalMismatch(text)
    if "file does not exist" in text:  # what a registry says while a model is pulled
        return ModelMissing(
            f"Ollama's library has no model {model!r}.", hint="Look the name up: `kontora models list --catalogue`."
        )
    if status == 404:
        return missing(model, ())
    if "does not support tools" in text:
        return cannot_call(model)
    if any(words in text for words in _TOO_LONG):
        return ModelUnsuitable(f"The prompt does not fit into the context of {model}.", detail=text)
    if "error parsing tool call" in text:
        return UnreadCall(detail=text)
    if "more system memory" in text:
        return ModelUnavailable(
            f"The model server has too little memory for {model}.", hint="Choose a smaller model.", detail=text
        )
    if status in (429, 503):
        return ModelUnavailable("The model server is busy.", hint="Try again later.", detail=text)
    if status >= 500:
        return ModelUnavailable(f"The model server failed ({status}).", hint="See its log.", detail=text)
    if status in (401, 403):
        return ModelError("The model server wants a login.", hint="Choose a model that runs here.", detail=text)
    return ModelError(f"The model server refused the request ({status}).", detail=text)


def missing(model: str, installed: Iterable[str]) -> ModelMissing:
    """Return the error for a model that is not there, with the nearest name that is."""
    names = {name.removesuffix(":latest"): name for name in installed}
    near = difflib.get_close_matches(model, names, 1, 0.5) or [name for name in names if name.startswith(model + ":")]
    instead = f", or use {names[near[0]]}, which is there" if near else ""
    return ModelMissing(f"The model server has no model {model!r}.", hint=f"ollama pull {model}{instead}")


def cannot_call(model: str) -> NoTools:
    """Return the error for a model that an agent with tools cannot use as others."""
    return NoTools(
        f"{model} cannot call tools, and this agent needs them.",
        hint="Choose a model that can: `kontora models list` shows which ones do.",
    )


def unreachable(url: str, detail: str) -> ModelUnavailable:
    """Return the error for a server that does not answer."""
    return ModelUnavailable(
        f"No model server answers at {url}.",
        hint="Start it (Ollama: `ollama serve`), or correct the address.",
        detail=detail,
    )


def said(body: bytes) -> str:
    """What an error answer says; an excerpt if it is no JSON."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return repr(body[:200])
    error = parsed.get("error") if isinstance(parsed, dict) else None
    return str(error.get("message") if isinstance(error, dict) else error or "")[:1000]
