"""A report as a workbook: real numbers, a native chart, and a link from every figure to its tool call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from io import BytesIO

from xlsxwriter import Workbook
from xlsxwriter.chart import Chart as XlsxChart
from xlsxwriter.worksheet import Worksheet

from kontora_workflows.reports import chart as charts
from kontora_workflows.reports.document import (
    Chart,
    Column,
    Figure,
    FigureRow,
    Prose,
    Report,
    Section,
    Table,
    Value,
)
from kontora_workflows.reports.formats import heading, moment
from kontora_workflows.reports.prose import blocks
from kontora_workflows.reports.sheets import Cells, sheet_names
from kontora_workflows.reports.words import counted, words

#: Rows above the column headings of a sheet with a table: title, source, empty.
HEADING_ROW = 3
BAR_COLOUR, BELOW_COLOUR, LINE_COLOUR = "#2C7D8D", "#B04A1D", "#D4DADE"
#: Pixels a bar of the native chart takes.
BAR_PIXELS = 34


def render_xlsx(report: Report) -> bytes:
    """Write a report as an XLSX file. The same report gives the same bytes."""
    file = BytesIO()
    with Workbook(file, {"in_memory": True}) as workbook:
        created = report.generated_at.astimezone(UTC).replace(tzinfo=None)
        workbook.set_properties({"title": report.title, "subject": report.subtitle, "created": created})
        _Book(workbook, report).write()
    return file.getvalue()


class _Book:
    """The sheets of one report: a summary, one sheet for each chart and table, the sources."""

    def __init__(self, workbook: Workbook, report: Report) -> None:
        self.workbook, self.report = workbook, report
        self.words = words(report.language)
        self.cells = Cells(workbook, report.language)

    def write(self) -> None:
        own = [part for part in self.report.sections if isinstance(part, Chart | Table)]
        titles = [self.words.summary, *(part.title for part in own), self.words.sources]
        summary, *others, self.sources_name = sheet_names(titles)
        self._summary(self.workbook.add_worksheet(summary))
        for section, name in zip(own, others, strict=True):
            sheet = self.workbook.add_worksheet(name)
            if isinstance(section, Chart):
                self._chart(sheet, name, section)
            else:
                self._table(sheet, section)
        self._sources(self.workbook.add_worksheet(self.sources_name))

    def _summary(self, sheet: Worksheet) -> None:
        sheet.set_column(0, 0, 44)
        sheet.set_column(1, 1, 26)
        sheet.set_column(2, 2, 34)
        self.cells.text(sheet, 0, 0, self.report.title, "title")
        self.cells.text(sheet, 1, 0, self.report.subtitle)
        row = 2
        if self.report.rehearsal:
            self.cells.text(sheet, row, 0, self.words.rehearsal_note, "notice")
            row += 1
        for section in self.report.sections:
            row = self._summarised(sheet, row + 1, section)
        self._footer(sheet, row + 1)
        self._page(sheet)

    def _summarised(self, sheet: Worksheet, row: int, section: Section) -> int:
        """Write a section that has no sheet of its own; return the first row after it."""
        if isinstance(section, FigureRow):
            for column, title in enumerate((self.words.figure, self.words.value, self.words.source)):
                self.cells.text(sheet, row, column, title, "heading")
            for figure in section.figures:
                row += 1
                self._figure(sheet, row, figure)
            return row + 1
        return self._prose(sheet, row, section) if isinstance(section, Prose) else row - 1

    def _figure(self, sheet: Worksheet, row: int, figure: Figure) -> None:
        self.cells.text(sheet, row, 0, figure.label)
        self.cells.value(sheet, row, 1, figure.value)
        self._source_link(sheet, row, 2, figure.source)

    def _prose(self, sheet: Worksheet, row: int, prose: Prose) -> int:
        self.cells.text(sheet, row, 0, prose.title, "subtitle")
        for text, style in self._lines(prose):
            row += 1
            self.cells.paragraph(sheet, row, 2, text, style)
        for link in {link.source: link for link in prose.links}.values():
            row += 1
            self._source_link(sheet, row, 0, link.source)
        return row + 1

    def _lines(self, prose: Prose) -> Iterator[tuple[str, str]]:
        if prose.text is None:
            yield self.words.no_comment, "quiet"
            return
        pattern = self.words.scripted_by if prose.rehearsal else self.words.written_by
        author = pattern.format(author=prose.author, model=prose.model)
        yield f"{author} ({self.words.rehearsal})" if prose.rehearsal else author, "quiet"
        for block in blocks(prose):
            marker = {"item": "• ", "numbered": f"{block.number}. "}.get(block.kind, "")
            yield marker + block.text, "wrapped"
        if prose.ungrounded:
            yield counted(len(prose.ungrounded), self.words.flag_forms, self.report.language), "flag"
        for flag in prose.ungrounded:
            yield f"“{prose.text[flag.start : flag.end]}” {self.words.flagged}", "flag"

    def _footer(self, sheet: Worksheet, row: int) -> None:
        report, said = self.report, self.words
        models = ", ".join(report.models) or said.no_models
        lines: list[tuple[str, Value]] = [
            (said.workflow, report.workflow),
            (said.run, report.run_id),
            (said.generated, moment(report.generated_at, report.language)),
            (said.models, f"{models}; {said.rehearsal}" if report.rehearsal else models),
            *((fact.label, fact.value) for fact in report.facts),
        ]
        for offset, (label, value) in enumerate(lines):
            self.cells.text(sheet, row + offset, 0, label, "quiet")
            self.cells.value(sheet, row + offset, 1, value)

    def _chart(self, sheet: Worksheet, name: str, chart: Chart) -> None:
        column = Column(self.words.value, "money" if chart.currency else "number", chart.currency)
        self._grid(sheet, chart, (Column("", "text"), column), [(bar.label, bar.value) for bar in chart.bars])
        if chart.bars:
            told = charts.draw(chart, self.report.language).description
            sheet.insert_chart(HEADING_ROW, 3, self._bars(name, chart), {"description": told})

    def _bars(self, name: str, chart: Chart) -> XlsxChart:
        """Return a native chart of the rows on sheet `name`."""
        first, last = HEADING_ROW + 1, HEADING_ROW + len(chart.bars)
        series = {
            "name": heading(chart.title, chart.currency, self.report.language),
            "categories": [name, first, 0, last, 0],
            "values": [name, first, 1, last, 1],
            "fill": {"color": BAR_COLOUR},
            "invert_if_negative": True,
            "invert_if_negative_color": BELOW_COLOUR,
            "gap": 60,
        }
        bars = self.workbook.add_chart({"type": "bar"})
        bars.add_series(series)
        bars.set_legend({"none": True})
        bars.set_title({"name": heading(chart.title, chart.currency, self.report.language), "name_font": {"size": 12}})
        bars.set_y_axis({"reverse": True, "label_position": "low"})
        bars.set_x_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": LINE_COLOUR}}})
        bars.set_size({"width": 640, "height": 120 + BAR_PIXELS * len(chart.bars)})
        return bars

    def _table(self, sheet: Worksheet, table: Table) -> None:
        self._grid(sheet, table, table.columns, table.rows)
        if not table.rows:
            self.cells.text(sheet, HEADING_ROW + 1, 0, table.empty, "quiet")

    def _grid(
        self,
        sheet: Worksheet,
        section: Chart | Table,
        columns: tuple[Column, ...],
        rows: list[tuple[Value, ...]] | tuple[tuple[Value, ...], ...],
    ) -> None:
        """Write a title, a link to the source, headings that stay in sight, and rows."""
        self.cells.text(sheet, 0, 0, section.title, "title")
        self._source_link(sheet, 1, 0, section.source)
        for position, column in enumerate(columns):
            titled = heading(column.title, column.currency, self.report.language)
            style = "heading" if column.type == "text" else "number heading"
            self.cells.text(sheet, HEADING_ROW, position, titled, style)
            written = [self.cells.width(row[position]) for row in rows]
            sheet.set_column(position, position, min(60, max([len(titled), 12, *written]) + 2))
        for offset, row in enumerate(rows, start=HEADING_ROW + 1):
            for position, value in enumerate(row):
                self.cells.value(sheet, offset, position, value, columns[position].currency)
        sheet.freeze_panes(HEADING_ROW + 1, 1)
        sheet.repeat_rows(HEADING_ROW)
        self._page(sheet)

    def _source_link(self, sheet: Worksheet, row: int, column: int, ref: str | None) -> None:
        if ref is None:
            self.cells.text(sheet, row, column, self.words.not_from_call, "quiet")
            return
        number = self.report.numbers[ref]
        tool = self.report.sources[number - 1].tool
        place = f"internal:'{self.sources_name}'!A{number + 1}"
        sheet.write_url(row, column, place, self.cells.style("link"), f"{self.words.source} {number}: {tool}")

    def _sources(self, sheet: Worksheet) -> None:
        said = self.words
        headings = (said.source, said.tool, said.connector, said.time, said.rows, said.call, said.arguments)
        for column, (title, width) in enumerate(zip((*headings, said.result_hash), _SOURCE_WIDTHS, strict=True)):
            self.cells.text(sheet, 0, column, title, "heading")
            sheet.set_column(column, column, width)
        for row, source in enumerate(self.report.sources, start=1):
            arguments = json.dumps(source.arguments, ensure_ascii=False, default=str)
            at = moment(source.at, self.report.language, seconds=True)
            values: tuple[Value, ...] = (row, source.tool, f"{source.instance} ({source.kind})", at, source.rows)
            for column, value in enumerate((*values, source.ref, arguments, source.result_hash)):
                self.cells.value(sheet, row, column, value)
        sheet.freeze_panes(1, 0)
        self._page(sheet)

    def _page(self, sheet: Worksheet) -> None:
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer(f"&L{self.report.run_id.replace('&', '&&')}&R&P / &N")


_SOURCE_WIDTHS = (10, 30, 26, 30, 9, 12, 60, 70)
