"""YAML as a careful person expects it: a strict part of YAML 1.2's core schema, with places.

Only `true` and `false` are booleans; only JSON's numbers are numbers, and those with a point are exact decimals;
`yes`, `on`, `012`, `1:30`, `2026-11-01` are text. A key stands once in a mapping. Tags and merge keys do not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import yaml

from kontora_workflows.definitions.complaints import Complaint, about_braces, explain, explain_character
from kontora_workflows.definitions.problems import Path, Place, Positions, Problem, WorkflowInvalid, path_text

MAX_CHARACTERS = 262_144
MAX_VALUES = 20_000
MAX_DEPTH = 40

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": re.compile(r"^(?:~|null|)$"),
    "bool": re.compile(r"^(?:true|false)$"),
    "int": re.compile(r"^-?(?:0|[1-9][0-9]{0,29})$"),
    "float": re.compile(r"^-?(?:0|[1-9][0-9]{0,29})\.[0-9]{1,30}$"),
}
_READ: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text == "true",
    "int": int,
    "float": Decimal,
    "str": str,
}


class _TooMuch(Exception):
    """The file is larger than a workflow can be."""

    def __init__(self, node: yaml.Node, message: str) -> None:
        self.node = node
        self.message = message


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's parser with other scalars, and a bound on nesting (its composer is recursive)."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own name
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH and parent is not None:
            raise _TooMuch(parent, f"Values are nested more than {MAX_DEPTH} levels deep")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


for _name, _pattern in _SCALARS.items():
    _CoreLoader.add_implicit_resolver(_TAG + _name, _pattern, None)


def read_yaml(text: str, source: str) -> tuple[Any, Positions]:
    """Return the data of a YAML text and where each part of it stands. Raises `WorkflowInvalid`."""
    if len(text) > MAX_CHARACTERS:
        message = f"The file has {len(text):,} characters; a workflow has at most {MAX_CHARACTERS:,}"
        raise WorkflowInvalid([Problem(source, 1, 1, "", message)])
    walk = _Walk(source)
    try:
        loader = _CoreLoader(text.removeprefix("\ufeff"))
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
        data = None if node is None else walk.value(node, ())
    except yaml.MarkedYAMLError as error:
        raise _invalid(explain(error, text), source) from None
    except yaml.reader.ReaderError as error:
        raise _invalid(explain_character(error, text), source) from None
    except _TooMuch as error:
        place = _place(error.node)
        raise WorkflowInvalid([Problem(source, place.line, place.column, "", error.message)]) from None
    if walk.problems:
        raise WorkflowInvalid(walk.problems)
    return data, Positions(walk.keys, walk.values)


class _Walk:
    """Turns nodes into data, remembers places, collects what the form of the data itself forbids."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.keys: dict[Path, Place] = {}
        self.values: dict[Path, Place] = {}
        self.count = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        """Return the data of a node."""
        self.count += 1
        if self.count > MAX_VALUES:
            raise _TooMuch(node, f"The file holds more than {MAX_VALUES:,} values, repeated ones counted")
        if len(path) > MAX_DEPTH:
            raise _TooMuch(node, "A value contains itself")
        self.values[path] = _place(node)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(item, (*path, position)) for position, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if not isinstance(node, yaml.ScalarNode) or kind not in _READ:
            self._wrong(node, path, f"The tag `{node.tag}` is not used in workflows", "Remove it")
            return None
        if kind in _SCALARS and not _SCALARS[kind].match(node.value):
            self._wrong(node, path, f"`{node.value}` is not of the type its tag says", "Remove the tag")
            return None
        return _READ[kind](node.value)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                half_a_reference = isinstance(key, yaml.MappingNode)
                said = (
                    about_braces(with_dollar=False)
                    if half_a_reference
                    else ("A key has to be a text", "Put it in quotes")
                )
                self._wrong(node if half_a_reference else key, path, *said)
            elif key.tag != _TAG + "str":
                self._wrong(key, path, f"The key `{key.value}` is not a text", "Put it in quotes")
            elif key.value in found:
                first = self.keys[(*path, key.value)].line
                self._wrong(
                    key, (*path, key.value), f"`{key.value}` is written twice, first in line {first}", "Keep one"
                )
            else:
                self.keys[(*path, key.value)] = _place(key)
                found[key.value] = self.value(value, (*path, key.value))
                if node.flow_style and _is_absent(value):
                    hint = "Inside { } a comma ends a value: put a text with a comma in quotes"
                    self._wrong(key, (*path, key.value), f"`{key.value}` has no value", hint)
        return found

    def _wrong(self, node: yaml.Node, path: Path, message: str, hint: str) -> None:
        place = _place(node)
        self.problems.append(Problem(self.source, place.line, place.column, path_text(path), message, hint))


def _is_absent(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.start_mark.index == node.end_mark.index


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _invalid(complaint: Complaint, source: str) -> WorkflowInvalid:
    return WorkflowInvalid([Problem(source, complaint.line, complaint.column, "", complaint.message, complaint.hint)])
