"""Data that is wrong but plausible, as every real ledger holds it: a few of each kind, at places from the seed."""

from __future__ import annotations

from enum import Enum
from random import Random


class Oddity(Enum):
    """What is wrong with one document."""

    DUE_BEFORE_ISSUE = "due date before the issue date"
    PAID_TWICE = "one payment entered twice: the invoice is over-paid"
    WRONG_ENTITY = "booked in the other legal entity"
    BLANKS = "blanks in the number"
    PAID_TOMORROW = "payment dated in the future"


def scatter(rng: Random, documents: int) -> dict[int, Oddity]:
    """Return the position of each odd document: about one of 2,000 for every kind, at least one."""
    each = max(1, documents // 2000)
    places = rng.sample(range(documents), each * len(Oddity))
    return {
        place: kind
        for kind, start in zip(Oddity, range(0, len(places), each), strict=True)
        for place in places[start : start + each]
    }


def blanked(rng: Random, number: str) -> str:
    """Return the number as it was pasted from a mail: with a blank or a no-break space."""
    return rng.choice((f" {number}", f"{number} ", number.replace("-", "- ", 1), f"{number}\u00a0"))
