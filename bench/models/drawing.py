"""Worlds drawn by chance: ids with leading zeros, round and large and broken numbers, dates, both languages."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from bench.models.worlds import KINDS, Kind, Language, World

_LANGUAGES: tuple[Language, ...] = ("en", "ru")


def draw(chance: Random) -> World:
    """Any world."""
    kind = chance.choice(list(KINDS.values()))
    return World(
        kind,
        _id(kind, chance),
        _number(kind, chance),
        chance.choice(kind.words),
        date(2026, 12, 1) + timedelta(chance.randrange(400)),
        chance.choice(_LANGUAGES),
    )


def _id(kind: Kind, chance: Random) -> str:
    if kind.name == "orders":
        return f"C-{chance.randrange(1000, 9000)}"
    return f"{chance.randrange(1, 1000):05d}" if kind.name == "payments" else str(chance.randrange(100_000, 900_000))


def _number(kind: Kind, chance: Random) -> Decimal:
    """A number greater than zero; never one that a scenario gives as the wrong one."""
    if kind.whole:
        return Decimal(chance.choice((chance.randrange(1, 100), chance.randrange(1000, 9000))))
    cents = chance.choice((chance.randrange(100, 99_000), chance.randrange(100_000, 999_000)))
    return chance.choice(
        (
            Decimal(cents).scaleb(-2),
            Decimal(cents // 100),
            Decimal(chance.randrange(1, 90) * 50_000).quantize(Decimal("0.01")),
        )
    )
