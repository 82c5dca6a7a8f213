"""What can go wrong when a report is built."""

from __future__ import annotations

from typing import ClassVar


class ReportError(Exception):
    """The data of the run do not fit the definition of the report.

    `message` says what and why, `hint` what to do next; both may be shown to people.
    """

    code: ClassVar[str] = "report_error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)
