"""What was measured of a ledger, with the goal beside each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: At most so many times a bare insert; at most so many times what it takes with few entries; at least so many a second.
APPEND_GOAL, GROWTH_GOAL, VERIFICATION_GOAL = 1.25, 1.5, 200_000


@dataclass(frozen=True)
class Appending:
    """Median milliseconds. `x_bare`: of a bare Core insert together with the update of the run that checks the fence;
    `x_single`: of one statement that inserts where the fence holds; `growth`: of what it takes with few entries."""

    ms: float
    x_bare: float
    x_single: float
    growth: float


@dataclass(frozen=True)
class Asking:
    """Median milliseconds, and the ratio to what it takes with few entries."""

    ms: float
    growth: float


@dataclass(frozen=True)
class LedgerFigures:
    """What came out for one database; `few` and `many` are numbers of entries, `verified_by` is one of processes.

    `verified_per_cpu_s` leaves the CPU of the database out.
    """

    database: str
    few: int
    many: int
    filled_s: int
    appending: dict[str, Appending]
    listing: dict[str, Asking]
    verified_per_s: int
    verified_per_cpu_s: int
    verified_by: int


def ledger_table(figures: Sequence[LedgerFigures]) -> str:
    """The figures as text."""
    return "\n\n".join("\n".join(_lines(one)) for one in figures)


def _lines(one: LedgerFigures) -> Iterator[str]:
    form = "  {:<24}{:>10}{:>14}{:>22}{:>16}".format
    yield f"ledger on {one.database}: {one.many:,} entries, stored in {one.filled_s} s, beside one of {one.few:,}"
    yield form("", "ms", "x bare insert", "x one checked insert", f"x with {one.few:,}")
    for name, took in one.appending.items():
        yield form(
            f"append {name}", f"{took.ms:.3f}", f"{took.x_bare:.2f}", f"{took.x_single:.2f}", f"{took.growth:.2f}"
        )
    for name, asked in one.listing.items():
        yield form(f"list {name}", f"{asked.ms:.3f}", "", "", f"{asked.growth:.2f}")
    yield form("goal: at most", "", f"{APPEND_GOAL:.2f}", "", f"{GROWTH_GOAL:.2f}")
    yield (
        f"  verified {one.verified_per_s:,} entries/s in {one.verified_by} processes (goal: at least "
        f"{VERIFICATION_GOAL:,}); {one.verified_per_cpu_s:,} per second of their CPU"
    )
