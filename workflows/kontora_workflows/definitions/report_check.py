"""Checking a report step: that its figures, rows and columns are there, and can be shown the way it says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kontora_workflows.definition import ReportStep
from kontora_workflows.definitions.calls import reference_type
from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path
from kontora_workflows.definitions.scope import Scope
from kontora_workflows.definitions.types import Shape, called, fields_of, items_of, shape
from kontora_workflows.references import nearest, parse
from kontora_workflows.reports.definition import (
    ChartSection,
    FiguresSection,
    ProseSection,
    TableSection,
    ValueType,
)

#: What can be shown as what. A value whose type is not known may be anything.
_SHOWABLE: dict[ValueType, set[Shape]] = {
    "money": {"decimal", "number"},
    "number": {"decimal", "number"},
    "date": {"date", "text"},
    "text": {"text", "date", "decimal", "number", "boolean"},
}


class ReportCheck:
    """Checks one report step. `agents` are the agent steps that have run before it."""

    def __init__(self, path: Path, scope: Scope, agents: Iterable[str], findings: Findings) -> None:
        self.path = (*path, "report")
        self.scope = scope
        self.agents = list(agents)
        self.findings = findings

    def check(self, step: ReportStep) -> None:
        """Say what is wrong with the report."""
        report = step.report
        if "${{" not in report.language and report.language not in ("en", "ru"):
            said = f"There is no language `{report.language}` for reports"
            self.findings.say((*self.path, "language"), said, "Write en, ru or a reference to an input")
        for position, section in enumerate(report.sections):
            path = (*self.path, "sections", position)
            if isinstance(section, FiguresSection):
                self._figures(section, path)
            elif isinstance(section, ChartSection):
                self._chart(section, (*path, "chart"))
            elif isinstance(section, TableSection):
                self._table(section, (*path, "table"))
            else:
                self._prose(section, (*path, "prose"))

    def _figures(self, section: FiguresSection, path: Path) -> None:
        for position, figure in enumerate(section.figures):
            offered = reference_type(figure.value, self.scope)
            self._showable(offered, figure.type, str(parse_name(figure.value)), (*path, "figures", position, "value"))

    def _chart(self, section: ChartSection, path: Path) -> None:
        chart = section.chart
        row = self._row(chart.rows, path)
        self._field(row, chart.label, "text", (*path, "label"))
        self._field(row, chart.value, "number", (*path, "value"))

    def _table(self, section: TableSection, path: Path) -> None:
        row = self._row(section.table.rows, path)
        for position, column in enumerate(section.table.columns):
            self._field(row, column.field, column.type, (*path, "columns", position, "field"))

    def _prose(self, section: ProseSection, path: Path) -> None:
        step = section.prose.step
        if step not in self.agents:
            near = nearest(step, self.agents)
            known = f"Agent steps before this one: {', '.join(self.agents) or 'none'}"
            hint = f"Did you mean `{near}`?" if near else known
            self.findings.say((*path, "step"), f"`{step}` is not an agent step before this report", hint)

    def _row(self, rows: str, path: Path) -> Any:
        """Return the type of the items of `rows`; None if there is nothing more to say about it."""
        offered = reference_type(rows, self.scope)
        if offered is None:
            return None
        row = items_of(offered)
        if row is None:
            self.findings.say((*path, "rows"), f"`rows` has to be a list, not {called(offered)}")
        return row

    def _field(self, row: Any, name: str, wanted: ValueType, path: Path) -> None:
        fields = None if row is None else fields_of(row)
        if fields is None:
            return
        if name not in fields:
            near = nearest(name, fields)
            hint = f"Did you mean `{near}`?" if near else f"There is: {', '.join(fields)}"
            self.findings.say(path, f"The rows have no field `{name}`", hint)
            return
        self._showable(fields[name], wanted, name, path)

    def _showable(self, offered: Any, wanted: ValueType, name: str, path: Path) -> None:
        kind = None if offered is None else shape(offered)
        if kind is not None and kind not in _SHOWABLE[wanted]:
            hint = "Take one value out of it" if kind in ("list", "object") else "Give it another `type`"
            self.findings.say(path, f"`{name}` is {called(offered)} and cannot be shown as {wanted}", hint)


def parse_name(text: str) -> str:
    """Return a reference without its braces, for messages."""
    return str(parse(text).reference or text)
