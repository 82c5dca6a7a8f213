"""One value of a call: what it can mean, given what its schema asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from typing import Any

from kontora_agents.dates import find_dates
from kontora_agents.figures import find_figures
from kontora_agents.reading.schema import BOUNDS, Schema, fits, is_date, options, resolve

#: Words that stand for no value at all.
NOTHING = frozenset({"None", "null", "undefined"})
_PLACEHOLDER = re.compile(
    r"<[^\W\d][\w .:-]*>|\{\{.*\}\}|\$?\{[^\W\d][\w .]*\}|\[[^\W\d][\w ]*\]|%[a-z_]+%|_{2,}|x{3,}|\.{3}|…|string"
    r"|(?:your|insert|enter|some)[-_ ]\w*[-_ ]?(?:id|name|key|number|value|date|amount|here)|todo|tbd"
    r"|(?:ваш|вставьте|укажите)[- ].*",
    re.IGNORECASE | re.DOTALL,
)
_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
#: A point before exactly three digits: 1.250 is 1.25 here and 1250 there.
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}\.[0-9]{3}")
_YEAR_FIRST = re.compile(r"([0-9]{4})([/.-])([0-9]{1,2})\2([0-9]{1,2})")
_MIDNIGHT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00(?::00(?:\.0+)?)?(?:Z|\+00:00)?")
#: With one of these words a schema asks for more than can be seen at a glance.
_BOUNDED = frozenset({*BOUNDS, "minLength", "maxLength", "pattern", "const", "allOf", "$ref"})
_CURRENCIES = {
    "EUR": "eur € euro euros евро",
    "USD": "usd $ us$ dollar dollars доллар доллара долларов",
    "RUB": "rub ₽ rur rouble roubles ruble rubles рубль рубля рублей руб",
    "GBP": "gbp £ pound pounds фунт фунта фунтов",
    "CHF": "chf franc francs франк франка франков",
    "CNY": "cny ¥ rmb yuan юань юаня юаней",
}
_CURRENCY = {word: code for code, words in _CURRENCIES.items() for word in words.split()}


class Unclear(Exception):
    """A value has no reading, or more than one. Its text says what to write instead."""


def is_plain(given: dict[str, Any], schema: Schema) -> bool:
    """Whether arguments can be seen at a glance to need no reading: what is false here may still be right."""
    properties = schema.get("properties")
    if properties is None or any(name not in given for name in schema.get("required", ())):
        return False
    return all(name in properties and _is_plain(value, properties[name]) for name, value in given.items())


def _is_plain(value: Any, schema: Schema) -> bool:
    if "enum" in schema:
        return isinstance(value, str) and value in schema["enum"]
    kind = schema.get("type")
    if not isinstance(value, str):
        return kind == "integer" and type(value) is int and not _BOUNDED & schema.keys()
    if kind is None and [option.get("type") for option in schema.get("anyOf", ())] == ["number", "string"]:
        bounded = any(_BOUNDED & option.keys() for option in schema["anyOf"])
        return not bounded and _PLAIN.fullmatch(value) is not None and _GROUPED.fullmatch(value) is None
    if kind != "string" or _BOUNDED & schema.keys():
        return False
    if schema.get("format") == "date":
        return is_date(value)
    return value not in NOTHING and not is_placeholder(value)


def is_placeholder(text: str) -> bool:
    """Whether a text only holds the place of a value."""
    return _PLACEHOLDER.fullmatch(text.strip()) is not None


def takes_only_parts(schema: Schema) -> bool:
    """Whether a schema asks for a list or an object."""
    kinds = _kinds(schema)
    return bool(kinds) and kinds <= {"array", "object"}


def decoded(text: str) -> list[Any] | dict[str, Any] | None:
    """The list or object that a text holds as JSON."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def is_number(schema: Schema) -> bool:
    """Whether a schema asks for a number; how pydantic writes a Decimal is one: `number` or `string`."""
    kinds = _kinds(schema)
    return kinds == {"number", "string"} or (bool(kinds) and kinds <= {"number", "integer"})


def currency(text: str) -> str | None:
    """The ISO code of a currency's name or sign."""
    return _CURRENCY.get(text.casefold().strip(" ."))


def read_value(value: Any, schema: Schema, definitions: Schema, others: Collection[Any]) -> Any:
    """The value in the form that its schema asks for; the same object if it has it. `others` are the call's values.

    Raises `Unclear`.
    """
    schema = resolve(schema, definitions)
    if isinstance(value, str) and not any("enum" in option or "const" in option for option in options(schema)):
        if is_placeholder(value):
            raise Unclear(f"{value!r} is a placeholder. Write the value itself, or find it out first")
        if is_number(schema):
            number = _number(value, schema, others)
            if fits(number, schema, definitions):
                return number
            raise Unclear(f"{_shown(value)} is not {wanted(schema, definitions)}")
    if fits(value, schema, definitions):
        return value
    read = [found for option in options(schema) for found in _readings(value, resolve(option, definitions))]
    fitting = [one for one in read if fits(one, schema, definitions)]
    if fitting and all(one == fitting[0] for one in fitting):
        return fitting[0]
    exactly = ". Write it in quotes, exactly as you were given it" if isinstance(value, int | float) else ""
    raise Unclear(
        f"{_shown(value)} is not {wanted(schema, definitions)}{exactly if _kinds(schema) == {'string'} else ''}"
    )


def wanted(schema: Schema, definitions: Schema) -> str:
    """What a schema asks for, in words."""
    schema = resolve(schema, definitions)
    if is_number(schema) and "string" in _kinds(schema):
        return "a decimal number"
    kinds = [resolve(option, definitions) for option in options(schema)]
    return " or ".join(dict.fromkeys(_words(kind) for kind in kinds)) or "of the right form"


def _words(schema: Schema) -> str:
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(map(str, schema.get("enum") or [schema["const"]]))
    if schema.get("format") == "date":
        return "a date as YYYY-MM-DD"
    kind = schema.get("type")
    said = {"array": "a list", "object": "an object", "integer": "a whole number", "number": "a number"}
    bounds = [f"{word} {schema[word]}" for word in ("minimum", "maximum", "pattern", "maxLength") if word in schema]
    plain = said.get(str(kind), f"a {kind}" if isinstance(kind, str) else "of the right form")
    return f"{plain} ({', '.join(bounds)})" if bounds else plain


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."


def _kinds(schema: Schema) -> set[str]:
    found: set[str] = set()
    for option in options(schema):
        kind = option.get("type", "any")
        found |= {kind} if isinstance(kind, str) else set(kind) - {"null"}
    return found


def _readings(value: Any, schema: Schema) -> list[Any]:
    """What a value that does not fit may mean."""
    kind = schema.get("type")
    if "enum" in schema:
        return _choices(value, schema["enum"])
    if not isinstance(value, str):
        return []  # a number for an id says nothing of what stands before it: letters, zeros
    if kind == "string" and schema.get("format") == "date":
        return [_date(value)]
    if kind == "boolean":
        return [{"true": True, "false": False}[value.casefold()]] if value.casefold() in ("true", "false") else []
    return []


def _choices(value: Any, allowed: list[Any]) -> list[Any]:
    """The one choice that is spelled like this but for its style, or the code of a currency that is named."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return []
    plain, code = _styleless(value), currency(str(value))
    found = [one for one in allowed if _styleless(one) == plain] or [one for one in allowed if code and one == code]
    return found if len(found) == 1 else []


def _styleless(value: Any) -> str:
    return re.sub(r"[\s_-]", "", str(value)).casefold()


# --- dates and numbers -------------------------------------------------------------------------------------------


def _date(text: str) -> str:
    text = text.strip()
    whole = [written for written in find_dates(text) if written.end - written.start == len(text)]
    found = {day.isoformat() for written in whole for day in written.dates()}
    if match := _YEAR_FIRST.fullmatch(text):
        found = {f"{match[1]}-{match[3]:0>2}-{match[4]:0>2}"}
    elif match := _MIDNIGHT.fullmatch(text):
        found = {match[1]}
    found = {day for day in found if is_date(day)}
    if len(found) == 1:
        return found.pop()
    if not found:
        raise Unclear(f"{text!r} is not a date. Write it as YYYY-MM-DD")
    first, second = sorted(found)
    raise Unclear(f"{text!r} can be {_day(first)} or {_day(second)}. Write {first} or {second}")


def _day(iso: str) -> str:
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


def _number(text: str, schema: Schema, others: Collection[Any]) -> Any:
    """A number that is written as text. Text stays text where the schema takes it, so that no amount is rounded."""
    textual = "string" in _kinds(schema)
    if _PLAIN.fullmatch(text) and not _GROUPED.fullmatch(text):
        return text if textual else _bare(Decimal(text), schema, text)
    found = _amounts(text)
    if len(found) > 1:
        low, high = sorted(found)
        raise Unclear(f"{text!r} can be {_money(high)} or {_money(low)}. Write {_money(high)} or {_money(low)}")
    if not found:
        raise Unclear(f"{text!r} is not a number. Write digits with a point before decimals and nothing else")
    _check_currency(text, others)
    number = found.pop()
    return f"{number:f}" if textual else _bare(number, schema, text)


def _bare(number: Decimal, schema: Schema, text: str) -> int | float:
    if number == number.to_integral_value():
        return int(number)
    if _kinds(schema) == {"integer"}:
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
    if _GROUPED.fullmatch(digits):
        numbers.add(Decimal(digits.replace(".", "")))
    if digits.startswith(("0,", "0.")):
        numbers = {Decimal(digits.replace(",", "."))}
    return {-number for number in numbers} if figures[0].negative else numbers


def _check_currency(text: str, others: Collection[Any]) -> None:
    """A currency beside an amount may go only where another value of the call says the same."""
    word = re.sub(r"[\d\s.,'\u00a0\u202f\u2009\u2013\u2212-]", "", text)
    code = currency(word) or word.upper()
    if word and not any(isinstance(one, str) and code in (one.upper(), currency(one)) for one in others):
        raise Unclear(f"{text!r} names a currency. Write the number alone, and the currency where it belongs")


def _money(number: Decimal) -> str:
    return f"{number:.2f}" if number == number.quantize(Decimal("0.01")) else f"{number:f}"
