"""The files of a report, ready to be kept as artifacts of its run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from kontora_workflows.reports.document import Report
from kontora_workflows.reports.html import render_html
from kontora_workflows.reports.xlsx import render_xlsx

FileFormat = Literal["html", "xlsx"]

_WRITERS: dict[FileFormat, tuple[str, Callable[[Report], bytes]]] = {
    "html": ("text/html; charset=utf-8", render_html),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", render_xlsx),
}


@dataclass(frozen=True)
class ReportFile:
    """One file. `name` is made of the workflow and the day: `receivables-ageing-2026-11-23.html`."""

    name: str
    media_type: str
    content: bytes


def report_files(report: Report, formats: Sequence[FileFormat]) -> list[ReportFile]:
    """Write a report in each format. The same report gives the same bytes."""
    stem = f"{report.workflow}-{report.generated_at:%Y-%m-%d}"
    return [ReportFile(f"{stem}.{name}", _WRITERS[name][0], _WRITERS[name][1](report)) for name in formats]
