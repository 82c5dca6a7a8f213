"""What happened between the demo company and its customers, as the CRM keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random

from kontora_connectors.demo.accounts import Account
from kontora_connectors.demo.notes import ORDERS, ORDINARY, TROUBLE
from kontora_connectors.demo.rows import Row, iso

#: Account, kind, subject, body, author, days ago.
Event = tuple[Account, str, str, str, str, int]

#: Orders hidden in notes, an entity: the first on accounts of those who slumped hardest, the others anywhere.
_ON_SLUMPED = 4
_STRANGERS = ("web form", "inbound e-mail", "customer portal")
_ROUTINE = {
    "en": (("call", "Quarterly call"), ("meeting", "Visit on site"), ("email", "Offer sent"), ("task", "Send samples")),
    "ru": (
        ("call", "Плановый звонок"),
        ("meeting", "Встреча"),
        ("email", "Отправлено КП"),
        ("task", "Выслать образцы"),
    ),
}


def activity_rows(seed: int, today: date, accounts: list[Account]) -> Iterator[Row]:
    """Yield rows of the table `activities`, oldest first."""
    rng = Random(f"{seed}:activities")
    events = [*_routine(rng, accounts), *_trouble(rng, accounts), *_orders(rng, accounts)]
    for number, (account, kind, subject, body, author, ago) in enumerate(sorted(events, key=lambda e: -e[5]), 1):
        day = today - timedelta(days=ago)
        at = datetime.combine(day, time(rng.randint(7, 17), rng.randrange(60)))
        due = iso(day + timedelta(days=14)) if kind == "task" else None
        done = kind != "task" or ago > 20
        yield (
            f"N{number:05d}",
            account.id,
            kind,
            subject,
            body,
            author,
            f"{at:%Y-%m-%d %H:%M:%S}.000000",
            due,
            done,
            None,
        )


def _routine(rng: Random, accounts: list[Account]) -> Iterator[Event]:
    for account in accounts:
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            if rng.random() < 0.3:
                subject, body = rng.choice(ORDINARY[account.language])
                yield account, "note", subject, body, rng.choice(_STRANGERS), rng.randint(1, 700)
            else:
                kind, subject = rng.choice(_ROUTINE[account.language])
                yield account, kind, subject, "", "sales desk", rng.randint(1, 700)


def _trouble(rng: Random, accounts: list[Account]) -> Iterator[Event]:
    """Let everybody who slumped say why, and our desk ask once."""
    for account in accounts:
        if account.customer.slump is not None:
            subject, body = rng.choice(TROUBLE[account.language])
            yield account, "note", subject, body, rng.choice(_STRANGERS), rng.randint(12, 40)
            asked = "Спросили об оплате" if account.language == "ru" else "Asked about payment"
            yield account, "call", asked, "", "accounts receivable", rng.randint(3, 11)


def _orders(rng: Random, accounts: list[Account]) -> Iterator[Event]:
    """Put the orders where they will be read: on those who slumped hardest first."""
    for language, texts in ORDERS.items():
        ours = [account for account in accounts if account.language == language]
        ranked = [a for a in ours if a.customer.slump is not None and a.customer.slump < _ON_SLUMPED]
        others = rng.sample([a for a in ours if a.customer.slump is None], len(texts) - len(ranked))
        readers = sorted(ranked, key=lambda a: a.customer.slump or 0) + others
        for account, (subject, body) in zip(readers, texts, strict=True):
            yield account, "note", subject, body, rng.choice(_STRANGERS), rng.randint(1, 25)
