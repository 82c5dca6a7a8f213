"""A small report in every shape: built from the shipped definition, read back as a page and as a workbook."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import yaml
from kontora_agents.grounding import check
from kontora_workflows import reports
from kontora_workflows.references import parse
from kontora_workflows.reports.build import ProseInput, Resolved, RunFacts, build_report
from kontora_workflows.reports.definition import ReportDefinition
from kontora_workflows.reports.document import Report, Source
from kontora_workflows.reports.html import render_html
from kontora_workflows.reports.words import Language
from kontora_workflows.reports.xlsx import render_xlsx

AT = datetime(2026, 11, 23, 2, 0, 40, tzinfo=UTC)
CATALOG = Path(reports.__file__).parents[1] / "catalog"
EVIL_NAME = "<script>alert('1')</script> & \"Sons\""
FORMULA_NAME = "=cmd|' /C calc'!A0"
VOID = {"meta", "link", "rect", "line", "br"}
AGEING: dict[str, Any] = {
    "company": {"id": "1", "name": "ООО «Контора»", "currency": "RUB"},
    "as_of": "2026-11-23",
    "total": "18412907.36",
    "overdue": "9120455.10",
    "disputed": "0.00",
    "parties": 1289,
    "buckets": [{"name": "current", "amount": "9292452.26"}, {"name": "1-30", "amount": "-1380115.00"}],
    "worsened": [
        {"name": EVIL_NAME, "overdue_before": "10.00", "overdue": "1027448.44", "change": "1027438.44"},
        {"name": FORMULA_NAME, "overdue_before": "20.50", "overdue": "10.00", "change": "-10.50"},
    ],
    "largest": [],
}
PAYMENTS = {"items": [{"amount": "40000.00", "date": "2026-10-02"}]}
WRITTEN = "Overdue is **1 027 448,44**; 40 000,00 came on 02.10.2026.\n\n- Of this 312 000,00 is contested."


def source(ref: str, tool: str, at: datetime = AT) -> Source:
    return Source(ref, tool, "main-erp", "demo-erp", {"company": "1"}, at, "ab" * 32, 3)


SOURCES = [
    source("call-1", "erp.receivables_ageing"),
    source("call-2", "erp.get_party"),
    source("call-3", "erp.payments"),
]


def shipped() -> ReportDefinition:
    file = yaml.safe_load((CATALOG / "receivables-ageing" / "workflow.yaml").read_text(encoding="utf-8"))
    return ReportDefinition.model_validate(next(step["report"] for step in file["steps"] if "report" in step))


def built(
    definition: ReportDefinition | None = None,
    *,
    language: str = "ru",
    written: str | None = WRITTEN,
    rehearsal: bool = False,
    **changed: Any,
) -> Report:
    """Build the shipped report, or another one, on the data above."""
    ageing = {**AGEING, **changed}
    scope = {"inputs": {"language": language}, "steps": {"ageing": ageing}}
    evidence = [("call-1", json.dumps(ageing)), ("call-3", json.dumps(PAYMENTS))]

    def resolve(reference: str) -> Resolved:
        return Resolved(parse(reference).render(scope), "call-1" if "steps.ageing" in reference else None)

    def prose(step: str) -> ProseInput | None:
        if written is None:
            return None
        ungrounded = check(written, [text for _, text in evidence])
        return ProseInput(written, "analyst", "qwen3:8b", rehearsal, ungrounded)

    run = RunFacts("receivables-ageing", "01KAZ4V0M7Q2W8E3R5T6Y9U1P0", AT, (("as_of", "2026-11-23"), ("company", "")))
    return build_report(
        definition or shipped(), resolve=resolve, prose=prose, sources=SOURCES, run=run, evidence=evidence
    )


class Page(HTMLParser):
    """A page as a browser reads it: tags with attributes, text, and whether tags close as they should."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return "".join(self.text)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(report: Report) -> Page:
    page = Page(render_html(report))
    assert page.open == []
    return page


def book_of(report: Report) -> openpyxl.Workbook:
    return openpyxl.load_workbook(BytesIO(render_xlsx(report)))


def cells(sheet: Any) -> list[Any]:
    return [cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None]


def one(section: Any, language: Language = "en", sources: tuple[Source, ...] = ()) -> Report:
    return Report("Report", "", language, "demo", "run-1", AT, (section,), sources)
