"""How far a value may go: its class, and the zones that may hold it.

A class comes from what a field is labelled with; a zone is where a model or a receiver is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from kontora_connectors.labels import Label

DataClass = Literal["public", "internal", "confidential", "personal"]
#: How far away a system or model is: on this machine, in the company's own network, or with somebody else.
Zone = Literal["local", "private", "external"]

_ORDER: tuple[DataClass, ...] = get_args(DataClass)
#: The highest class that a zone may hold, unless an operator says otherwise.
HIGHEST: Mapping[Zone, DataClass] = {"local": "personal", "private": "confidential", "external": "public"}
#: What a system answers without a label.
UNLABELLED: DataClass = "internal"
_OF_LABEL: Mapping[Label, DataClass] = {Label.PII: "personal", Label.CONFIDENTIAL: "confidential"}


def highest(classes: Iterable[DataClass]) -> DataClass:
    """The strictest of some classes; `public` if there are none."""
    return max(classes, key=_ORDER.index, default="public")


def may_hold(holder: DataClass, value: DataClass) -> bool:
    """Whether what is cleared for one class may be given a value of another."""
    return _ORDER.index(value) <= _ORDER.index(holder)


def class_of(value: Any, labels: Mapping[str, frozenset[Label]]) -> DataClass:
    """The class of what a tool answered (plain JSON), by the labels of its fields; empty fields say nothing."""
    found = (
        _OF_LABEL[label] for path, marks in labels.items() for label in marks & _OF_LABEL.keys() if _at(value, path)
    )
    return highest([UNLABELLED, *found])


def without_secrets(value: Any, labels: Mapping[str, frozenset[Label]]) -> Any:
    """A value without the fields that never leave their connector."""
    for path, marks in labels.items():
        if Label.SECRET in marks:
            value = _blanked(value, path.split("."))
    return value


def _at(value: Any, path: str) -> bool:
    """Whether anything but nothing stands at a path such as `items[].email`."""
    here = [value]
    for part in path.split("."):
        name, lists = part.replace("[]", ""), part.count("[]")
        here = [one[name] for one in here if isinstance(one, dict) and name in one] if name else here
        for _ in range(lists):
            here = [inner for one in here for inner in _inner(one)]
    return any(one not in (None, "", [], {}) for one in here)


def _blanked(value: Any, parts: list[str]) -> Any:
    if not parts:
        return None
    name, lists = parts[0].replace("[]", ""), parts[0].count("[]")
    if name:
        if not isinstance(value, dict) or name not in value:
            return value
        return {**value, name: _blanked_below(value[name], lists, parts[1:])}
    return _blanked_below(value, lists, parts[1:])


def _blanked_below(value: Any, lists: int, parts: list[str]) -> Any:
    if not lists:
        return _blanked(value, parts)
    if isinstance(value, dict):
        return {key: _blanked_below(inner, lists - 1, parts) for key, inner in value.items()}
    return [_blanked_below(inner, lists - 1, parts) for inner in value] if isinstance(value, list) else value


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
