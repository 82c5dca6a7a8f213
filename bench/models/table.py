"""What came of a contest, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kontora_agents.rehearsal.misbehaving.scenario import PERSISTENCE

from bench.models.case import VERDICTS, Result

#: One sign per verdict, from the best to the worst.
_SIGNS = dict(zip(VERDICTS, ".enswh", strict=True))
LEGEND = ", ".join(f"{sign} {verdict.replace('_', ' ')}" for verdict, sign in _SIGNS.items())

Results = Mapping[str, Sequence[Result]]


def counts(results: Sequence[Result]) -> dict[str, Any]:
    """How many of each verdict, how many writes too many, and the share that is good, in per cent."""
    found = Counter(result.verdict for result in results)
    good = found["passed"] + found["right_error"]
    return {
        "cases": len(results),
        **{verdict: found[verdict] for verdict in VERDICTS},
        "extra_writes": sum(result.extra for result in results),
        "good_percent": round(100 * good / max(1, len(results)), 1),
    }


def totals(results: Results) -> Iterable[str]:
    """One line per contestant."""
    heads = ["cases", *VERDICTS, "extra_writes", "good_percent"]
    yield f"{'':<12}" + "".join(f"{_head(head):>{len(_head(head)) + 2}}" for head in heads)
    for name, played in results.items():
        found = counts(played)
        yield f"{name:<12}" + "".join(f"{found[head]:>{len(_head(head)) + 2}}" for head in heads)


def _head(word: str) -> str:
    return {"good_percent": "good %"}.get(word, word.replace("_", " "))


def matrix(results: Results) -> Iterable[str]:
    """One line per scenario: for each contestant the worst that came at persistence once, twice and always."""
    ids = list(dict.fromkeys(result.case.scenario.id for played in results.values() for result in played))
    width = max([len(id_) for id_ in ids], default=0) + 2
    yield f"{'':<{width}}" + "".join(f"{name:<13}" for name in results)
    for id_ in ids:
        cells = [_cell([one for one in played if one.case.scenario.id == id_]) for played in results.values()]
        yield (f"{id_:<{width}}" + "".join(f"{cell:<13}" for cell in cells)).rstrip()


def _cell(played: Sequence[Result]) -> str:
    worst = []
    for persistence in PERSISTENCE:
        found = [VERDICTS.index(one.verdict) for one in played if one.case.persistence == persistence]
        worst.append(_SIGNS[VERDICTS[max(found)]] if found else " ")
    return " ".join(worst)


def document(result: Result) -> dict[str, Any]:
    """A result as plain JSON."""
    case, end = result.case, result.end
    return {
        "case": case.name,
        "scenario": case.scenario.id,
        "persistence": case.persistence,
        "protocol": case.protocol,
        "stream": case.stream,
        "verdict": result.verdict,
        "writes": len(result.written),
        "extra_writes": result.extra,
        "how": end.how,
        "text": end.text,
        "seconds": end.seconds,
    }
