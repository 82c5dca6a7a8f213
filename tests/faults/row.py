"""One line of the table: what was done, how often, what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from tests.faults.adapter import Finding, Report

#: The invariant of what is wrong with the harness itself.
HARNESS = "harness"
#: What a report counts.
COUNTS = tuple(one.name for one in fields(Report) if one.type == "int")


@dataclass
class Row(Report):
    """The result of one scenario (or of one action of a sweep) on one pair. `seconds` is what it took.

    `cases` is how often a fault was put before a story; `repeats` are the words that `--only` takes to do what went
    wrong again.
    """

    name: str = ""
    words: str = ""
    pair: str = ""
    cases: int = 1
    notes: list[str] = field(default_factory=list)
    repeats: list[str] = field(default_factory=list)
    not_run: str = ""
    seconds: float = 0.0

    def fill(self, report: Report) -> None:
        """Take over what a report says."""
        for name, value in vars(report).items():
            setattr(self, name, value)

    def count(self, counts: Mapping[str, Any]) -> None:
        """Add what a report has counted."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + counts.get(name, 0))

    @classmethod
    def of(cls, document: dict[str, Any]) -> Row:
        """Read what a lane wrote."""
        findings = [Finding(**one) for one in document.pop("findings")]
        return cls(**document, findings=findings)

    @property
    def recovered(self) -> int:
        """How many recoveries were timed."""
        return len(self.recoveries)

    @property
    def verdict(self) -> str:
        """`held`, `BROKEN`, `no verdict` where only the harness has something to say, or `not run`."""
        if self.not_run:
            return "not run"
        said = {finding.invariant for finding in self.findings}
        return "BROKEN" if said - {HARNESS} else "no verdict" if said else "held"

    @property
    def again(self) -> list[str]:
        """What `--only` takes to play it again."""
        return self.repeats or [self.name]

    def as_json(self) -> dict[str, Any]:
        """The row as plain JSON."""
        return {**asdict(self), "recovered": self.recovered, "verdict": self.verdict}
