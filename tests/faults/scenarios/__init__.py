"""The scenarios: one per fault of the list in docs/faults.md, each with real worker processes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.faults.scene import Scene

#: The embedded pair, and the one for production.
Pair = Literal["sqlite", "postgres"]
BOTH: tuple[Pair, ...] = ("sqlite", "postgres")
PRODUCTION: tuple[Pair, ...] = ("postgres",)
EMBEDDED: tuple[Pair, ...] = ("sqlite",)


@dataclass(frozen=True)
class Scenario:
    """A fault, in words, on some pairs. `quick`: on which of them it is part of the short proof."""

    name: str
    words: str
    pairs: tuple[Pair, ...]
    quick: tuple[Pair, ...]
    play: Callable[[Scene], None]


_ALL: list[Scenario] = []


def fault(
    name: str, words: str, pairs: tuple[Pair, ...] = BOTH, *, quick: tuple[Pair, ...] = ()
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Register a function as the scenario of a fault."""

    def register(play: Callable[[Scene], None]) -> Callable[[Scene], None]:
        _ALL.append(Scenario(name, words, pairs, quick, play))
        return play

    return register


def scenarios() -> list[Scenario]:
    """Every scenario, by the number of its fault."""
    for module in pkgutil.iter_modules(__path__):  # they register themselves
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(_ALL, key=lambda one: (int("".join(filter(str.isdigit, one.name))), one.name))
