"""How numbers, money, dates and times are written in a language. Nothing is rounded: what is there is shown."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from kontora_workflows.reports.document import Money, Value
from kontora_workflows.reports.words import Language, words

NBSP = "\u00a0"
MINUS = "\u2212"
DASH = "\u2014"

_SEPARATORS: dict[Language, tuple[str, str]] = {"en": (",", "."), "ru": (NBSP, ",")}
_SIGNS = {"RUB": "₽", "EUR": "€", "USD": "$", "GBP": "£", "KZT": "₸", "BYN": "Br"}
_MINOR_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def minor_digits(currency: str) -> int:
    """Return how many digits the minor unit of a currency takes: 2 for EUR, 0 for JPY."""
    return _MINOR_DIGITS.get(currency, 2)


def currency_sign(currency: str, language: Language) -> str:
    """Return what stands behind an amount: the ISO code in English, the customary sign, if there is one, in Russian."""
    return _SIGNS.get(currency, currency) if language == "ru" else currency


def number(value: Decimal | int, language: Language, *, digits: int = 0) -> str:
    """Write a number with thousands separated and at least `digits` digits after the point; more if it has more."""
    exact = Decimal(value)
    places = max(digits, _places(exact))
    group, point = _SEPARATORS[language]
    whole, _, fraction = f"{abs(exact):,.{places}f}".partition(".")
    return (MINUS if exact < 0 else "") + whole.replace(",", group) + (point + fraction if fraction else "")


def amount(value: Money, language: Language) -> str:
    """Write an amount without its currency."""
    return number(value.amount, language, digits=minor_digits(value.currency))


def money(value: Money, language: Language) -> str:
    """Write an amount with its currency: 1,250.50 EUR; 1 250,50 ₽."""
    return f"{amount(value, language)}{NBSP}{currency_sign(value.currency, language)}"


def day(value: date, language: Language) -> str:
    """Write a date: 23 Nov 2026; 23.11.2026."""
    if language == "ru":
        return f"{value.day:02}.{value.month:02}.{value.year:04}"
    return f"{value.day}{NBSP}{words(language).months[value.month - 1]}{NBSP}{value.year:04}"


def moment(value: datetime, language: Language, *, seconds: bool = False) -> str:
    """Write an aware time with its zone: 23 Nov 2026, 02:00 UTC."""
    clock = f"{value:%H:%M:%S}" if seconds else f"{value:%H:%M}"
    offset = value.strftime("%z")
    zone = "UTC" if offset in ("+0000", "") else f"UTC{offset[0]}{offset[1:3]}:{offset[3:5]}"
    return f"{day(value.date(), language)}, {clock}{NBSP}{zone}"


def heading(title: str, currency: str | None, language: Language) -> str:
    """Write a heading with the currency that the numbers under it are in, if they are in one."""
    return f"{title}, {currency_sign(currency, language)}" if currency else title


def show(value: Value, language: Language, *, currency: str | None = None) -> str:
    """Write any value. An amount in `currency` goes without its sign, because the heading has it."""
    if value is None:
        return DASH
    if isinstance(value, Money):
        return amount(value, language) if value.currency == currency else money(value, language)
    if isinstance(value, Decimal | int):
        return number(value, language)
    if isinstance(value, datetime):
        return moment(value, language)
    return day(value, language) if isinstance(value, date) else value


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
