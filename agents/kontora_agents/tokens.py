"""How long a prompt is and how large a context it needs: our own estimate, made before the server counts."""

from __future__ import annotations

import json

from kontora_agents.errors import ModelUnsuitable
from kontora_agents.seams import ModelAnswer, ModelRequest

#: Tokens a model may answer with, unless the request says otherwise.
ANSWER = 4096
#: Smallest context asked for. A changed context reloads the model, so sizes are few: this one doubled.
_SMALLEST = 8192
_PER_MESSAGE = 8
#: A prompt whose estimate is this much too high may still fit, so it is sent.
_DOUBT = 0.7
#: Shorter prompts are not compared with the server's count: the estimate is too coarse for them.
_COMPARED = 2000
#: Prompts from this estimate on tell something about a tokenizer; ratios outside these bounds tell of something else.
_TELLING, _LOWEST, _HIGHEST = 200, 0.6, 3.0
#: How fast an estimate that proved too high comes down; one that proved too low goes up at once.
_EASING = 0.2


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


class Estimates:
    """Estimates that learn: each model's tokenizer is known by what its server counted of earlier prompts."""

    def __init__(self) -> None:
        self._ratios: dict[str, float] = {}

    def of(self, request: ModelRequest) -> int:
        """Return about how many tokens the prompt of a request takes with its model."""
        return round(estimate_request(request) * self._ratios.get(request.model, 1.0))

    def learn(self, request: ModelRequest, counted: int) -> None:
        """Take note of how many tokens a prompt really took.

        Short prompts say little, and a count far below may be that of a prompt that was cached in part, or cut.
        """
        estimated = estimate_request(request)
        if estimated < _TELLING or not _LOWEST <= counted / estimated <= _HIGHEST:
            return
        now, before = counted / estimated, self._ratios.get(request.model, 1.0)
        self._ratios[request.model] = now if now > before else before + (now - before) * _EASING


def with_estimates(answer: ModelAnswer, prompt: int) -> ModelAnswer:
    """An answer that was not heard to its end, with estimates where its server would have counted tokens."""
    said = estimate(answer.text + answer.thinking)
    return answer.model_copy(update={"prompt_tokens": prompt, "completion_tokens": said})


def seems_cut(estimated: int, counted: int) -> bool:
    """Whether a server that counted so many tokens read far less than was sent. Of short prompts nothing is said."""
    return estimated >= _COMPARED and 0 < counted * 2 < estimated


def check_fit(prompt: int, largest: int | None) -> None:
    """Raise `ModelUnsuitable` if a prompt cannot fit into what a model holds, if that is known."""
    if largest is not None and prompt * _DOUBT + 1 > largest:
        raise ModelUnsuitable(
            f"The prompt takes about {prompt} tokens and the model holds {largest}.",
            hint="Give the agent less data, or choose a model with a longer context.",
        )


def plan_context(prompt: int, answer: int, largest: int | None) -> int:
    """Return the context to ask for. `largest` is what the model can hold, if known.

    Raises `ModelUnsuitable` if the prompt cannot fit.
    """
    check_fit(prompt, largest)
    size = _SMALLEST
    while size < prompt * 1.2 + answer:
        size *= 2
    return size if largest is None else min(size, largest)
