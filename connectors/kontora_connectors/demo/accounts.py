"""The demo company in the CRM: accounts and the sales that may come about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from kontora_connectors.demo.customers import Customer
from kontora_connectors.demo.rows import Row, iso
from kontora_connectors.demo.schema import folded

OPPORTUNITIES = 400
#: Stage and how likely it is to end well, in percent.
STAGES = (("lead", 10), ("qualified", 30), ("proposal", 50), ("negotiation", 70), ("won", 100), ("lost", 0))
_DESKS = ("sales desk north", "sales desk south", "sales desk east", "key accounts")
_TITLES = {
    "en": ("Yearly contract", "Spare parts", "New warehouse", "Pilot order", "Fleet refit"),
    "ru": ("Годовой договор", "Запчасти", "Новый склад", "Пробная партия", "Переоснащение парка"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """One account as planned."""

    id: str
    customer: Customer

    @property
    def language(self) -> str:
        """The language its people write in: `en` or `ru`."""
        return "ru" if self.customer.entity.country == "RU" else "en"


def plan(seed: int, customers: list[Customer]) -> list[Account]:
    """Give every customer an account; the numbers of the CRM are not those of the ERP."""
    numbers = Random(f"{seed}:accounts").sample(range(1, len(customers) + 1), len(customers))
    return [Account(f"A{number:05d}", customer) for number, customer in zip(numbers, customers, strict=True)]


def account_rows(seed: int, accounts: list[Account]) -> Iterator[Row]:
    """Yield rows of the table `accounts`. One in twenty does not say which customer of the ERP it is."""
    rng = Random(f"{seed}:accounts:rows")
    for account in accounts:
        customer = account.customer
        linked = rng.random() < 0.95 or customer.slump is not None
        yield (
            account.id,
            customer.id if linked else None,
            customer.name,
            folded(customer.name),
            customer.country,
            f"office@{customer.id.lower()}.example",
            f"+{rng.choice((7, 49))} 000 {rng.randint(100000, 999999)}",
            rng.choice(_DESKS),
        )


def opportunity_rows(seed: int, today: date, accounts: list[Account]) -> Iterator[Row]:
    """Yield rows of the table `opportunities`."""
    rng = Random(f"{seed}:opportunities")
    for number in range(1, OPPORTUNITIES + 1):
        account = rng.choice(accounts)
        stage, probability = rng.choice(STAGES)
        day = today + timedelta(days=rng.randint(-200, 0) if stage in ("won", "lost") else rng.randint(-10, 180))
        amount = rng.randint(5, 400) * 10_000
        entity = account.customer.entity
        yield (
            f"O{number:04d}",
            account.id,
            rng.choice(_TITLES[account.language]),
            stage,
            amount * 95 if entity.currency == "RUB" else amount,
            entity.currency,
            probability,
            iso(day),
        )
