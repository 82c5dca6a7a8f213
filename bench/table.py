"""What was measured, as text."""

from __future__ import annotations

from collections.abc import Sequence

from bench.commands import BASELINE, Time
from bench.rounds import Row

_HEAD = ("", "runs/s", "min-max", "x plain", "CPU ms/run", "x plain", "starting", "+ services", "alone ms", "peak MB")


def runs_table(rows: Sequence[Row]) -> str:
    """One line per contender."""
    lines = [_HEAD, *(_line(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_padded(line, widths) for line in lines)


def _padded(line: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = line
    return "  ".join([name.ljust(widths[0]), *(map(str.rjust, figures, widths[1:]))])


def _line(row: Row) -> tuple[str, ...]:
    low, high = row.runs_per_s_range
    return (
        row.name,
        f"{row.runs_per_s:.0f}",
        f"{low:.0f}-{high:.0f}",
        f"{row.x_runs_per_s:.2f}",
        f"{row.cpu_ms:.1f}",
        f"{row.x_cpu:.1f}",
        *(f"{ms:.1f}" if ms else "-" for ms in (row.starting_cpu_ms, row.service_cpu_ms)),
        f"{row.alone_ms:.1f}",
        f"{row.peak_mb:.0f}",
    )


def beside_table(rows: Sequence[Row]) -> str:
    """Durable runs of ours beside those of others, one line per pair; empty if there is none."""
    lines = [(row.name, one) for row in rows for one in row.beside]
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(
        f"{name.ljust(width)}  {one.x_runs_per_s:.2f} x runs/s, {one.x_cpu:.1f} x CPU with services of {one.name}"
        for name, one in lines
    )


def times_table(times: Sequence[Time]) -> str:
    """One line per command."""
    width = max(len(time.name) for time in times)
    return "\n".join(f"{time.name.ljust(width)}  {time.seconds:.3f} s  {time.x:6.1f} x {BASELINE}" for time in times)
