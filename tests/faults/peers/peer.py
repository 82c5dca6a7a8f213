"""A peer as a system under test: its workers, and a client of its own that is asked over a pipe."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults import fake_model
from tests.faults.adapter import Finding, Report, State
from tests.faults.peers.environments import FOLDER
from tests.faults.program import Program, Silent
from tests.faults.witness import Witness

#: How long the client may take to answer, in seconds.
_PATIENCE_S = 20.0
#: What is passed on of this process's environment.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class Peer:
    """One installation. `worker` is what its Python is started with; `urls` is the environment of its programs."""

    #: No peer promises a time.
    bound_s = float("inf")

    def __init__(
        self, name: str, python: Path, home: Path, worker: Sequence[str], folder: Path, urls: Mapping[str, str]
    ) -> None:
        self.name, self._python, self._home, self._worker, self._folder = name, python, home, worker, folder
        self._environment = {name: os.environ[name] for name in _KEPT if name in os.environ} | {
            "PYTHONPATH": os.pathsep.join((str(home), str(FOLDER / "work"))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "MODEL_NAME": fake_model.NAME,
            **urls,
        }
        self._ids: dict[str, str] = {}
        self._last: dict[str, State] = {}
        self._programs = 0
        self._client = self._open_client()

    def start_worker(self, **environment: str) -> Program:
        """Start a worker; `WORKER` is the name that it keeps when it is started again."""
        self._programs += 1
        named = [part.replace("{worker}", environment["WORKER"]) for part in self._worker]
        command = [str(self._python), *(str(self._home / part) if part.endswith(".py") else part for part in named)]
        log = self._folder / f"worker-{self._programs}.log"
        return Program(command, log, {**self._environment, **environment})

    def submit(self, references: Sequence[str], *, job: str = "order") -> None:
        """Hand jobs over; a peer has one kind. Raises `Silent`."""
        said = self._asked("submit", list(references))
        if "error" in said:
            raise Silent(f"{self.name} did not take jobs: {said['error']}")
        self._ids |= said["answer"]

    def decide(self) -> None:
        """Nobody is asked."""

    def outcomes(self) -> dict[str, State]:
        """What its client says; where that gets no answer, what it said last."""
        said = self._asked("states", self._ids).get("answer")
        self._last = {one: said[one] for one in self._ids if one in said} if said is not None else self._last
        return self._last

    def held(self) -> int | None:
        """How many jobs it still has in hand, by its own word; nothing if it does not answer."""
        said: int | None = self._asked("held", None).get("answer")
        return said

    def inspect(self, witness: Witness, *, expected: Sequence[str]) -> Report:
        """What the witness alone can tell: a peer's own records are not compared with it."""
        booked = witness.booked()
        report = Report(runs=len(self._ids), writes=sum(len(calls) for calls in witness.writes().values()))
        report.duplicates = witness.duplicates()
        report.findings = [Finding("I2", one, f"it was booked {n} times") for one, n in booked.items() if n > 1]
        report.findings += [Finding("I2", one, "it was never booked") for one in expected if not booked[one]]
        return report

    def stop(self) -> None:
        """End the client."""
        self._client.kill()

    def _open_client(self) -> Program:
        command = [str(self._python), str(self._home / "client.py")]
        client = Program(command, self._folder / "client.log", self._environment, speaks=True)
        client.hear(60.0)
        return client

    def _asked(self, order: str, given: Any) -> dict[str, Any]:
        """Ask the client. One that does not answer is ended, and another one is asked next time."""
        try:
            assert self._client.process.stdin is not None
            self._client.process.stdin.write(json.dumps({order: given}).encode() + b"\n")
            self._client.process.stdin.flush()
            return self._client.hear(_PATIENCE_S)
        except (Silent, OSError) as error:
            self._client.kill()
            self._client = self._open_client()
            return {"error": str(error)}
