"""One question that holds all that an agent was given, for a model that is asked once and has no tools."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kontora_agents.dialogue import Dialogue
from kontora_agents.errors import AnswerUnusable
from kontora_agents.seams import Message, ModelAnswer, ModelRequest
from kontora_agents.task import render_task

_LOOKED_UP = "This was looked up for it, and nothing else can be:"
_NOTHING = "Nothing was looked up for it, and nothing can be."
#: What is longer is broken up, in characters.
_LINE = 400
_LAST = "Write the whole answer from what stands here, in the language of the task."


@dataclass(frozen=True)
class LookedUp:
    """A call of an agent, and what it gave."""

    tool: str
    arguments: dict[str, Any]
    result: Any


def render_question(data: dict[str, Any], looked_up: Sequence[LookedUp]) -> str:
    """The text of a question: the task, what every call gave, and that there is no more. Written to be read."""
    parts = [render_task(data, _json), _LOOKED_UP if looked_up else _NOTHING]
    for one in looked_up:
        parts += [f"{one.tool} {json.dumps(one.arguments, ensure_ascii=False)}", _json(one.result)]
    return "\n\n".join([*parts, _LAST])


class OneQuestion:
    """A question to a model, and how its answer is read: it is the last word, so nothing goes back."""

    def __init__(self, model: str, instructions: str, text: str) -> None:
        self._messages = [Message(role="system", content=instructions), Message(role="user", content=text)]
        self._dialogue = Dialogue(())
        #: What is sent.
        self.request: ModelRequest = self._dialogue.request(model, self._messages)

    def read(self, answer: ModelAnswer) -> str:
        """The text of an answer. Raises `AnswerUnusable`."""
        understood = self._dialogue.hear(answer, 0, self._messages, last=True)
        if understood is None or understood.calls:
            raise AnswerUnusable("The model called a tool, and it was given none.")
        return understood.text


def _json(value: Any, margin: str = "") -> str:
    """JSON for people: what fits into a line stands in one, so that a record can be read, and blacked out, as one."""
    flat, inner = json.dumps(value, ensure_ascii=False), f"{margin} "
    if len(flat) <= _LINE or not isinstance(value, dict | list):
        return flat
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_json(one, inner)}" for key, one in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{margin}}}"
    return "[\n" + ",\n".join(f"{inner}{_json(one, inner)}" for one in value) + f"\n{margin}]"
