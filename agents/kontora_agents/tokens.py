"""How long a prompt is and how large a context it needs: our own estimate, made before the server counts."""

from __future__ import annotations

import json

from kontora_agents.errors import ModelUnsuitable
from kontora_agents.seams import ModelRequest

#: Tokens a model may answer with, unless the request says otherwise.
ANSWER = 4096
#: Smallest context asked for. A changed context reloads the model, so sizes are few: this one doubled.
_SMALLEST = 8192
_PER_MESSAGE = 8
#: A prompt whose estimate is this much too high may still fit, so it is sent.
_DOUBT = 0.7


def estimate(text: str) -> int:
    """Return about how many tokens a text takes: 3 bytes of Latin text or JSON each, 2 letters of other scripts."""
    wide = len(text.encode("utf-8", "surrogatepass")) - len(text)
    return (len(text) - min(wide, len(text))) // 3 + wide // 2 + 1


def estimate_request(request: ModelRequest) -> int:
    """Return about how many tokens the prompt of a request takes, tools included."""
    total = 0
    for message in request.messages:
        total += _PER_MESSAGE + estimate(message.content)
        for call in message.calls:
            total += _PER_MESSAGE + estimate(json.dumps(call.arguments, ensure_ascii=False))
    for tool in request.tools:
        total += _PER_MESSAGE + estimate(tool.description) + estimate(json.dumps(tool.parameters, ensure_ascii=False))
    return total


def plan_context(prompt: int, answer: int, largest: int | None) -> int:
    """Return the context to ask for. `largest` is what the model can hold, if known.

    Raises `ModelUnsuitable` if the prompt cannot fit.
    """
    if largest is not None and prompt * _DOUBT + 1 > largest:
        raise ModelUnsuitable(
            f"The prompt takes about {prompt} tokens and the model holds {largest}.",
            hint="Give the agent less data, or choose a model with a longer context.",
        )
    size = _SMALLEST
    while size < prompt * 1.2 + answer:
        size *= 2
    return size if largest is None else min(size, largest)
