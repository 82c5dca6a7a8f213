"""An agent's dialogue with its model: what is asked, and asked again where an answer cannot be taken as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import takewhile
from typing import Literal

from kontora_agents.errors import AnswerUnusable
from kontora_agents.reading.corrections import correction, out_of_the_loop, said
from kontora_agents.reading.languages import Language, language_of, spoken
from kontora_agents.reading.understanding import Task, Understood, understand
from kontora_agents.reading.verdicts import Fault
from kontora_agents.seams import Message, ModelAnswer, ModelRequest, ToolSpec
from kontora_agents.tokens import ANSWER

#: How often in a row a model is put right.
MOST_CORRECTIONS = 2
#: How much of an answer that was not taken goes back to the model, in characters.
_EXCERPT = 500
_HINT = "Choose another model: `kontora models recommend` names some, `kontora models bench` tries one."


class Dialogue:
    """The asides of one agent's conversation, and the tools that are left.

    AutoGen keeps the conversation and knows nothing of corrections; they are put in where they were said, so that a
    prompt only ever grows.
    """

    def __init__(
        self,
        tools: Sequence[ToolSpec],
        anyhow: Callable[[str], bool] = lambda name: False,
        *,
        alone: bool = False,
        founded: bool = False,
    ) -> None:
        """`anyhow`: whether a tool is called whatever its arguments are. `alone`: nobody else works on the task.
        `founded`: the values of a write have to come from the task or a tool."""
        self._alone, self._founded = alone, founded
        self._known, self._anyhow = {spec.name: spec for spec in tools}, anyhow
        self._withheld: set[str] = set()
        self._asides: dict[int, list[Message]] = {}
        self._languages: tuple[Language | None, Language] | None = None
        self._corrections = 0
        self._longer = False

    def request(self, model: str, messages: list[Message]) -> ModelRequest:
        """What is asked next."""
        said_before: list[Message] = []
        for count, message in enumerate(messages, start=1):
            said_before.append(message)
            said_before += self._asides.get(count, ())
        options = {"num_predict": 2 * ANSWER} if self._longer else {}
        tools = [spec for name, spec in self._known.items() if name not in self._withheld]
        return ModelRequest(model=model, messages=said_before, tools=tools, options=options)

    def withhold(self, worn: Collection[str], messages: list[Message]) -> None:
        """Take tools away that were called too often in the same way, and say so."""
        new = [name for name in worn if name not in self._withheld]
        if new:
            self._withheld.update(new)
            _, language = self._spoken(messages)
            self._aside(messages, Message(role="user", content=out_of_the_loop(language, sorted(new))))

    def hear(self, answer: ModelAnswer, turn: int, messages: list[Message], *, last: bool) -> Understood | None:
        """What an answer says; None if it was put right and is to be asked for again.

        Raises `AnswerUnusable` when that did not help, or when there is no turn left for it.
        """
        wanted, language = self._spoken(messages)
        offered = {name: spec for name, spec in self._known.items() if name not in self._withheld}
        tried = any(message.role == "tool" for message in messages)
        task = Task(
            offered,
            self._known,
            tried,
            wanted,
            lambda: _given(messages),
            _asked(messages),
            self._wrote(messages),
            (lambda: _evidence(messages)) if self._founded else None,
        )
        understood = understand(answer, turn, task)
        if understood.fault is not None:
            self._correct(understood.fault, answer, messages, language, last)
            return None
        self._check_loop(understood)
        self._longer = False
        self._count_refused(understood)
        return understood

    def _wrote(self, messages: Sequence[Message]) -> Literal["done", "failed", "nothing", "unknown"]:
        """What came of the calls that write."""
        if not self._alone or not any(spec.writes for spec in self._known.values()):
            return "unknown"
        ended = [one.failed for one in messages if one.role == "tool" and self._writes(one.name)]
        return "nothing" if not ended else "failed" if all(ended) else "done"

    def _writes(self, name: str | None) -> bool:
        return name in self._known and self._known[name].writes

    def _correct(
        self, fault: Fault, answer: ModelAnswer, messages: list[Message], language: Language, last: bool
    ) -> None:
        if last or self._corrections >= MOST_CORRECTIONS:
            asked = f", also after {self._corrections} corrections" if self._corrections else ""
            raise AnswerUnusable(
                f"The answer of the model {said(fault)}{asked}.", hint=_HINT, detail=answer.text[:_EXCERPT]
            )
        self._corrections += 1
        self._longer = self._longer or fault == "cut"
        told = correction(fault, language, [name for name in self._known if name not in self._withheld])
        excerpt = answer.text[:_EXCERPT] + (" …" if len(answer.text) > _EXCERPT else "")
        self._aside(messages, Message(role="assistant", content=excerpt or "…"), Message(role="user", content=told))

    def _check_loop(self, understood: Understood) -> None:
        again = [call.name for call in understood.calls if call.name in self._withheld]
        if again:
            raise AnswerUnusable(
                f"The model made the same call of {again[0]} again and again, also after it was taken away.", hint=_HINT
            )

    def _count_refused(self, understood: Understood) -> None:
        """Answers in which no call can be made as it is are put right by what each call is told."""
        problems = [call.problem for call in understood.calls if call.problem and not self._anyhow(call.name)]
        if not problems or len(problems) < len(understood.calls):
            self._corrections = 0
        elif self._corrections >= MOST_CORRECTIONS:
            raise AnswerUnusable(
                f"The model proposed a call that cannot be made, also after {self._corrections} corrections. "
                f"The last one: {problems[0]}",
                hint=_HINT,
            )
        else:
            self._corrections += 1

    def _aside(self, messages: list[Message], *aside: Message) -> None:
        self._asides.setdefault(len(messages), []).extend(aside)

    def _spoken(self, messages: list[Message]) -> tuple[Language | None, Language]:
        """The language in which the answer is due, if one is, and the one in which to speak with the model."""
        if self._languages is None:
            told = "\n".join(message.content for message in messages if message.role == "system")
            asked = "\n".join(message.content for message in messages if message.role == "user")
            wanted = language_of(told, asked)
            self._languages = wanted, wanted or spoken(asked)
        return self._languages


def _given(messages: Sequence[Message]) -> str:
    """What a model was told; what it said itself proves nothing."""
    return "\n".join(message.content for message in messages if message.role != "assistant")


def _asked(messages: Sequence[Message]) -> str:
    """The task: what was said to a model before it said anything."""
    before = takewhile(lambda message: message.role in ("system", "user"), messages)
    return "\n".join(message.content for message in before if message.role == "user")


def _evidence(messages: Sequence[Message]) -> list[str]:
    """The texts that a value can come from: instructions, task, and what tools gave, not what they refused."""
    task = list(takewhile(lambda message: message.role in ("system", "user"), messages))
    given = [message for message in messages if message.role == "tool" and not message.failed]
    return [message.content for message in (*task, *given)]
