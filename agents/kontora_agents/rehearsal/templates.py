"""The Jinja2 environment of scripts: sandboxed, strict, with the few words a script needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from kontora_agents.errors import RehearsalMismatch
from kontora_agents.rehearsal.conversation import Result

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}


def render(source: str, values: dict[str, Any]) -> str:
    """Render a text. Raises `RehearsalMismatch` if the template asks for what is not there."""
    return str(_guarded(lambda: _template(source).render(values)))


def evaluate(source: str, values: dict[str, Any]) -> Any:
    """Evaluate an expression. Raises `RehearsalMismatch` as `render` does."""
    value = _guarded(lambda: _expression(source)(**values))
    if isinstance(value, Undefined):
        raise RehearsalMismatch(f"`{source}` is not there")
    return value


def words_for(results: list[Result]) -> dict[str, Any]:
    """Return what templates see of the results: all of them, and pickers by tool."""

    def given_by(tool: str, **arguments: Any) -> list[Result]:
        """Return the results of `tool` whose call had these arguments, errors left out."""
        wanted = arguments.items()
        return [r for r in results if r.tool == tool and r.data is not None and wanted <= r.arguments.items()]

    def data_of(tool: str, **arguments: Any) -> Any:
        """Return the data of the last such result."""
        found = given_by(tool, **arguments)
        if not found:
            said = "".join(f", {name}={value}" for name, value in arguments.items())
            raise RehearsalMismatch(f"there is no result of {tool}{said}")
        return found[-1].data

    return {"results": results, "given_by": given_by, "data_of": data_of}


def _money(value: Any, language: str) -> str:
    text = f"{Decimal(str(value)):,.2f}"
    return text.replace(",", "\u00a0").replace(".", ",") if language == "ru" else text


def _day(value: Any, language: str) -> str:
    day = date.fromisoformat(str(value)[:10])
    month = _MONTHS["ru" if language == "ru" else "en"].split(" ")[day.month - 1]
    return f"{day.day} {month} {day.year}"


_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.filters.update(money=_money, day=_day)


@lru_cache(maxsize=512)
def _template(source: str) -> Template:
    return _ENVIRONMENT.from_string(source)


@lru_cache(maxsize=512)
def _expression(source: str) -> Callable[..., Any]:
    return _ENVIRONMENT.compile_expression(source, undefined_to_none=False)


def _guarded(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (TemplateError, TypeError, ValueError, KeyError, ArithmeticError, InvalidOperation) as error:
        raise RehearsalMismatch(f"{error}") from None
