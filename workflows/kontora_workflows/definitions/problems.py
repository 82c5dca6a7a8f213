"""What is wrong with a definition, and where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Where something is inside a definition: `("steps", 0, "with", "as_of")`.
Path = tuple[str | int, ...]


def path_text(path: Path) -> str:
    """Write a path the way people read it: `steps[0].with.as_of`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


@dataclass(frozen=True)
class Place:
    """A place in a file; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Positions:
    """Where the keys and values of a definition were written."""

    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)

    def value(self, path: Path) -> Place | None:
        """Return where the value at `path` begins, or the nearest value around it that was written."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path)

    def key(self, path: Path) -> Place | None:
        """Return where the key at `path` was written; without one, where its value is."""
        return self.keys.get(path) or self.value(path)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. `line` and `column` are missing where the workflow was not read from a file."""

    source: str
    line: int | None
    column: int | None
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        where = f"{self.path}: " if self.path and not self.line else ""
        said = " ".join(_sentence(part) for part in (self.message, self.hint) if part)
        return f"{self.source}{place}: {where}{said}"


class WorkflowInvalid(ValueError):
    """A workflow cannot be used; `problems` says why, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.line or 0, p.column or 0))
        super().__init__("\n".join(map(str, self.problems)))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
