"""A model at work: every exercise through our own client and agent loop, judged by what was done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from pydantic import Field

from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.definition import AgentDefinition, Limits
from kontora_agents.errors import ModelError, ModelMissing, ModelNotAllowed, ModelUnavailable
from kontora_agents.model import Model
from kontora_agents.seams import ModelAnswer, ModelRequest, Repair, ToolAnswer, ToolCall, Value
from kontora_agents.trials.exercise import Exercise, Language, Read, exercises, version
from kontora_agents.trials.office import TOOLS, WRITE, Office

_CLERK = AgentDefinition(
    instructions=(
        "You are a clerk. Use the tools for everything about customers, invoices, stock and reminders, and never make "
        "up what they did not tell you. Do exactly what you are asked, once. Then answer in one short sentence, in the "
        "language of the question."
    ),
    limits=Limits(turns=8),
    grounding="off",
)
#: Errors after which no exercise can go better than this one.
_HOPELESS = (ModelUnavailable, ModelMissing, ModelNotAllowed)


class Result(Value):
    """How one exercise went. `why` says what was wrong."""

    id: str
    language: Language
    passed: bool
    why: str = ""
    seconds: float
    tokens: int = 0


class Bench(Value):
    """How all went. `digest` names the weights that were tried, `exercises` the version of what was asked."""

    model: str
    url: str
    digest: str = ""
    at: str = Field("", description="when, RFC 3339")
    exercises: str
    results: list[Result]

    @property
    def passed(self) -> int:
        """How many exercises were done right."""
        return sum(result.passed for result in self.results)

    @property
    def percent(self) -> float:
        """The same in per cent."""
        return round(100 * self.passed / max(1, len(self.results)), 1)

    def of(self, language: str) -> tuple[int, int]:
        """How many of a language were done right, and how many there are."""
        own = [result for result in self.results if result.language == language]
        return sum(result.passed for result in own), len(own)


class _Desk:
    """The seams of one exercise: the model is asked, and the office answers calls."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def ask(
        self, turn: int, request: ModelRequest, send: Callable[[ModelRequest], Awaitable[ModelAnswer]]
    ) -> ModelAnswer:
        return await send(request)

    async def repaired(self, turn: int, repairs: list[Repair]) -> None:
        """Every model may be read as it is in a run."""

    async def reached(self, turn: int, limit: str) -> None:
        """The outcome says that it did not come to an end."""

    async def call(self, turn: int, position: int, call: ToolCall) -> ToolAnswer:
        return ToolAnswer(content=call.problem, is_error=True) if call.problem else self._office.answer(call)


async def bench(model: Model, url: str, name: str, told: Callable[[Result], None], *, seconds: float = 300.0) -> Bench:
    """Give a model every exercise; `told` hears of each. An exercise may take `seconds`.

    Raises `ModelError` if the model cannot be asked at all.
    """
    results = []
    for exercise in exercises():
        results.append(await _attempt(model, name, exercise, seconds))
        told(results[-1])
    return Bench(model=name, url=url, exercises=version(), results=results)


async def _attempt(model: Model, name: str, exercise: Exercise, seconds: float) -> Result:
    office, started, tokens = Office(), time.monotonic(), 0
    try:
        async with asyncio.timeout(seconds):
            outcome = await AutogenRunner().run(
                _CLERK, "clerk", exercise.asks, TOOLS, _Desk(office), model, name, lambda: []
            )
        tokens = outcome.prompt_tokens + outcome.completion_tokens
        why = "It did not come to an end." if outcome.ended == "limit" else fault(exercise, office, outcome.text)
    except TimeoutError:
        why = f"It took longer than {seconds:g} seconds."
    except _HOPELESS:
        raise
    except ModelError as error:
        why = error.message
    spent = round(time.monotonic() - started, 1)
    return Result(id=exercise.id, language=exercise.language, passed=not why, why=why, seconds=spent, tokens=tokens)


def fault(exercise: Exercise, office: Office, text: str) -> str:
    """What is wrong with how an exercise was done; empty if nothing is."""
    called = [call.name for call in office.calls]
    if wrong := [tool for tool in exercise.never if tool in called]:
        return f"It called {wrong[0]}, which this does not need."
    for read in exercise.reads:
        if not any(_is(call, read) for call in office.calls):
            return f"It did not call {read.tool} with {read.arguments or 'anything'}."
    if _sorted(office.reminders) != _sorted(exercise.writes):
        return f"{WRITE} was done {len(office.reminders)} times, and not with {exercise.writes or 'nothing'}."
    plain = _plain(text)
    for choices in exercise.says:
        if not any(_plain(choice) in plain for choice in choices):
            return f"{choices[0]!r} is not in its answer: {text[:80]!r}"
    return ""


def _is(call: ToolCall, read: Read) -> bool:
    given = {name: str(value).strip() for name, value in call.arguments.items()}
    return call.name == read.tool and read.arguments.items() <= given.items()


def _sorted(reminders: list[dict[str, str]]) -> list[list[tuple[str, str]]]:
    return sorted(sorted(reminder.items()) for reminder in reminders)


def _plain(text: str) -> str:
    """A text in small letters, without any kind of space."""
    return "".join(text.casefold().split())
