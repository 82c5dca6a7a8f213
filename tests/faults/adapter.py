"""What the harness asks of a system under test. Everything else here knows nothing of how runs are made durable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tests.faults.program import Program
from tests.faults.witness import Witness

#: `open`: it may still go on by itself. `review`: it waits for a person, because an outcome is unknown.
State = Literal["open", "done", "failed", "stopped", "review"]


@dataclass(frozen=True)
class Finding:
    """A promise that was broken: which, where, and how."""

    invariant: str
    where: str
    why: str


@dataclass
class Report:
    """What a system and its witnesses say after a scenario. `recoveries` in seconds.

    `takeovers` are runs that went on after a claim had broken off, `fires` those that a schedule has started.
    """

    runs: int = 0
    writes: int = 0
    calls: int = 0
    lost: int = 0
    duplicates: int = 0
    unknown: int = 0
    reconciled: int = 0
    takeovers: int = 0
    fires: int = 0
    cancels: int = 0
    recoveries: list[float] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


class System(Protocol):
    """A way to do jobs durably. A job reads stock, books two records at the ERP, and asks a model three times.

    The records of the job `R` have the references `R/book` and `R/agent`.
    """

    name: str
    #: The longest time between a death and the next sign of life that is promised, in seconds.
    bound_s: float

    def start_worker(self, **environment: str) -> Program:
        """Start a worker process (tree)."""
        ...

    def submit(self, references: Sequence[str], *, job: str = "order") -> None:
        """Accept jobs, once each: a repeat under the same reference starts nothing."""
        ...

    def decide(self) -> None:
        """Say yes to what people are asked, if the system asks people."""
        ...

    def outcomes(self) -> dict[str, State]:
        """The state of every job that was accepted, by reference."""
        ...

    def inspect(self, witness: Witness, *, expected: Sequence[str]) -> Report:
        """Compare what the system says with what the foreign systems saw. `expected` must be booked once."""
        ...

    def stop(self) -> None:
        """Let go of everything but the workers."""
        ...
