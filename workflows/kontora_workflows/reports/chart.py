"""Where the bars of a chart lie. Lengths are percentages: a narrow page narrows the bars and not the letters."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from decimal import Decimal

from kontora_workflows.reports.document import Bar, Chart, Money
from kontora_workflows.reports.formats import show
from kontora_workflows.reports.words import Language, words

#: Percent of the width that bars may take; the rest is for the numbers.
BARS_WIDTH = Decimal(70)
#: A value that is not zero is never drawn thinner than this, in percent.
LEAST_WIDTH = Decimal("0.4")

LINE_HEIGHT = 18
BAR_HEIGHT = 16
GAP = 14
LABEL_LETTERS = 44
LABEL_LINES = 2
TOLD_BARS = 12


@dataclass(frozen=True)
class Drawn:
    """One bar. `y` and `lines` are pixels and text lines, `x` and `width` percent of the drawing."""

    label: str
    lines: tuple[tuple[int, str], ...]
    shown: str
    y: int
    x: Decimal
    width: Decimal
    negative: bool


@dataclass(frozen=True)
class Drawing:
    """A chart ready to be drawn: `height` in pixels; in percent, the `width` of the bars and where `zero` is."""

    height: int
    width: Decimal
    zero: Decimal
    bars: tuple[Drawn, ...]
    description: str


def draw(chart: Chart, language: Language) -> Drawing:
    """Lay out a chart. The bars are in its order; a chart of zeros has bars of no width."""
    low, high = _range(chart)
    bars, y = [], 0
    for bar in chart.bars:
        drawn = _bar(bar, y, low, high, chart.currency, language)
        bars.append(drawn)
        y = drawn.y + BAR_HEIGHT + GAP
    zero = _percent(-low, high - low)
    return Drawing(max(0, y - GAP), BARS_WIDTH, zero, tuple(bars), _description(chart, language))


def plain_number(value: Money | Decimal | None) -> Decimal:
    """Return the length of a bar; unknown has none."""
    return value.amount if isinstance(value, Money) else value or Decimal(0)


def _range(chart: Chart) -> tuple[Decimal, Decimal]:
    lengths = [plain_number(bar.value) for bar in chart.bars]
    low, high = min([Decimal(0), *lengths]), max([Decimal(0), *lengths])
    return (low, high) if low < high else (Decimal(0), Decimal(1))


def _percent(part: Decimal, whole: Decimal) -> Decimal:
    return (BARS_WIDTH * part / whole).quantize(Decimal("0.01"))


def _bar(bar: Bar, y: int, low: Decimal, high: Decimal, currency: str | None, language: Language) -> Drawn:
    value = plain_number(bar.value)
    zero, width = _percent(-low, high - low), _percent(abs(value), high - low)
    width = max(width, LEAST_WIDTH) if value else Decimal(0)
    written = _wrapped(bar.label)
    lines = tuple((y + LINE_HEIGHT * count - 5, line) for count, line in enumerate(written, start=1))
    return Drawn(
        label=bar.label,
        lines=lines,
        shown=show(bar.value, language, currency=currency),
        y=y + LINE_HEIGHT * len(written),
        x=max(Decimal(0), zero - width) if value < 0 else zero,
        width=width,
        negative=value < 0,
    )


def _wrapped(label: str) -> list[str]:
    return textwrap.wrap(label, LABEL_LETTERS, max_lines=LABEL_LINES, placeholder="…") or [""]


def _description(chart: Chart, language: Language) -> str:
    told = [f"{bar.label}: {show(bar.value, language)}" for bar in chart.bars[:TOLD_BARS]]
    more = "; …" if len(chart.bars) > TOLD_BARS else ""
    return f"{words(language).chart_of}. {'; '.join(told)}{more}" if told else words(language).nothing_to_draw
