"""Walking through the types of values that do not exist yet: what a path will lead to once the workflow runs."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel

from kontora_workflows.references import Field, Index, Part, nearest

#: What a type looks like as JSON; None if that cannot be told.
Shape = Literal["text", "number", "decimal", "boolean", "date", "list", "object"]

_SHAPES: list[tuple[type, Shape]] = [
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (Decimal, "decimal"),
    (datetime, "date"),
    (date, "date"),
    (str, "text"),
    (BaseModel, "object"),
]

#: Which shapes an argument of a shape can be made from. Text may hold anything but a list or an object.
_ACCEPTS: dict[Shape, set[Shape]] = {
    "text": {"text", "date", "decimal"},
    "number": {"number", "decimal", "text"},
    "decimal": {"number", "decimal", "text"},
    "boolean": {"boolean", "text"},
    "date": {"date", "text"},
    "list": {"list"},
    "object": {"object"},
}


class NoSuchPart(LookupError):
    """A path goes where its type has nothing. `hint` offers the nearest name."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


def bare(annotation: Any) -> Any:
    """Return a type without its `Annotated` metadata."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def members(annotation: Any) -> list[Any]:
    """Return what a value of this type may be, null left out: the members of a union, or the type itself."""
    annotation = bare(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for item in get_args(annotation) for kind in members(item)]
    return [] if annotation is type(None) else [annotation]


def is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    """Say whether a type is a pydantic model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def shape(annotation: Any) -> Shape | None:
    """Return what values of this type look like as JSON, or None if they may look different or anyhow."""
    shapes = {_shape(member) for member in members(annotation)}
    return shapes.pop() if len(shapes) == 1 else None


def fits(target: Any, source: Any) -> bool:
    """Say whether a value of the type `source` may be given where `target` is asked for. In doubt it fits."""
    offered = shape(source)
    wanted = [_shape(member) for member in members(target)]
    return offered is None or None in wanted or any(offered in _ACCEPTS[kind] for kind in wanted if kind)


def called(annotation: Any) -> str:
    """Name a type in a sentence: `a date`, `a list`."""
    shapes = dict.fromkeys(_shape(member) for member in members(annotation))
    return " or ".join(_ARTICLES[kind] if kind else "something else" for kind in shapes) or "nothing"


def follow(annotation: Any, part: Part, way: str) -> Any:
    """Return the type one part of a path leads to; `Any` if unknown. Raises `NoSuchPart`."""
    found: list[Any] = []
    failures: list[NoSuchPart] = []
    for member in members(annotation):
        try:
            found.append(_follow(member, part, way))
        except NoSuchPart as failure:
            failures.append(failure)
    if failures and not found:
        raise failures[0]
    return Union[tuple(found)] if found else Any  # noqa: UP007 - made of a list


def items_of(annotation: Any) -> Any:
    """Return the type of a list's items; `Any` if unknown, None if this is not a list."""
    kinds = [member for member in members(annotation) if _shape(member) in ("list", None)]
    if not kinds:
        return None
    arguments = get_args(kinds[0])
    return arguments[0] if arguments and _shape(kinds[0]) == "list" else Any


def fields_of(annotation: Any) -> Mapping[str, Any] | None:
    """Return the fields of an object type with their types, or None if they are not known."""
    models = [member for member in members(annotation) if is_model(member)]
    if not models or len(models) != len(members(annotation)):
        return None
    return {field.alias or name: field.annotation for model in models for name, field in model.model_fields.items()}


def _shape(member: Any) -> Shape | None:
    origin = get_origin(member) or member
    if origin is Literal:
        return "text" if all(isinstance(value, str) for value in get_args(member)) else None
    if not isinstance(origin, type):
        return None
    if issubclass(origin, Mapping):
        return "object"
    if issubclass(origin, Sequence | set | frozenset) and not issubclass(origin, str | bytes):
        return "list"
    return next((name for kind, name in _SHAPES if issubclass(origin, kind)), None)


def _follow(member: Any, part: Part, way: str) -> Any:
    kind = _shape(member)
    if kind is None:
        return Any
    if not isinstance(part, Field):
        if kind != "list":
            raise NoSuchPart(f"`{way}` is {_ARTICLES[kind]}, not a list: `{part}` cannot be taken from it", "")
        return items_of(member) if isinstance(part, Index) else member
    if kind != "object":
        hint = f"Take one item first: `{way}[0].{part.name}`" if kind == "list" else ""
        raise NoSuchPart(f"`{way}` is {_ARTICLES[kind]} and has no fields, so no `{part.name}`", hint)
    fields = fields_of(member)
    if fields is None:
        arguments = get_args(member)
        return arguments[1] if len(arguments) == 2 else Any
    if part.name not in fields:
        near = nearest(part.name, fields)
        hint = f"Did you mean `{near}`?" if near else f"There is: {', '.join(fields)}"
        raise NoSuchPart(f"`{way}` has no `{part.name}`", hint)
    return fields[part.name]


_ARTICLES: dict[Shape, str] = {
    "text": "a text",
    "number": "a number",
    "decimal": "a decimal",
    "boolean": "true or false",
    "date": "a date",
    "list": "a list",
    "object": "an object",
}
