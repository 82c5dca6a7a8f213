"""What is to be played: which scenarios and which cases of the sweep, on which pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.scenarios import BOTH, Scenario, scenarios

#: The word for the sweep; what follows it is part of the names of its cases.
SWEEP = "sweep"


class Unknown(Exception):
    """Nothing is called so, or nothing of it is on the pairs that were asked for; the message says what to do."""


@dataclass
class Plan:
    """`sweeps`: by pair, the words of which cases hold one; none for all. `scenes`: scenarios and their pairs."""

    sweeps: dict[str, list[str]] = field(default_factory=dict)
    scenes: list[tuple[Scenario, str]] = field(default_factory=list)


def plan(only: Sequence[str], pairs: Sequence[str], *, quick: bool) -> Plan:
    """What `only` names, or everything; of the scenarios `quick` leaves the short proof. Raises `Unknown`."""
    made = Plan()
    cases = [word[len(SWEEP) :].strip() for word in only if word.startswith(SWEEP)]
    if cases or not only:
        made.sweeps = {pair: [case for case in cases if case] if all(cases) else [] for pair in pairs}
    named = [_named(word) for word in only if not word.startswith(SWEEP)]
    wanted = [one for one in scenarios() if not only or any(one in found for found in named)]
    made.scenes = [(one, pair) for one in wanted for pair in _pairs(one, quick and not only) if pair in pairs]
    if not made.sweeps and not made.scenes:
        raise Unknown(f"{', '.join(only)}: not on {', '.join(pairs)}. --list shows what there is.")
    return made


def listing() -> Iterator[str]:
    """A line for everything that can be asked for."""
    yield f"{SWEEP:6} {' '.join(BOTH):16} quick on {', '.join(BOTH)}: every named place, and all that can happen there"
    for one in scenarios():
        quick = f"quick on {', '.join(one.quick)}: " if one.quick else ""
        yield f"{one.name:6} {' '.join(one.pairs):16} {quick}{one.words}"


def _named(word: str) -> list[Scenario]:
    """A scenario by its name, or those that have a word in their description."""
    every = scenarios()
    found = [one for one in every if one.name.lower() == word.lower()]
    found = found or [one for one in every if word.lower() in one.words.lower()]
    if not found:
        raise Unknown(f"Nothing is called {word!r}. --list shows what there is.")
    return found


def _pairs(scenario: Scenario, quick: bool) -> Sequence[str]:
    return scenario.quick if quick else scenario.pairs
