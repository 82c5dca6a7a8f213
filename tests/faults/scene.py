"""One scenario under way: jobs, workers, faults, and what is looked at in the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.adapter import Finding, Report, State
from tests.faults.hall import Hall
from tests.faults.kontora import Kontora
from tests.faults.pace import Pace
from tests.faults.place import BOOKED
from tests.faults.program import Program
from tests.faults.proxy import Proxy
from tests.faults.witness import Witness

#: How long a scenario may take until everything is at rest, in seconds.
PATIENCE_S = 60.0


#: The part of a recovery that is work, in seconds; the rest of what is promised is the lease.
_WORK_S = 5.0


class NotRun(Exception):
    """This machine does not allow the fault; the message says why."""


class Failed(Exception):
    """Something that the scenario leans on did not happen."""


@dataclass
class Scene:
    """A system in a hall, with an empty ledger. `name` is the beginning of every reference of the scene."""

    hall: Hall
    system: Kontora
    name: str
    folder: Path
    ledger: str | None
    broker: str | None
    stack: ExitStack
    pace: Pace
    jobs: dict[str, str] = field(default_factory=dict)
    #: States in which a job may end besides `done`.
    allowed: set[State] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: The longest recovery that is promised under this fault, in seconds; 0: that of the system.
    bound_s: float = 0.0

    # --- workers and jobs ----------------------------------------------------------------------------------------

    def worker(self, **environment: str) -> Program:
        """Start a worker; it is killed with the scene."""
        program = self.system.start_worker(**environment)
        self.stack.callback(program.kill)
        return program

    def armed(self, place: str, do: str, **order: Any) -> dict[str, str]:
        """The environment of a process that acts at a failpoint; the first process that comes there acts."""
        marks = self.folder / "marks"
        marks.mkdir(exist_ok=True)
        return {"FAULTS_ARM": json.dumps([{"place": place, "do": do, **order}]), "FAULTS_MARKS": str(marks)}

    def fired(self, seconds: float = 40.0) -> float:
        """Wait until a failpoint has acted; return when it did, in seconds since 1970."""
        times = self.folder / "marks" / "times"
        self.until(times.exists, "a failpoint was reached", seconds)
        return float(times.read_text(encoding="utf-8").split()[0]) / 1000

    def submit(self, count: int, job: str = "order") -> list[str]:
        """Accept so many jobs."""
        references = [f"{self.name}-{len(self.jobs) + number}." for number in range(count)]
        self.jobs |= dict.fromkeys(references, job)
        self.system.submit(references, job=job)
        return references

    # --- waiting -------------------------------------------------------------------------------------------------

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE_S, *, deciding: bool = True) -> Any:
        """Wait until something holds, and let people decide meanwhile. Raises `Failed`."""
        began = time.monotonic()
        while not (found := holds()):
            if time.monotonic() > began + seconds * self.pace.stretch:
                raise Failed(f"{what}: not within {seconds:g} s; {self.states()}")
            if deciding:
                self.system.decide()
            time.sleep(0.1)
        return found

    def rest(self, seconds: float = PATIENCE_S) -> None:
        """Wait until every job is at rest. What is not is lost, and found by the inspection."""
        began = time.monotonic()
        while "open" in self.system.outcomes().values():
            if time.monotonic() > began + seconds * self.pace.stretch:
                return
            self.system.decide()
            time.sleep(0.1)

    def outcome(self, reference: str) -> State:
        """The state of one job."""
        return self.system.outcomes()[reference]

    def states(self) -> dict[State, int]:
        """How many jobs are in which state."""
        found: dict[State, int] = {}
        for state in self.system.outcomes().values():
            found[state] = found.get(state, 0) + 1
        return found

    def seen(self, what: str, at_least: int = 1) -> Callable[[], bool]:
        """Whether the ERP has seen something of this scene so often."""
        return lambda: sum(event["what"] == what for event in self.witness().erp) >= at_least

    # --- faults --------------------------------------------------------------------------------------------------

    def erp_fails(self, *faults: dict[str, Any]) -> None:
        """Let the ERP go wrong for this scene's references."""
        self.hall.order_faults(self.hall.erp, [{"match": self.name, **fault} for fault in faults])

    def model_fails(self, *faults: dict[str, Any]) -> None:
        """Let the model server go wrong."""
        self.hall.order_faults(self.hall.model, list(faults))

    def proxy(self, port: int) -> Proxy:
        """A proxy before a port; it ends with the scene."""
        return self.stack.enter_context(Proxy(port))

    def pool(self, worker: Program) -> list[int]:
        """The processes that work on runs below a worker: its pool's main process, then the others."""
        found = self.until(lambda: sorted(worker.below() - {worker.pid})[:], "the pool has started", 20)
        return list(found)

    @contextmanager
    def frozen(self, worker: Program) -> Iterator[None]:
        """Freeze a worker with everything below it."""
        worker.send(signal.SIGSTOP)
        try:
            yield
        finally:
            worker.send(signal.SIGCONT)

    # --- the end -------------------------------------------------------------------------------------------------

    def say(self, invariant: str, why: str) -> None:
        """Take note of a broken promise."""
        self.findings.append(Finding(invariant, self.name, why))

    def must(self, holds: bool, invariant: str, why: str) -> None:
        """Take note of a broken promise unless something holds."""
        if not holds:
            self.say(invariant, why)

    def witness(self) -> Witness:
        """What the foreign systems saw of this scene."""
        return Witness.of(self.hall.erp_diary, self.hall.model_diary, f"{self.name}-")

    def report(self) -> Report:
        """Judge the scene."""
        outcomes = self.system.outcomes()
        done = [reference for reference, state in outcomes.items() if state == "done"]
        expected = [ref + end for ref in done if ref in self.jobs for end in BOOKED.get(self.jobs[ref], ())]
        report = self.system.inspect(self.witness(), expected=expected)
        report.findings += self.findings
        for reference in self.jobs:
            state = outcomes.get(reference)
            if state is None:
                report.lost += 1
                report.findings.append(Finding("I1", reference, "it was accepted and is not there"))
            elif state not in ("done", "open") and state not in self.allowed:
                report.findings.append(Finding("I1", reference, f"it ended as {state}"))
        report.recoveries = self.recoveries or report.recoveries
        bound = (self.bound_s or self.system.bound_s) + self.pace.allowance(_WORK_S)
        late = [one for one in report.recoveries if one > bound]
        if late:
            report.findings.append(Finding("I10", self.name, f"it took {max(late):.1f} s to go on"))
        return report


@contextmanager
def scene(hall: Hall, name: str, *, embedded: bool) -> Iterator[Scene]:
    """Open a scene; leaving it kills its processes and removes its folder."""
    folder = hall.folder / name
    folder.mkdir()
    with ExitStack() as stack:
        stack.callback(lambda: shutil.rmtree(folder, ignore_errors=True))
        hall.order_faults(hall.erp, [])
        hall.order_faults(hall.model, [])
        ledger, broker = (None, None) if embedded else stack.enter_context(hall.pair())
        system = Kontora(folder, hall.plugin, erp=hall.erp, model=hall.model, ledger=ledger, broker=broker)
        stack.callback(system.stop)
        yield Scene(hall, system, name, folder, ledger, broker, stack, stack.enter_context(Pace()))


def kill(pids: Sequence[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to some processes of which some may be gone."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
