"""Collecting what is wrong with a workflow, with the place it was written at."""

from __future__ import annotations

from dataclasses import dataclass, field

from kontora_workflows.definitions.problems import Path, Positions, Problem, path_text


@dataclass
class Findings:
    """The problems found so far."""

    source: str
    positions: Positions
    problems: list[Problem] = field(default_factory=list)

    def say(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Add a problem with the value at `path`, or with its key."""
        place = self.positions.key(path) if key else self.positions.value(path)
        line, column = (place.line, place.column) if place else (None, None)
        self.problems.append(Problem(self.source, line, column, path_text(path), message, hint))
