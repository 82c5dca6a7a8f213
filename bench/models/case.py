"""One case: a scenario at a persistence, over a protocol, streamed or not; and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product
from typing import Any, Literal

from kontora_agents.rehearsal.misbehaving.scenario import PERSISTENCE, Scenario

from bench.models.worlds import ORDERS, World

Protocol = Literal["ollama", "openai"]
PROTOCOLS: tuple[Protocol, ...] = ("ollama", "openai")

#: `passed`: the work is done. `right_error`: an error where one is due, and nothing wrong was written.
#: `needless_error`: an error where the work could be done. `silent`: it ended as if all were well, and it is not.
#: `wrong_write`: an error, and something wrong or twice was written. `hang`: no end in time.
Verdict = Literal["passed", "right_error", "needless_error", "silent", "wrong_write", "hang"]
VERDICTS: tuple[Verdict, ...] = ("passed", "right_error", "needless_error", "silent", "wrong_write", "hang")


@dataclass(frozen=True)
class Case:
    """What is played, in which world. `run` tells it from all others."""

    scenario: Scenario
    persistence: str
    protocol: Protocol
    stream: bool
    run: str
    world: World = ORDERS

    @property
    def model(self) -> str:
        """The model's name."""
        return f"{self.scenario.id}/{self.persistence}/{self.run}"

    @property
    def name(self) -> str:
        """How a person names it."""
        return f"{self.scenario.id} {self.persistence} {self.protocol}{'' if self.stream else ', whole'}"


@dataclass(frozen=True)
class End:
    """How it ended as its user sees it. `text` is the answer, or the error's message."""

    how: Literal["answer", "error", "hang"]
    text: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """A case and its verdict; `written` is all that the run wrote, `extra` how many records beyond the right one."""

    case: Case
    end: End
    verdict: Verdict
    extra: int
    written: list[dict[str, Any]] = field(default_factory=list)


def cases(scenarios: Iterable[Scenario]) -> list[Case]:
    """Scenarios in every way there is to play them."""
    ways = product(scenarios, PERSISTENCE, PROTOCOLS, (True, False))
    return [Case(*way, f"{number}") for number, way in enumerate(ways)]


def judge(case: Case, end: End, written: list[dict[str, Any]], right: Sequence[bool]) -> Result:
    """Say what came of a case. `right` says for each record whether it is what was asked for."""
    good, extra = sum(right), len(written) - min(1, sum(right))
    expected = getattr(case.scenario.expect, case.persistence)
    verdict: Verdict
    if end.how == "hang":
        verdict = "hang"
    elif end.how == "answer":
        sound = good == 1 and extra == 0 and _reports(case, end.text, written[0]) and not _forbidden(case, end.text)
        verdict = "passed" if sound else "silent"
    elif extra:
        verdict = "wrong_write"
    else:
        verdict = "needless_error" if expected == "done" else "right_error"
    return Result(case, end, verdict, extra, written)


def _reports(case: Case, text: str, record: dict[str, Any]) -> bool:
    """Whether an answer names the record and its total, in any spelling."""
    made, total = str(record[case.world.kind.made]), Decimal(str(record[case.world.kind.total]))
    if made not in text:
        return False
    rest = text.replace(made, "")
    return any(total in _readings(figure) for figure in (*_GROUPED.findall(rest), *_ALONE.findall(rest)))


#: A figure whose thousands may stand apart, and one that ends at the next space.
_GROUPED, _ALONE = re.compile(r"\d+(?:[ .,\u00a0\u202f]\d+)*"), re.compile(r"\d+(?:[.,]\d+)*")


def _readings(figure: str) -> set[Decimal]:
    """The numbers that a figure may stand for: its last mark parts decimals or thousands."""
    plain = re.sub(r"[ \u00a0\u202f]", "", figure)
    point = max(plain.rfind("."), plain.rfind(","))
    digits = re.sub(r"[.,]", "", plain)
    if point < 0:
        return {Decimal(digits)}
    decimals = len(plain) - point - 1
    return {Decimal(digits).scaleb(-decimals)} | ({Decimal(digits)} if decimals == 3 else set())


def _forbidden(case: Case, text: str) -> bool:
    return any(re.search(pattern, text) for pattern in case.scenario.never)
