"""Alternating rounds: everybody is up, one after another gets a batch, and ratios are taken within a round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.contender import Batch, Contender

#: Runs before anything is measured: every process has loaded what it needs.
_WARM_UP = 16
_FEWEST = 4


@dataclass(frozen=True)
class Beside:
    """Medians of the ratios to another contender; CPU is that of all processes, services included."""

    name: str
    x_runs_per_s: float
    x_cpu: float


@dataclass(frozen=True)
class Row:
    """What came out for one contender: medians of its rounds; `x_` are medians of the ratios to its baseline."""

    name: str
    baseline: str
    runs: int
    runs_per_s: float
    runs_per_s_range: tuple[float, float]
    x_runs_per_s: float
    cpu_ms: float
    x_cpu: float
    starting_cpu_ms: float
    service_cpu_ms: float
    alone_ms: float
    peak_mb: float
    beside: list[Beside]


def play(
    contenders: Sequence[Contender], *, rounds: int, seconds: float, alone: int, say: Callable[[str], None]
) -> list[Row]:
    """Let everybody work for about `seconds` in each of `rounds`, and on `alone` single runs. Raises `Failed`."""
    sizes = {one.name: _size(one, seconds, say) for one in contenders}
    batches: dict[str, list[Batch]] = {one.name: [] for one in contenders}
    laps: dict[str, list[float]] = {one.name: [] for one in contenders}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        first = number % len(contenders)
        for one in [*contenders[first:], *contenders[:first]]:
            batches[one.name].append(one.batch(sizes[one.name]))
            laps[one.name] += one.batch(alone, alone=True).laps
    return [_row(one, batches, laps[one.name]) for one in contenders]


def _size(contender: Contender, seconds: float, say: Callable[[str], None]) -> int:
    """How many runs make a batch of about `seconds`; even, so that two processes can share them."""
    say(f"warming up: {contender.name}")
    contender.batch(_WARM_UP)
    tried = contender.batch(_WARM_UP)
    return max(_FEWEST, int(tried.rate * seconds) // 2 * 2)


def _row(contender: Contender, batches: dict[str, list[Batch]], laps: list[float]) -> Row:
    own, base = batches[contender.name], batches[contender.baseline]
    rates, cpu = [batch.rate for batch in own], [batch.cpu / batch.runs for batch in own]
    base_cpu = [batch.cpu / batch.runs for batch in base]
    return Row(
        name=contender.name,
        baseline=contender.baseline,
        runs=sum(batch.runs for batch in own),
        runs_per_s=median(rates),
        runs_per_s_range=(min(rates), max(rates)),
        x_runs_per_s=median(mine / its.rate for mine, its in zip(rates, base, strict=True)),
        cpu_ms=median(cpu) * 1000,
        x_cpu=median(mine / its for mine, its in zip(cpu, base_cpu, strict=True) if its) if any(base_cpu) else 0.0,
        starting_cpu_ms=median(batch.starting_cpu / batch.runs for batch in own) * 1000,
        service_cpu_ms=median(batch.service_cpu / batch.runs for batch in own) * 1000,
        alone_ms=median(laps) * 1000,
        peak_mb=contender.peak_mb(),
        beside=[_beside(own, name, batches[name]) for name in contender.others if name in batches],
    )


def _beside(own: list[Batch], name: str, others: list[Batch]) -> Beside:
    pairs = list(zip(own, others, strict=True))
    return Beside(
        name=name,
        x_runs_per_s=median(mine.rate / its.rate for mine, its in pairs),
        x_cpu=median(mine.all_cpu_per_run / its.all_cpu_per_run for mine, its in pairs if its.all_cpu_per_run),
    )
