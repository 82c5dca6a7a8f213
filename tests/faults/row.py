"""One line of the table: what was done, how often, what was seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from tests.faults.adapter import Finding, Report


@dataclass
class Row:
    """The result of one scenario (or of a sweep) on one pair. `recoveries` and `seconds` in seconds."""

    name: str
    words: str
    pair: str
    runs: int = 0
    writes: int = 0
    calls: int = 0
    lost: int = 0
    duplicates: int = 0
    unknown: int = 0
    reconciled: int = 0
    recoveries: list[float] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_run: str = ""
    seconds: float = 0.0

    def fill(self, report: Report) -> None:
        """Take over what a report says."""
        for name, value in vars(report).items():
            setattr(self, name, value)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Row:
        """Read what a lane wrote."""
        findings = [Finding(**one) for one in document.pop("findings")]
        return cls(**document, findings=findings)

    @property
    def verdict(self) -> str:
        """`held`, `BROKEN`, or `not run`."""
        return "not run" if self.not_run else "BROKEN" if self.findings else "held"

    @property
    def recovery(self) -> str:
        """Median and longest recovery."""
        return f"{median(self.recoveries):.1f} / {max(self.recoveries):.1f}" if self.recoveries else ""

    def as_json(self) -> dict[str, Any]:
        """The row as plain JSON."""
        return {**asdict(self), "verdict": self.verdict}
