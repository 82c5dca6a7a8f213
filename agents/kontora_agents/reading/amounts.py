"""A number as a model writes it, read where it is one number: 1 250,50 is, 1.250 is two."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any

from kontora_agents.figures import find_figures
from kontora_agents.reading.unclear import Unclear

_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
#: A point before exactly three digits: 1.250 is 1.25 here and 1250 there.
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_FULL_WIDTH = {0xFF10 + digit: str(digit) for digit in range(10)} | {0xFF0E: ".", 0xFF0C: ",", 0xFF0D: "-"}
_CURRENCIES = {
    "EUR": "eur € euro euros евро",
    "USD": "usd $ us$ dollar dollars доллар доллара долларов",
    "RUB": "rub ₽ rur rouble roubles ruble rubles рубль рубля рублей руб",
    "GBP": "gbp £ pound pounds фунт фунта фунтов",
    "CHF": "chf franc francs франк франка франков",
    "CNY": "cny ¥ rmb yuan юань юаня юаней",
}
_CURRENCY = {word: code for code, words in _CURRENCIES.items() for word in words.split()}


def is_plain_number(text: str) -> bool:
    """Whether a text is a number as systems write it, and can be no other."""
    return _PLAIN.fullmatch(text) is not None and _GROUPED.fullmatch(text) is None


def currency(text: str) -> str | None:
    """The ISO code of a currency's name or sign."""
    return _CURRENCY.get(text.casefold().strip(" ."))


def read_number(text: str, kinds: Collection[str], others: Collection[Any]) -> Any:
    """A number of one of the JSON kinds. Text stays text where that is one of them, so that no amount is rounded.

    `others` are the values of the same call: one has to name the currency that the text names. Raises `Unclear`.
    """
    text = _ascii(text)
    if is_plain_number(text):
        return text if "string" in kinds else _bare(Decimal(text), kinds, text)
    found = _amounts(text)
    if len(found) > 1:
        low, high = sorted(found)
        raise Unclear(f"{text!r} can be {_money(high)} or {_money(low)}. Write {_money(high)} or {_money(low)}")
    if not found:
        raise Unclear(f"{text!r} is not a number. Write digits with a point before decimals and nothing else")
    _check_currency(text, others)
    number = found.pop()
    return f"{number:f}" if "string" in kinds else _bare(number, kinds, text)


def _ascii(text: str) -> str:
    """A text with the digits and signs of full width as plain ones. Raises `Unclear` on the digits of other scripts."""
    if text.isascii():
        return text
    plain = text.translate(_FULL_WIDTH)
    if any(character.isdigit() and not character.isascii() for character in plain):
        raise Unclear(f"{text!r} is not a number. Write it with the digits 0 to 9")
    return plain


def _bare(number: Decimal, kinds: Collection[str], text: str) -> int | float:
    if number == number.to_integral_value():
        return int(number)
    if "number" not in kinds:
        raise Unclear(f"{text!r} is not a whole number")
    return float(number)


def _amounts(text: str) -> set[Decimal]:
    """Every number that a text, as a whole, can be."""
    text = text.strip().rstrip(".")
    figures = find_figures(text)
    if len(figures) != 1 or figures[0].end - figures[0].start != len(text) or figures[0].scale != 1 or "%" in text:
        return set()
    digits = re.sub(r"[^0-9.,]", "", text).strip(".,")
    numbers = {reading[0] for reading in figures[0].readings if len(reading) == 1}
    if re.match(r"0\d", digits):  # that is how ids begin
        return set()
    if _GROUPED.fullmatch(digits):
        numbers.add(Decimal(digits.replace(".", "")))
    if digits.startswith(("0,", "0.")):
        numbers = {Decimal(digits.replace(",", "."))}
    return {number.copy_negate() for number in numbers} if figures[0].negative else numbers


def _check_currency(text: str, others: Collection[Any]) -> None:
    """A currency beside an amount may go only where another value of the call says the same."""
    word = re.sub(r"[\d\s.,'\u00a0\u202f\u2009\u2013\u2212-]", "", text)
    code = currency(word) or word.upper()
    if word and not any(isinstance(one, str) and code in (one.upper(), currency(one)) for one in others):
        raise Unclear(f"{text!r} names a currency. Write the number alone, and the currency where it belongs")


def _money(number: Decimal) -> str:
    return f"{number:.2f}" if number == number.quantize(Decimal("0.01")) else f"{number:f}"
