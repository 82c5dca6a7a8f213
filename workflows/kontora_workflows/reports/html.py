"""A report as one HTML page that needs nothing else: no network, no script, no font of its own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from kontora_workflows.reports import chart, formats
from kontora_workflows.reports.document import Chart, FigureRow, Money, Prose, Report, Section, Value
from kontora_workflows.reports.prose import Block, blocks
from kontora_workflows.reports.words import Language, Words, counted, words

ASSETS = Path(__file__).parent / "assets"


def render_html(report: Report) -> bytes:
    """Write a report as a page in UTF-8. The same report gives the same bytes."""
    style = (ASSETS / "report.css").read_text(encoding="utf-8")
    page = _environment().get_template("report.html.j2")
    said = words(report.language)
    written = page.render(
        report=report,
        words=said,
        style=Markup(style),
        style_hash=_style_hash(style),
        kind=_kind,
        blocks=_grouped_blocks,
        draw=lambda section: chart.draw(section, report.language),
        heading=lambda section: formats.heading(section.title, section.currency, report.language),
        parts=lambda value: _parts(value, report.language),
        show=lambda value, currency=None: formats.show(value, report.language, currency=currency),
        moment=lambda value: formats.moment(value, report.language),
        second=lambda value: formats.moment(value, report.language, seconds=True),
        author=lambda prose: _author(prose, said),
        rows=lambda number: counted(number, said.row_forms, report.language),
        flags=lambda number: counted(number, said.flag_forms, report.language),
        json=_json,
    )
    return written.encode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _style_hash(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def _kind(section: Section) -> str:
    if isinstance(section, FigureRow):
        return "figures"
    if isinstance(section, Prose):
        return "prose"
    return "chart" if isinstance(section, Chart) else "table"


def _grouped_blocks(prose: Prose) -> list[tuple[str, list[Block]]]:
    """Put neighbouring items of one kind of list together."""
    groups: list[tuple[str, list[Block]]] = []
    for block in blocks(prose):
        if groups and groups[-1][0] == block.kind and block.kind in ("item", "numbered"):
            groups[-1][1].append(block)
        else:
            groups.append((block.kind, [block]))
    return groups


def _parts(value: Value, language: Language) -> tuple[str, str]:
    """Return a value and, apart from it, the sign of its currency."""
    if isinstance(value, Money):
        return formats.amount(value, language), formats.currency_sign(value.currency, language)
    return formats.show(value, language), ""


def _author(prose: Prose, said: Words) -> str:
    pattern = said.scripted_by if prose.rehearsal else said.written_by
    return pattern.format(author=prose.author, model=prose.model)


def _json(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, ensure_ascii=False, indent=2, default=str)
