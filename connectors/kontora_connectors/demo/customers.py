"""Who buys, how they usually pay, and who stopped paying two months ago: the plan every other file follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from kontora_connectors.demo import names
from kontora_connectors.demo.rows import Row


@dataclass(frozen=True, slots=True)
class Entity:
    """A legal entity of the demo company. `share` is its part of the customers, in percent."""

    id: str
    name: str
    currency: str
    country: str
    countries: tuple[str, ...]
    series: str
    share: int


ENTITIES = (
    Entity(
        "DE01", "Nordwind Handel GmbH", "EUR", "DE",
        ("DE", "DE", "DE", "DE", "AT", "FR", "FI", "IT", "PL", "NL", "ES"), "RE", 60,
    ),
    Entity("RU01", "ООО «Северный ветер»", "RUB", "RU", ("RU", "RU", "RU", "RU", "KZ"), "СФ", 40),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Habit:
    """How a customer pays: between `earliest` and `latest` days after the due date; `never` per mille not at all."""

    earliest: int
    latest: int
    never: int


PROMPT = Habit(-5, 2, 1)
USUAL = Habit(0, 14, 3)
LATE = Habit(7, 45, 12)
HARD = Habit(25, 120, 70)


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer as planned. `size` scales what they buy; `slump` is their rank among those who stopped paying."""

    id: str
    entity: Entity
    name: str
    country: str
    payment_days: int
    habit: Habit
    size: int
    slump: int | None = None
    slumped_on: date | None = None


def plan(seed: int, today: date, count: int) -> list[Customer]:
    """Plan `count` customers. The first of each entity slump, hardest first; the last are entered twice."""
    first = round(count * ENTITIES[0].share / 100)
    found: list[Customer] = []
    for entity, share in zip(ENTITIES, (first, count - first), strict=True):
        found += _of(entity, Random(f"{seed}:customers:{entity.id}"), today, share, len(found))
    return found


def _of(entity: Entity, rng: Random, today: date, count: int, offset: int) -> list[Customer]:
    twice = max(1, count // 150)
    known = names.distinct(rng, entity.countries, count - twice)
    known += [(names.misspelt(rng, name), country) for name, country in rng.sample(known, twice)]
    slumps = max(4, count // 120)
    # Shuffled, so that those who slumped are not the lowest numbers.
    numbers = rng.sample(range(offset + 1, offset + count + 1), count)
    return [
        _customer(entity, rng, today, f"C{number:05d}", *named, position if position < slumps else None)
        for position, (number, named) in enumerate(zip(numbers, known, strict=True))
    ]


def _customer(
    entity: Entity, rng: Random, today: date, id: str, name: str, country: str, slump: int | None
) -> Customer:
    days = rng.choice((14, 14, 30, 30, 30, 45))
    habit = rng.choices((PROMPT, USUAL, LATE, HARD), (45, 35, 15, 5))[0]
    size = rng.choices((1, 2, 3, 5), (50, 30, 15, 5))[0]
    if slump is None:
        return Customer(id, entity, name, country, days, habit, size)
    day = today - timedelta(days=rng.randint(52, 62))
    return Customer(id, entity, name, country, rng.choice((14, 21)), PROMPT, max(4, 18 - 2 * slump), slump, day)


def customer_rows(seed: int, customers: list[Customer]) -> Iterator[Row]:
    """Yield rows of the table `customers`."""
    rng = Random(f"{seed}:customers:rows")
    for customer in customers:
        yield (
            customer.id,
            customer.entity.id,
            customer.name,
            customer.country,
            _tax_id(rng, customer.country),
            f"accounts@{customer.id.lower()}.example",
            f"+{rng.choice((7, 49))} 000 {rng.randint(100000, 999999)}",
            customer.payment_days,
            customer.slump is None and rng.random() < 0.01,
        )


def _tax_id(rng: Random, country: str) -> str:
    """Return a number that no tax office gives out, sometimes with the blanks people type."""
    digits = f"000{rng.randint(100000, 999999)}"
    if country == "RU":
        return f"0{digits}"
    return f"{country} {digits[:3]} {digits[3:]} " if rng.random() < 0.03 else f"{country}{digits}"


def entity_rows() -> Iterator[Row]:
    """Yield rows of the table `companies`."""
    for entity in ENTITIES:
        yield (entity.id, entity.name, entity.currency, entity.country)
