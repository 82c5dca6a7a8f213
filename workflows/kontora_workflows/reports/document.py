"""A finished report: every value is there, nothing is looked up any more. It knows nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kontora_workflows.reports.definition import ValueType
from kontora_workflows.reports.words import Language


@dataclass(frozen=True)
class Money:
    """An amount in units of `currency` (ISO 4217)."""

    amount: Decimal
    currency: str


#: What a report shows. `None` is unknown, which is never 0.
Value = Money | Decimal | int | date | str | None


@dataclass(frozen=True)
class Source:
    """A tool call that figures came from. `ref` is its name in the run, e.g. `call-3`."""

    ref: str
    tool: str
    instance: str
    kind: str
    arguments: Mapping[str, Any]
    at: datetime
    result_hash: str
    rows: int | None = None


@dataclass(frozen=True)
class Figure:
    """One headline figure. `source` is the `ref` of a source; None if no tool call gave it."""

    label: str
    value: Value
    source: str | None


@dataclass(frozen=True)
class FigureRow:
    """Headline figures side by side."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Bar:
    """One bar of a chart."""

    label: str
    value: Money | Decimal | None


@dataclass(frozen=True)
class Chart:
    """A bar chart; all bars are in one currency, or in none."""

    title: str
    bars: tuple[Bar, ...]
    currency: str | None
    source: str | None


@dataclass(frozen=True)
class Column:
    """One column of a table. `currency` is set if every amount in it is in that currency."""

    title: str
    type: ValueType
    currency: str | None = None


@dataclass(frozen=True)
class Table:
    """Rows of values. `empty` is said when there are none."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    empty: str
    source: str | None


@dataclass(frozen=True)
class Flag:
    """Characters `start` to `end` (exclusive) of a prose hold a figure that nothing in the run backs."""

    start: int
    end: int


@dataclass(frozen=True)
class Link:
    """Characters `start` to `end` (exclusive) of a prose hold a figure that the call `source` gave."""

    start: int
    end: int
    source: str


@dataclass(frozen=True)
class Prose:
    """What an agent wrote. `text` is None if the agent did not run; `rehearsal`: scripted, not a language model."""

    title: str
    text: str | None
    author: str = ""
    model: str = ""
    rehearsal: bool = False
    ungrounded: tuple[Flag, ...] = ()
    links: tuple[Link, ...] = ()


Section = FigureRow | Chart | Table | Prose


@dataclass(frozen=True)
class Fact:
    """Something that held for the whole run, such as one of its inputs."""

    label: str
    value: Value


@dataclass(frozen=True)
class Report:
    """A finished report. `sources` holds exactly the calls that its sections name, in the order of the run.

    `generated_at` is aware. Raises ValueError if a section names a source that is not there.
    """

    title: str
    subtitle: str
    language: Language
    workflow: str
    run_id: str
    generated_at: datetime
    sections: tuple[Section, ...]
    sources: tuple[Source, ...]
    facts: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        missing = {ref for section in self.sections for ref in named_sources(section)} - set(self.numbers)
        if missing:
            raise ValueError(f"no such source: {', '.join(sorted(missing))}")

    @property
    def numbers(self) -> dict[str, int]:
        """The number under which each source is shown, by `ref`."""
        return {source.ref: number for number, source in enumerate(self.sources, start=1)}

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The headline figures, in order."""
        return tuple(figure for row in self.sections if isinstance(row, FigureRow) for figure in row.figures)

    @property
    def prose(self) -> tuple[Prose, ...]:
        """What agents wrote, without the sections of agents that did not run."""
        return tuple(part for part in self.sections if isinstance(part, Prose) and part.text is not None)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the language models that wrote in it, each once. Scripts are not models."""
        return tuple(dict.fromkeys(part.model for part in self.prose if part.model and not part.rehearsal))

    @property
    def rehearsal(self) -> bool:
        """Whether any of the prose is scripted."""
        return any(part.rehearsal for part in self.prose)


def named_sources(section: Section) -> Iterator[str]:
    """Yield the `ref` of every source that a section names, with repeats."""
    if isinstance(section, FigureRow):
        yield from (figure.source for figure in section.figures if figure.source)
    elif isinstance(section, Prose):
        yield from (link.source for link in section.links)
    elif section.source:
        yield section.source
