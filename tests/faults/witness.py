"""What the foreign systems saw: read from their own diaries, never from a ledger. Knows nothing of who called."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.diary import read_diary


@dataclass(frozen=True)
class Witness:
    """The events of an ERP and of a model server whose references begin with `prefix`."""

    erp: list[dict[str, Any]]
    model: list[dict[str, Any]]

    @classmethod
    def of(cls, erp: Path, model: Path | None = None, prefix: str = "") -> Witness:
        """Read both diaries."""
        paths = [path for path in (erp, model) if path]
        events = [[e for e in read_diary(path, prefix) if e["reference"].startswith(prefix)] for path in paths]
        return cls(events[0], events[1] if model else [])

    def writes(self) -> dict[str, list[dict[str, Any]]]:
        """Every write that reached the ERP, whether it was booked or not, by reference."""
        return self._by_reference("asked")

    def reads(self) -> dict[str, list[dict[str, Any]]]:
        """Every read that reached the ERP, by reference."""
        return self._by_reference("read")

    def booked(self) -> Counter[str]:
        """How often each reference was booked: more than once is a duplicate."""
        return Counter(event["reference"] for event in self.erp if event["what"] == "booked")

    def duplicates(self) -> int:
        """Records too many."""
        return sum(count - 1 for count in self.booked().values())

    def _by_reference(self, what: str) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for event in self.erp:
            if event["what"] == what:
                found.setdefault(event["reference"], []).append(event)
        return found
