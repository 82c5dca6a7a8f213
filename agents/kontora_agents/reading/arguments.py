"""The arguments of a call, put into the form that its tool asks for, where there is one reading."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from kontora_agents.reading.schema import Schema, fits, options, resolve
from kontora_agents.reading.unclear import Unclear
from kontora_agents.reading.values import (
    NOTHING,
    decoded,
    is_one,
    is_plain,
    read_value,
    takes_a_list,
    takes_no_list,
    takes_only_parts,
    wanted,
)
from kontora_agents.seams import Repair, ToolSpec

#: Under these names models put all arguments into a further object.
_WRAPPERS = ("arguments", "parameters", "params", "args", "kwargs", "input")
_IN_A_SCHEMA = frozenset({"type", "value", "description", "title", "format"})
_NAMED = frozenset({"name", "tool", "function", "type"})


@dataclass
class Reading:
    """Arguments as they were read. Where there are `problems` they are as they were given."""

    arguments: dict[str, Any]
    repairs: list[Repair] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_arguments(spec: ToolSpec, given: dict[str, Any]) -> Reading:
    """Read the arguments of a call. Those that need no repair come back as the same object."""
    if is_plain(given, spec.parameters):
        return Reading(given)
    reader = _Reader(spec, given)
    taken_out = reader.taken_out(given)
    read = reader.object(taken_out, spec.parameters, "")
    if reader.problems:
        return Reading(given, problems=reader.problems)
    return Reading(read, reader.repairs)


class _Reader:
    """Goes through the arguments of one call, and collects what it changed and what it could not read."""

    def __init__(self, spec: ToolSpec, given: dict[str, Any]) -> None:
        self._tool, self._schema = spec.name, spec.parameters
        self._definitions: Schema = spec.parameters.get("$defs", {})
        self._others = list(given.values())
        self.repairs: list[Repair] = []
        self.problems: list[str] = []

    # --- the object as a whole -----------------------------------------------------------------------------------

    def taken_out(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments without the object, or the schema, that a model has put around them."""
        properties = self._schema.get("properties", {})
        inner = self._unwrapped(given) if given.keys() - properties.keys() else given
        if inner is not given:
            self._changed("", given, inner, "the arguments stood in a further object")
            self._others = list(inner.values())
        if inner and all(self._echoes(value, properties.get(name, {})) for name, value in inner.items()):
            values = {name: value["value"] for name, value in inner.items()}
            self._changed("", inner, values, "each value stood in the schema of its argument")
            self._others = list(values.values())
            return values
        return inner

    def _unwrapped(self, given: dict[str, Any]) -> dict[str, Any]:
        properties = self._schema.get("properties", {})
        wrappers = [name for name in _WRAPPERS if name in given and name not in properties]
        beside = given.keys() - set(wrappers)
        named = beside <= _NAMED and given.get("name", self._tool) == self._tool
        if len(wrappers) != 1 or (beside and not (named and beside.isdisjoint(properties))):
            return given
        inner = given[wrappers[0]]
        if isinstance(inner, str):
            try:
                inner = json.loads(inner)
            except (ValueError, RecursionError):
                return given
        return inner if isinstance(inner, dict) else given

    def _echoes(self, value: Any, schema: Schema) -> bool:
        takes_object = any(resolve(one, self._definitions).get("type") == "object" for one in options(schema))
        return isinstance(value, dict) and {"type", "value"} <= value.keys() <= _IN_A_SCHEMA and not takes_object

    # --- its parts -----------------------------------------------------------------------------------------------

    def object(self, given: dict[str, Any], schema: Schema, at: str) -> dict[str, Any]:
        """Read an object by its schema; `at` is the path before the names of its parts."""
        properties, read = schema.get("properties", {}), dict[str, Any]()
        asked: set[str] = set()
        for key, value in given.items():
            name = key if key in properties else self._meant(key, value, schema, given, at)
            if name is not None:
                asked.add(name)
                self._take(read, name, value, schema, at)
        for name in schema.get("required", ()):
            if name not in read and name not in asked:
                self.problems.append(
                    f"{at}{name} is missing: it is {wanted(properties.get(name, {}), self._definitions)}"
                )
        same = read.keys() == given.keys() and all(read[name] is value for name, value in given.items())
        return given if same else read

    def _meant(self, key: str, value: Any, schema: Schema, given: dict[str, Any], at: str) -> str | None:
        """The argument that a name stands for which the tool does not have; None if it is left out or refused."""
        properties, strict = schema.get("properties", {}), schema.get("additionalProperties", True) is False
        needed: list[str] = list(properties) if strict else schema.get("required", [])
        same = [name for name in needed if _styleless(name) == _styleless(key) and name not in given]
        if len(same) == 1:
            self._changed(f"{at}{key}", key, same[0], "the name in the style of the tool")
            return same[0]
        if not strict:
            return key
        if value is None or value in ("", [], {}) or (isinstance(value, str) and value in NOTHING):
            self._changed(f"{at}{key}", value, None, "the tool has no such argument, and it says nothing")
            return None
        self.problems.append(f"{at}{key} is no argument of this tool: it has {', '.join(properties) or 'none'}")
        return None

    def _take(self, read: dict[str, Any], name: str, value: Any, schema: Schema, at: str) -> None:
        part = resolve(schema.get("properties", {}).get(name) or {}, self._definitions)
        where = f"{at}{name}"
        if not _is_nothing(value, part):
            try:
                read[name] = self._value(value, part, where)
            except Unclear as unclear:
                self.problems.append(f"{where}: {unclear}")
        elif value is None and fits(None, part, self._definitions):
            read[name] = None
        elif name not in schema.get("required", ()):
            self._changed(where, value, None, "it says that there is no value, so it was left out")
        elif fits(None, part, self._definitions):
            read[name] = None
            self._changed(where, value, None, "a word for no value")
        else:
            self.problems.append(f"{where} needs a value: it is {wanted(part, self._definitions)}")

    def _value(self, value: Any, schema: Schema, where: str) -> Any:
        if isinstance(value, str) and takes_only_parts(schema):
            inner = decoded(value)
            if inner is not None:
                self._changed(where, value, inner, "the value stood in a text, as JSON")
                value = inner
        value = self._one_or_many(value, schema, where)
        if isinstance(value, dict) and schema.get("properties"):
            return self.object(value, schema, f"{where}.")
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            items = resolve(schema["items"], self._definitions)
            read = [self._value(item, items, f"{where}.{number}") for number, item in enumerate(value)]
            value = value if all(one is other for one, other in zip(value, read, strict=True)) else read
        found = read_value(value, schema, self._definitions, self._others)
        if found is not value:
            self._changed(where, value, found, "it has one reading in the form that the tool asks for")
        return found

    def _one_or_many(self, value: Any, schema: Schema, where: str) -> Any:
        """A value out of a list of one where no list is asked for; the only item of a list where one is."""
        if isinstance(value, list):
            if len(value) != 1 or isinstance(value[0], list) or not takes_no_list(schema):
                return value
            read, why = value[0], "it stood alone in a list, and one value is asked for"
        elif takes_a_list(schema) and is_one(value):
            read, why = [value], "a list is asked for, and it can only be its one item"
        else:
            return value
        self._changed(where, value, read, why)
        return read

    def _changed(self, where: str, before: Any, after: Any, why: str) -> None:
        path = f"{self._tool}.{where}" if where else self._tool
        self.repairs.append(Repair(what="argument", where=path, before=before, after=after, why=why))


def _is_nothing(value: Any, schema: Schema) -> bool:
    if value is None:
        return True
    return isinstance(value, str) and value in NOTHING and not any("enum" in option for option in options(schema))


def _styleless(name: str) -> str:
    return re.sub(r"[\s_.-]", "", name).casefold()
