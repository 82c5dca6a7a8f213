"""Currencies as people and systems name them: by code, by sign, in words."""

from __future__ import annotations

import re

CODES = frozenset(
    ["EUR", "USD", "RUB", "GBP", "CHF", "CNY", "KZT", "BYN", "UAH", "PLN", "CZK", "SEK", "NOK", "DKK", "AED", "INR"]
)
_NAMED = {
    "EUR": r"€|\beuros?\b|\bевро\b",
    "USD": r"\$|\b(?:us[ -])?dollars?\b|\bдоллар\w*",
    "RUB": r"₽|\bRUR\b|\bro?u?bles?\b|\bрубл\w*|\bруб\b",
    "GBP": r"£|\bpounds? sterling\b|\bфунт\w* стерлингов",
    "CHF": r"\bswiss francs?\b|\bшвейцарск\w* франк\w*",
    "CNY": r"¥|\byuan\b|\bюан\w*",
}
_PATTERN = re.compile(
    "|".join(
        rf"(?P<{code}>(?<![^\W_]){code}(?![^\W_])" + (f"|(?i:{_NAMED[code]})" if code in _NAMED else "") + ")"
        for code in sorted(CODES)
    )
)


def find_currencies(text: str) -> list[tuple[int, int, str]]:
    """Where a text names a currency, and which: start, end, ISO code."""
    return [(found.start(), found.end(), str(found.lastgroup)) for found in _PATTERN.finditer(text)]


def currencies_of(text: str) -> set[str]:
    """The ISO codes of the currencies that a text names."""
    return {code for _, _, code in find_currencies(text)}
