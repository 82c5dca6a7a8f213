"""One case: a scenario at a persistence, over a protocol, streamed or not; and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any, Literal

from kontora_agents.rehearsal.misbehaving.scenario import PERSISTENCE, Scenario

Protocol = Literal["ollama", "openai"]
PROTOCOLS: tuple[Protocol, ...] = ("ollama", "openai")

#: `passed`: the work is done. `right_error`: an error where one is due, and nothing wrong was written.
#: `needless_error`: an error where the work could be done. `silent`: it ended as if all were well, and it is not.
#: `wrong_write`: an error, and something wrong or twice was written. `hang`: no end in time.
Verdict = Literal["passed", "right_error", "needless_error", "silent", "wrong_write", "hang"]
VERDICTS: tuple[Verdict, ...] = ("passed", "right_error", "needless_error", "silent", "wrong_write", "hang")


@dataclass(frozen=True)
class Case:
    """What is played. `run` tells it from all others."""

    scenario: Scenario
    persistence: str
    protocol: Protocol
    stream: bool
    run: str

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
    """A case and its verdict; `writes` are all that the run wrote, `extra` those beyond the one asked for."""

    case: Case
    end: End
    verdict: Verdict
    writes: int
    extra: int
    orders: list[dict[str, Any]] = field(default_factory=list)


def cases(
    scenarios: Mapping[str, Scenario], protocols: Sequence[Protocol], words: Sequence[str] = ()
) -> Iterator[Case]:
    """Every case whose name holds one of the words (all, if there are none)."""
    ways = product(scenarios.values(), PERSISTENCE, protocols, (True, False))
    for number, (scenario, persistence, protocol, stream) in enumerate(ways):
        case = Case(scenario, persistence, protocol, stream, f"{number}")
        if not words or any(word in case.name for word in words):
            yield case


def judge(case: Case, end: End, orders: list[dict[str, Any]], right: Sequence[bool]) -> Result:
    """Say what came of a case. `right` says for each order whether it is what was asked for."""
    good, extra = sum(right), len(orders) - min(1, sum(right))
    expected = getattr(case.scenario.expect, case.persistence)
    verdict: Verdict
    if end.how == "hang":
        verdict = "hang"
    elif end.how == "answer":
        sound = good == 1 and extra == 0 and _reports(end.text, orders[0]) and not _forbidden(case, end.text)
        verdict = "passed" if sound else "silent"
    elif extra:
        verdict = "wrong_write"
    else:
        verdict = "needless_error" if expected == "done" else "right_error"
    return Result(case, end, verdict, len(orders), extra, orders)


def _reports(text: str, order: dict[str, Any]) -> bool:
    """Whether an answer names the order and its total, in any spelling."""
    if order["order_id"] not in text:
        return False
    rest, total = text.replace(order["order_id"], ""), Decimal(order["total"])
    return any(_number(figure) == total for figure in re.findall(r"\d[\d\s.,\u00a0\u202f]*\d|\d", rest))


def _number(text: str) -> Decimal | None:
    plain = re.sub(r"[\s\u00a0\u202f]", "", text).rstrip(".,")
    point = max(plain.rfind("."), plain.rfind(","))
    whole = re.sub(r"[.,]", "", plain[:point]) if point >= 0 else plain
    try:
        return Decimal(f"{whole}.{plain[point + 1 :]}" if point >= 0 else whole)
    except InvalidOperation:
        return None


def _forbidden(case: Case, text: str) -> bool:
    return any(re.search(pattern, text) for pattern in case.scenario.never)
