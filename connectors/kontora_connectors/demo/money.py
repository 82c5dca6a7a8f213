"""Money at the door: whole minor units in the database, `Decimal` with two places everywhere else."""

from __future__ import annotations

from decimal import Decimal


def money(minor: int | Decimal | None) -> Decimal:
    """Return minor units as an exact amount; a sum over nothing is 0.00. (PostgreSQL gives sums as decimals.)"""
    return Decimal(int(minor or 0)).scaleb(-2)
