"""One way to do the unit of work: its processes, and a batch of runs on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from bench.child import Child, Failed
from bench.measure import cpu_seconds, peak_mb, tree

#: Requests to the model that one run makes: one to be told which tool, one with its result.
REQUESTS = 2


@dataclass(frozen=True)
class Batch:
    """Some runs and the CPU seconds they took: `cpu` of all own processes, `starting_cpu` of the one among them that
    only starts runs, `service_cpu` of the servers they lean on."""

    runs: int
    seconds: float
    cpu: float
    starting_cpu: float
    service_cpu: float
    laps: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Runs per second."""
        return self.runs / self.seconds

    @property
    def all_cpu_per_run(self) -> float:
        """CPU seconds of a run, those of services included."""
        return (self.cpu + self.service_cpu) / self.runs


@dataclass
class Contender:
    """`drivers` share a batch; `worker` works for them, if they do not work themselves. `others` are names
    of contenders to be compared with besides the baseline; `about` is what the processes say of themselves."""

    name: str
    baseline: str
    drivers: list[Child]
    asked: Callable[[], int]
    worker: Child | None = None
    services: Callable[[], set[int]] = set
    others: tuple[str, ...] = ()
    about: str = ""
    _next: count[int] = field(default_factory=count)

    def batch(self, runs: int, *, alone: bool = False) -> Batch:
        """Do so many runs and check each; `alone`: one after the other by one driver. Raises `Failed`."""
        drivers = self.drivers[:1] if alone else self.drivers
        shares = [[next(self._next) for _ in range(runs // len(drivers))] for _ in drivers]
        asked, before = self.asked(), self._cpu()
        for driver, share in zip(drivers, shares, strict=True):
            driver.tell(work=share, alone=alone)
        answers = [driver.hear() for driver in drivers]
        own, starting, service = (after - at_first for after, at_first in zip(self._cpu(), before, strict=True))
        self._check(drivers, sum(map(len, shares)), self.asked() - asked)
        seconds = max(answer["seconds"] for answer in answers)
        return Batch(sum(map(len, shares)), seconds, own, starting, service, answers[0]["laps"])

    def _cpu(self) -> list[float]:
        starting = tree([child.pid for child in self.drivers]) if self.worker else set()
        return [cpu_seconds(pids) for pids in (self.processes(), starting, self.services())]

    def _check(self, drivers: list[Child], runs: int, asked: int) -> None:
        for driver in drivers:
            driver.tell(check=True)
        right = sum(driver.hear()["right"] for driver in drivers)
        if right != runs:
            raise Failed(f"{self.name}: {runs - right} of {runs} answers do not hold the number of rows.")
        if asked != runs * REQUESTS:
            raise Failed(f"{self.name}: {runs} runs asked the model {asked} times, not {runs * REQUESTS} times.")

    @property
    def children(self) -> list[Child]:
        """The processes it was started with."""
        return [*self.drivers, *([self.worker] if self.worker else [])]

    def processes(self) -> set[int]:
        """Its own processes, those that its children started included."""
        return tree([child.pid for child in self.children])

    def peak_mb(self) -> float:
        """Peak memory of the fattest process that works on runs, in MiB."""
        return peak_mb(tree([self.worker.pid]) if self.worker else self.processes())
