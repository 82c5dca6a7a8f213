"""One fault under way on one system: two workers that are looked after, jobs, and the moments of the strikes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from tests.faults.adapter import State
from tests.faults.hall import Hall
from tests.faults.kontora import Kontora
from tests.faults.peers.contender import JOB, Contender
from tests.faults.peers.peer import Peer
from tests.faults.program import Program
from tests.faults.proxy import Proxy
from tests.faults.scene import Failed
from tests.faults.witness import Witness

#: How many jobs there are.
JOBS = 10
#: How long everything may take from the last strike on, in seconds.
PATIENCE_S = 60.0
#: How long a worker that has ended stays away, and how long nothing may happen before it is judged, in seconds.
_AWAY_S, _QUIET_S = 1.0, 3.0


class Over(Exception):
    """Nobody waits for the result any more."""


@dataclass
class Stage:
    """`name` is the beginning of every reference. `struck` holds milliseconds since 1970."""

    hall: Hall
    contender: Contender
    system: Kontora | Peer
    name: str
    database: str
    stack: ExitStack
    chance: random.Random
    over: Event
    references: list[str] = field(default_factory=list)
    struck: list[float] = field(default_factory=list)
    crew: dict[str, Program] = field(default_factory=dict)
    _environments: dict[str, dict[str, str]] = field(default_factory=dict)
    _gone: dict[str, float] = field(default_factory=dict)

    # --- workers and jobs ----------------------------------------------------------------------------------------

    def begin(self, **first: str) -> None:
        """Start two workers, the first of them with a different environment; then hand over the jobs."""
        for number, more in enumerate((first, {})):
            worker = f"worker{number}"
            self._environments[worker] = {"WORKER": worker, **more}
            self._start(worker)
        self.submit()

    def submit(self) -> None:
        """Hand over every job; again is a client that repeats."""
        self.references = self.references or [f"{self.name}-{number}." for number in range(JOBS)]
        self.system.submit(self.references, job=JOB)

    def kill(self, worker: str) -> None:
        """Kill a worker with everything below it; soon it is started again."""
        self.crew[worker].kill()
        self.strike()

    def _start(self, worker: str) -> None:
        program = self.crew[worker] = self.system.start_worker(**self._environments[worker])
        self.stack.callback(program.kill)

    def _look_after(self) -> None:
        """Start what has ended again, as whoever supervises processes does."""
        for worker, program in self.crew.items():
            if not program.alive and time.monotonic() > self._gone.setdefault(worker, time.monotonic() + _AWAY_S):
                del self._gone[worker]
                program.kill()
                self._start(worker)

    # --- faults --------------------------------------------------------------------------------------------------

    def strike(self) -> None:
        """Remember this moment as one from which recoveries are timed."""
        self.struck.append(time.time() * 1000)

    def erp_fails(self, *faults: dict[str, Any]) -> None:
        """Let the ERP go wrong."""
        self.hall.order_faults(self.hall.erp, [{"match": self.name, **fault} for fault in faults])

    def model_fails(self, *faults: dict[str, Any]) -> None:
        """Let the model server go wrong."""
        self.hall.order_faults(self.hall.model, [{"match": self.name, **fault} for fault in faults])

    def proxy(self, port: int) -> Proxy:
        """A proxy before a port."""
        return self.stack.enter_context(Proxy(port))

    # --- waiting -------------------------------------------------------------------------------------------------

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._moment()

    def until(self, holds: Callable[[], bool], what: str, seconds: float = 40.0) -> None:
        """Wait until something holds. Raises `Failed`."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise Failed(f"{what}: not within {seconds:g} s")
            self._moment()

    def booked(self, at_least: int) -> Callable[[], bool]:
        """Whether so many records are booked."""
        return lambda: self.witness().booked().total() >= at_least

    def rest(self) -> tuple[dict[str, State], float]:
        """Wait until no job is open, or it has taken too long, and then until nothing happens; return the seconds."""
        began = time.monotonic()
        while "open" in (states := self.states()).values() and time.monotonic() < began + PATIENCE_S:
            self.passes(0.3)
        seconds = time.monotonic() - began
        before = -1
        while (now := len(self.witness().erp)) != before and time.monotonic() < began + 1.5 * PATIENCE_S:
            before = now
            self.passes(_QUIET_S)
        return states | self.states(), seconds

    def states(self) -> dict[str, State]:
        """What the system says of each job; of one that it says nothing about there is nothing."""
        return self.system.outcomes()

    def witness(self) -> Witness:
        """What the foreign systems saw."""
        return Witness.of(self.hall.erp_diary, self.hall.model_diary, f"{self.name}-")

    def _moment(self) -> None:
        if self.over.wait(0.1):
            raise Over
        self.system.decide()
        self._look_after()


@contextmanager
def staged(
    hall: Hall, contender: Contender, name: str, folder: Path, chance: random.Random, over: Event
) -> Iterator[Stage]:
    """Open a stage; leaving it ends the workers. Its logs stay in the folder."""
    folder.mkdir()
    with ExitStack() as stack:
        for url in (hall.erp, hall.model):
            hall.order_faults(url, [])
        database, broker = stack.enter_context(hall.pair())
        system = contender.opened(hall, folder, database, broker)
        stack.callback(system.stop)
        yield Stage(hall, contender, system, name, database, stack, chance, over)
