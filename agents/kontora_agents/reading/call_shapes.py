"""The shapes in which models print calls as text: JSON, XML, Python, tags. Each is read whole or not at all."""

from __future__ import annotations

import ast
import json
import re
import warnings
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_NAMES = ("name", "tool", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "args", "input")
_BESIDE = frozenset({"type", "id"})
_FUNCTION = re.compile(r"\s*(?:<tool_call>\s*)?<function=([^<>\s]+)>(.*?)</function>(?:\s*</tool_call>)?\s*", re.DOTALL)
_PARAMETER = re.compile(r"\s*<parameter=([^<>\s]+)>(.*?)</parameter>\s*", re.DOTALL)
_INVOKE = re.compile(r"""\s*<invoke name="([^<>\s"]+)">(.*?)</invoke>\s*""", re.DOTALL)
_NAMED = re.compile(r"""\s*<parameter name="([^<>\s"]+)">(.*?)</parameter>\s*""", re.DOTALL)
#: `name{...}` and `name[ARGS]{...}`, as models write behind `[TOOL_CALLS]`.
_NAME_FIRST = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*(?:\[ARGS\])?\s*(?=\{)")
#: A channel of calls that leaked into the text, and an action with its input on two lines.
_CHANNEL = re.compile(
    r"<\|channel\|>\w+ to=([\w.:-]+)\s*(?:<\|constrain\|>\s*\w+\s*)?<\|message\|>(.*?)(?:<\|call\|>)?", re.DOTALL
)
_ACTION = re.compile(r"Action: *([\w.:-]+) *\nAction Input:(.*)", re.DOTALL)
_SEPARATOR = re.compile(r"[\s,;]*")


@dataclass(frozen=True)
class Printed:
    """A call as it stands in a text. Values of `loose` arguments are texts without a type."""

    name: str
    arguments: dict[str, Any]
    loose: bool = False


class NoCall(Exception):
    """A text is not wholly calls."""


def exact(digits: str) -> float | str:
    """Read a number; one that a float would change stays text, so that no amount is altered on the way."""
    number = float(digits)
    return number if number - number == 0 and Decimal(repr(number)) == Decimal(digits) else digits


def decode(text: str) -> Any:
    """Read JSON that has one reading: no name twice, no NaN. Raises `ValueError`, `RecursionError`."""
    return _DECODER.decode(text)


def json_calls(text: str, *, marked: bool = False) -> list[Printed]:
    """Calls as JSON objects, one after another or in a list. Behind a mark, arguments may be left out.

    Raises `NoCall`.
    """
    found: list[Printed] = []
    at = _SEPARATOR.match(text).end()  # type: ignore[union-attr]  # it matches anywhere
    while at < len(text):
        named = _NAME_FIRST.match(text, at) if marked else None
        try:
            value, at = _DECODER.raw_decode(text, named.end() if named else at)
        except (ValueError, RecursionError):
            raise NoCall from None
        if named:
            found.append(Printed(named[1], _object(value)))
        else:
            for one in value if isinstance(value, list) else [value]:
                found += _from_json(one, marked)
        at = _SEPARATOR.match(text, at).end()  # type: ignore[union-attr]
    if not found:
        raise NoCall
    return found


def xml_calls(text: str) -> list[Printed]:
    """Calls as `<function=name><parameter=key>value</parameter></function>`, or with `<invoke name="name">` and
    `<parameter name="key">`. Raises `NoCall`."""
    found, at = [], 0
    while at < len(text):
        function = _FUNCTION.match(text, at)
        invoked = None if function else _INVOKE.match(text, at)
        if function is not None and function[2].lstrip().startswith("{"):
            found.append(Printed(function[1], _object(function[2].strip())))
        elif function is not None:
            found.append(Printed(function[1], _parameters(function[2], _PARAMETER), loose=True))
        elif invoked is not None:
            found.append(Printed(invoked[1], _parameters(invoked[2], _NAMED), loose=True))
        else:
            raise NoCall
        at = (function or invoked).end()  # type: ignore[union-attr]  # one of them is there
    return found


def tagged_calls(text: str) -> list[Printed]:
    """One call behind `<|channel|>`, or as `Action:` and `Action Input:`. Raises `NoCall`."""
    form = _CHANNEL.fullmatch(text) or _ACTION.fullmatch(text)
    if form is None:
        raise NoCall
    return [Printed(form[1], _object(form[2].strip()))]


def python_calls(text: str) -> list[Printed]:
    """Calls as Python writes them, alone or in a list; values are literals. Nothing is executed. Raises `NoCall`."""
    try:
        with warnings.catch_warnings():  # of a strange escape in a text nobody needs to hear
            warnings.simplefilter("ignore")
            parsed = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NoCall from None
    listed = parsed.elts if isinstance(parsed, ast.List | ast.Tuple) else [parsed]
    found = [_from_python(node, text.strip()) for node in listed]
    if not found:
        raise NoCall
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some pairs. Raises `ValueError` if a name stands twice among them."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def no_number(word: str) -> None:
    """Raises `ValueError`: NaN and Infinity are no JSON."""
    raise ValueError(f"{word} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_float=exact, parse_constant=no_number)


def _object(value: Any) -> dict[str, Any]:
    """Arguments: an object, also as JSON in a text. Raises `NoCall`."""
    if isinstance(value, str):
        try:
            value = decode(value)
        except (ValueError, RecursionError):
            raise NoCall from None
    if not isinstance(value, dict):
        raise NoCall
    return value


def _from_json(value: Any, marked: bool) -> list[Printed]:
    if not isinstance(value, dict):
        raise NoCall
    if value.keys() == {"tool_calls"} and isinstance(value["tool_calls"], list):
        return [call for one in value["tool_calls"] for call in _from_json(one, marked)]
    if value.keys() == {"tool_call"}:
        return _from_json(value["tool_call"], marked)
    if isinstance(value.get("function"), dict) and value.keys() - _BESIDE == {"function"}:
        return _from_json(value["function"], marked)
    names = [key for key in _NAMES if key in value]
    holders = [key for key in _ARGUMENTS if key in value]
    if len(names) != 1 or len(holders) > 1 or not (holders or marked):
        raise NoCall
    if value.keys() - _BESIDE != {*names, *holders} or not isinstance(value[names[0]], str):
        raise NoCall
    given = value[holders[0]] if holders else None
    return [Printed(value[names[0]], _object({} if given is None else given))]


def _parameters(text: str, form: re.Pattern[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    while text[at:].strip():
        parameter = form.match(text, at)
        if parameter is None or parameter[1] in found:
            raise NoCall
        found[parameter[1]] = parameter[2].strip()
        at = parameter.end()
    return found


def _from_python(node: ast.expr, text: str) -> Printed:
    if not isinstance(node, ast.Call) or node.args or any(keyword.arg is None for keyword in node.keywords):
        raise NoCall
    arguments = {str(keyword.arg): _literal(keyword.value, text) for keyword in node.keywords}
    if len(arguments) != len(node.keywords):
        raise NoCall
    return Printed(_dotted(node.func), arguments)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    raise NoCall


def _literal(node: ast.expr, text: str) -> Any:
    """A JSON value out of a Python literal. Raises `NoCall`."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, float):
            return exact((ast.get_source_segment(text, node) or "").replace("_", ""))
        if node.value is None or isinstance(node.value, str | int | bool):
            return node.value
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _literal(node.operand, text)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return -number
    elif isinstance(node, ast.List | ast.Tuple):
        return [_literal(item, text) for item in node.elts]
    elif isinstance(node, ast.Dict):
        keys = [_literal(key, text) if key is not None else None for key in node.keys]
        if all(isinstance(key, str) for key in keys) and len(set(keys)) == len(keys):
            return {key: _literal(value, text) for key, value in zip(keys, node.values, strict=True)}
    raise NoCall
