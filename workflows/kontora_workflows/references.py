"""References to values of a run: `${{ inputs.as_of }}`, `${{ steps.ageing.worsened[:3] }}`, `${{ debtor.name }}`.

A path is a name followed by `.name`, `[0]` or `[a:b]`, and nothing else: no functions, no arithmetic. A string that
is one reference stands for the value itself; a reference inside a longer string is put in as text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

_OPEN, _CLOSE = "${{", "}}"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INDEX = re.compile(r"\[\s*(-?[0-9]{1,9})\s*\]")
_SLICE = re.compile(r"\[\s*(-?[0-9]{1,9})?\s*:\s*(-?[0-9]{1,9})?\s*\]")


class ReferenceSyntax(ValueError):
    """A text holds something that is not a reference. `offset` counts characters from the start of the text."""

    def __init__(self, message: str, offset: int) -> None:
        self.message = message
        self.offset = offset
        super().__init__(message)


class ReferenceFailed(LookupError):
    """A reference names what the run does not have. `path` is the reference, the message says what there is."""

    def __init__(self, path: str, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Field:
    """`.name`"""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


@dataclass(frozen=True)
class Index:
    """`[0]`; negative ones count from the end."""

    position: int

    def __str__(self) -> str:
        return f"[{self.position}]"


@dataclass(frozen=True)
class Slice:
    """`[a:b]`: a list of the items from `a` up to, not including, `b`."""

    start: int | None
    stop: int | None

    def __str__(self) -> str:
        return f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]"


Part = Field | Index | Slice


@dataclass(frozen=True)
class Reference:
    """A path: what it starts from (`inputs`, `steps`, `run` or a loop variable) and how it goes on."""

    root: str
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return self.root + "".join(map(str, self.parts))

    def resolve(self, scope: Mapping[str, Any]) -> Any:
        """Return the value this path leads to. Raises `ReferenceFailed`."""
        if self.root not in scope:
            raise ReferenceFailed(str(self), f"There is no `{self.root}` here{_offer(self.root, scope)}")
        value, way = scope[self.root], self.root
        for part in self.parts:
            value = _go(value, part, way, str(self))
            way += str(part)
        return value


@dataclass(frozen=True)
class Template:
    """A text with references in it. `pieces` alternate as they were written."""

    pieces: tuple[str | Reference, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Reference))

    @property
    def reference(self) -> Reference | None:
        """The reference, if the text is exactly one."""
        return self.pieces[0] if len(self.pieces) == 1 and isinstance(self.pieces[0], Reference) else None

    def __str__(self) -> str:
        return "".join(p if isinstance(p, str) else f"{_OPEN} {p} {_CLOSE}" for p in self.pieces)

    def render(self, scope: Mapping[str, Any]) -> Any:
        """Return the value itself if this is one reference, else the text filled in. Raises `ReferenceFailed`."""
        if self.reference is not None:
            return self.reference.resolve(scope)
        return "".join(p if isinstance(p, str) else _text(p.resolve(scope), str(p)) for p in self.pieces)


def parse(text: str) -> Template:
    """Read the references of a text. Raises `ReferenceSyntax`."""
    pieces: list[str | Reference] = []
    position = 0
    while (start := text.find(_OPEN, position)) >= 0:
        end = text.find(_CLOSE, start)
        if end < 0:
            raise ReferenceSyntax("A reference is opened by `${{` and not closed by `}}`", start)
        if start > position:
            pieces.append(text[position:start])
        pieces.append(_read(text, start + len(_OPEN), end))
        position = end + len(_CLOSE)
    if position < len(text) or not pieces:
        pieces.append(text[position:])
    return Template(tuple(pieces))


def fill(value: Any, scope: Mapping[str, Any]) -> Any:
    """Return a JSON value with every reference in its texts rendered. Raises `ReferenceSyntax`, `ReferenceFailed`."""
    if isinstance(value, str):
        return parse(value).render(scope)
    if isinstance(value, Mapping):
        return {key: fill(item, scope) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, scope) for item in value]
    return value


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text inside a JSON value with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            yield from texts(item, (*path, position))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` was most likely meant to be, or None."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), folded, 1, cutoff=0.6)
    return folded[close[0]] if close else None


def _read(text: str, start: int, end: int) -> Reference:
    """Read the path between `start` and `end`."""
    inner = text[start:end].strip()
    match = _NAME.match(inner)
    if match is None:
        raise ReferenceSyntax(f"`{inner}` is not a reference: it has to begin with a name", start)
    root, position, parts = match[0], match.end(), []
    while position < len(inner):
        part, length = _part(inner[position:])
        if part is None:
            raise ReferenceSyntax(
                f"`{inner}` is not a reference: `{inner[position:]}` is neither .name, [0] nor [a:b]", start
            )
        parts.append(part)
        position += length
    return Reference(root, tuple(parts))


def _part(rest: str) -> tuple[Part | None, int]:
    if rest.startswith(".") and (match := _NAME.match(rest, 1)):
        return Field(match[0]), match.end()
    if match := _INDEX.match(rest):
        return Index(int(match[1])), match.end()
    if match := _SLICE.match(rest):
        return Slice(*(None if number is None else int(number) for number in match.groups())), match.end()
    return None, 0


def _go(value: Any, part: Part, way: str, path: str) -> Any:
    """Take one part of a path from `value`, which `way` led to."""
    if isinstance(part, Field):
        if not isinstance(value, Mapping):
            raise ReferenceFailed(path, f"`{way}` is {_what(value)} and has no fields, so no `{part.name}`")
        if part.name not in value:
            raise ReferenceFailed(path, f"`{way}` has no `{part.name}`{_offer(part.name, value)}")
        return value[part.name]
    if not isinstance(value, list | tuple):
        raise ReferenceFailed(path, f"`{way}` is {_what(value)}, not a list: `{part}` cannot be taken from it")
    if isinstance(part, Slice):
        return list(value[part.start : part.stop])
    if not -len(value) <= part.position < len(value):
        raise ReferenceFailed(path, f"`{way}` has {len(value)} items: there is no `{part}`")
    return value[part.position]


def _offer(name: str, known: Iterable[str]) -> str:
    """Say what could have been named instead."""
    names = sorted(map(str, known))
    near = nearest(name, names)
    meant = f". Did you mean `{near}`?" if near else "."
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return f"{meant} There is: {shown}" if names else f"{meant} There is nothing"


def _text(value: Any, path: str) -> str:
    """Write a value into a longer text: as it is, null as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    raise ReferenceFailed(path, f"`{path}` is {_what(value)}: inside a longer text only single values can stand")


def _what(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "null" if value is None else "a text" if isinstance(value, str) else "a single value"
