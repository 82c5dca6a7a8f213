"""From the definition of a report and the data of a run to the finished report."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from kontora_agents.grounding import Ungrounded

from kontora_workflows.references import Template, nearest, parse
from kontora_workflows.reports import definition as defined
from kontora_workflows.reports.document import (
    Bar,
    Chart,
    Column,
    Fact,
    Figure,
    FigureRow,
    Flag,
    Money,
    Prose,
    Report,
    Section,
    Source,
    Table,
    Value,
    named_sources,
)
from kontora_workflows.reports.errors import ReportError
from kontora_workflows.reports.formats import show
from kontora_workflows.reports.links import Evidence, linked
from kontora_workflows.reports.words import LANGUAGES, Language, words

_CURRENCY = re.compile(r"[A-Z]{3}")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True)
class Resolved:
    """What a reference stands for: a JSON value (money as decimal strings, dates as ISO strings), and the `ref` of the
    tool call that gave it, or None if no tool call did."""

    value: Any
    source: str | None = None


@dataclass(frozen=True)
class ProseInput:
    """What an agent wrote, and which of its figures nothing backs. `rehearsal`: scripted, not a language model."""

    text: str
    author: str
    model: str
    rehearsal: bool = False
    ungrounded: Sequence[Ungrounded] = ()


#: Gives what a reference stands for; it is handed over as written, `${{ … }}` included.
Resolve = Callable[[str], Resolved]

#: Gives what the agent of a step wrote; None if the step was left out.
ProseOf = Callable[[str], ProseInput | None]


@dataclass(frozen=True)
class RunFacts:
    """What a report says about the run it came from. `generated_at` is aware; `inputs` are JSON values."""

    workflow: str
    run_id: str
    generated_at: datetime
    inputs: tuple[tuple[str, Any], ...] = ()


def build_report(
    definition: defined.ReportDefinition,
    *,
    resolve: Resolve,
    prose: ProseOf,
    sources: Sequence[Source],
    run: RunFacts,
    evidence: Sequence[Evidence] = (),
) -> Report:
    """Fill a definition with the data of a run.

    `sources` are the tool calls of the run, in order; the report keeps those that its figures came from. `evidence`
    pairs a source's `ref` with the text that its call returned: figures of the prose are linked to the first that has
    them.
    Raises ReportError if the data do not fit.
    """
    builder = _Builder(_language(definition, resolve), resolve, prose, evidence)
    sections = tuple(builder.section(section) for section in definition.sections)
    used = {ref for section in sections for ref in named_sources(section)}
    return Report(
        title=builder.text(definition.title),
        subtitle=builder.text(definition.subtitle) if definition.subtitle else "",
        language=builder.language,
        workflow=run.workflow,
        run_id=run.run_id,
        generated_at=run.generated_at,
        sections=sections,
        sources=tuple(source for source in sources if source.ref in used),
        facts=tuple(Fact(name, builder.plain(value)) for name, value in run.inputs),
    )


def _language(definition: defined.ReportDefinition, resolve: Resolve) -> Language:
    written = definition.language
    asked = resolve(written).value if parse(written).reference else written
    for language in LANGUAGES:
        if asked == language:
            return language
    raise ReportError(f"a report cannot be written in {asked!r}", hint=f"Choose one of: {', '.join(LANGUAGES)}.")


@dataclass(frozen=True)
class _Builder:
    language: Language
    resolve: Resolve
    prose: ProseOf
    evidence: Sequence[Evidence]

    def section(self, section: defined.Section) -> Section:
        if isinstance(section, defined.FiguresSection):
            return self._figures(section)
        if isinstance(section, defined.ChartSection):
            return self._chart(section.chart)
        if isinstance(section, defined.TableSection):
            return self._table(section.table)
        return self._prose(section.prose)

    def text(self, text: defined.Text) -> str:
        """Choose the language of a text and fill in its references."""
        said = text if isinstance(text, str) else (text.get(self.language) or next(iter(text.values()), ""))
        return "".join(
            piece if isinstance(piece, str) else self._inserted(str(Template((piece,)))) for piece in parse(said).pieces
        )

    def plain(self, value: Any) -> Value:
        """Return a JSON value whose type nobody declared: what looks like a date is one, an empty text is none."""
        if value == "":
            return None
        looks_like_a_date = isinstance(value, str) and _ISO_DATE.fullmatch(value)
        return self._typed(value, "date" if looks_like_a_date else "text", None, "an input")

    def _inserted(self, reference: str) -> str:
        return show(self.plain(self.resolve(reference).value), self.language)

    def _figures(self, section: defined.FiguresSection) -> FigureRow:
        currency = self._currency(section.currency)
        return FigureRow(tuple(self._figure(figure, currency) for figure in section.figures))

    def _figure(self, figure: defined.FigureDefinition, currency: str | None) -> Figure:
        found = self.resolve(figure.value)
        value = self._typed(found.value, figure.type, currency, figure.value)
        return Figure(self.text(figure.label), value, found.source)

    def _chart(self, chart: defined.ChartDefinition) -> Chart:
        currency = self._currency(chart.currency)
        rows, source = self._rows(chart.rows)
        bars = tuple(self._bar(chart, row, currency) for row in rows)
        return Chart(self.text(chart.title), bars, currency, source)

    def _bar(self, chart: defined.ChartDefinition, row: dict[str, Any], currency: str | None) -> Bar:
        name = str(self._typed(_field(row, chart.label, chart.rows), "text", None, chart.rows))
        label = self.text(chart.names[name]) if name in chart.names else name
        number = _decimal(_field(row, chart.value, chart.rows), f"{chart.value} of {chart.rows}")
        return Bar(label, Money(number, currency) if currency and number is not None else number)

    def _table(self, table: defined.TableDefinition) -> Table:
        currency = self._currency(table.currency)
        rows, source = self._rows(table.rows)
        columns = tuple(
            Column(self.text(column.title), column.type, currency if column.type == "money" else None)
            for column in table.columns
        )
        cells = tuple(
            tuple(
                self._typed(_field(row, column.field, table.rows), column.type, currency, column.field)
                for column in table.columns
            )
            for row in rows
        )
        return Table(self.text(table.title), columns, cells, self.text(table.empty), source)

    def _prose(self, section: defined.ProseDefinition) -> Prose:
        written = self.prose(section.step)
        title = self.text(section.title)
        if written is None:
            return Prose(title, None)
        text = _printable(written.text)
        flags = tuple(Flag(found.start, found.end) for found in written.ungrounded)
        links = linked(text, self.evidence, flags)
        return Prose(title, text, written.author, written.model, written.rehearsal, flags, links)

    def _rows(self, reference: str) -> tuple[list[dict[str, Any]], str | None]:
        found = self.resolve(reference)
        if not isinstance(found.value, list) or not all(isinstance(row, dict) for row in found.value):
            raise ReportError(f"{reference} is not a list of records", hint="Name a list that a tool returned.")
        return found.value, found.source

    def _currency(self, reference: str | None) -> str | None:
        if reference is None:
            return None
        value = self.resolve(reference).value
        if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
            raise ReportError(f"{reference} is {value!r}, not a currency", hint="A currency is an ISO 4217 code: EUR.")
        return value

    def _typed(self, value: Any, wanted: defined.ValueType, currency: str | None, where: str) -> Value:
        if value is None:
            return None
        if wanted == "text":
            return _printable(self._spoken(value))
        if wanted == "date":
            return _day(value, where)
        number = _decimal(value, where)
        return Money(number, currency) if wanted == "money" and currency and number is not None else number

    def _spoken(self, value: Any) -> str:
        if isinstance(value, bool):
            return words(self.language).yes if value else words(self.language).no
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _field(row: dict[str, Any], name: str, where: str) -> Any:
    if name in row:
        return row[name]
    near = nearest(name, row)
    hint = f"Did you mean {near!r}?" if near else f"It has: {', '.join(row)}."
    raise ReportError(f"a record of {where} has no field {name!r}", hint=hint)


def _decimal(value: Any, where: str) -> Decimal | None:
    """Read a number. A JSON float is refused: its last digits may already be wrong."""
    if value is None:
        return None
    if isinstance(value, int | str | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise ReportError(f"{where} is {value!r}, not an exact number", hint="A tool gives decimals as text: '1250.50'.")


def _day(value: Any, where: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ReportError(f"{where} is {value!r}, not a date", hint="A date is written 2026-11-23.") from None


def _printable(text: str) -> str:
    """Replace what no file can hold or show, character by character, so that positions in the text stay."""
    return _UNPRINTABLE.sub("\ufffd", text)
