"""What a run of the driver has found, as one document: every row, and what stands behind every zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.faults.bound import CONFIDENCE, upper_bound
from tests.faults.promises import PROMISES, Promise
from tests.faults.row import Row


@dataclass(frozen=True)
class Held:
    """How often a promise was put to the test, and how often it was broken."""

    promise: Promise
    trials: int
    broken: int

    @property
    def bound(self) -> float:
        """The share of trials that break the promise is below this, with 95 % confidence."""
        return upper_bound(self.broken, self.trials)


@dataclass
class Document:
    """`strict`: what could not be run on this machine counts as a failure."""

    seed: int
    quick: bool
    strict: bool
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    def promises(self) -> Iterator[Held]:
        """Every promise, in order."""
        broken = Counter(finding.invariant for row in self.rows for finding in row.findings)
        for name, promise in PROMISES.items():
            yield Held(promise, sum(getattr(row, promise.counted) for row in self.rows), broken[name])

    @property
    def cases(self) -> int:
        """How many faults were put before a story, and came to a verdict."""
        return sum(row.cases for row in self.rows if not row.not_run)

    @property
    def bad(self) -> list[Row]:
        """Rows in which a promise was broken, or which gave no verdict."""
        return [row for row in self.rows if row.verdict in ("BROKEN", "no verdict")]

    @property
    def not_run(self) -> list[Row]:
        """What this machine does not allow."""
        return [row for row in self.rows if row.not_run]

    @property
    def failed(self) -> bool:
        """Whether anything is wrong."""
        return not self.cases or bool(self.bad) or (self.strict and bool(self.not_run))

    @property
    def broken_cases(self) -> int:
        """In how many cases something was wrong."""
        return sum(len(row.repeats) or 1 for row in self.bad)

    def as_json(self) -> dict[str, Any]:
        """The document as plain JSON."""
        promises = [
            {
                "name": held.promise.name,
                "words": held.promise.words,
                "unit": held.promise.unit,
                "trials": held.trials,
                "broken": held.broken,
                "upper_bound": held.bound,
            }
            for held in self.promises()
        ]
        return {
            "seed": self.seed,
            "quick": self.quick,
            "seconds": round(self.seconds, 1),
            "failed": self.failed,
            "confidence": CONFIDENCE,
            "cases": {
                "trials": self.cases,
                "broken": self.broken_cases,
                "upper_bound": upper_bound(self.broken_cases, self.cases),
            },
            "promises": promises,
            "rows": [row.as_json() for row in self.rows],
        }
