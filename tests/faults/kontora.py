"""Kontora as the system under test: `kontora worker` in processes, people and clients through its own floors."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kontora_worker.house import House
from kontora_worker.settings import InstanceSettings, ModelSettings, Settings
from kontora_workflows.ledger import tables
from kontora_workflows.ledger.approvals import AlreadyDecided
from kontora_workflows.ledger.database import LedgerUnavailable
from kontora_workflows.ledger.run import Run
from kontora_workflows.starting import Start
from pydantic import SecretStr
from sqlalchemy import select

from tests.faults import fake_model
from tests.faults.adapter import Finding, Report, State
from tests.faults.invariants import Inspection
from tests.faults.place import DEAF_S, LEASE_S, SWEEP_S, environment, furnish
from tests.faults.program import Program
from tests.faults.witness import Witness

#: How often the ledger is asked again for its runs.
_ASKED_AGAIN = 10
_STATES: dict[str, State] = {
    "succeeded": "done",
    "failed": "failed",
    "timed_out": "stopped",
    "cancelled": "stopped",
    "needs_review": "review",
}


class Kontora:
    """One installation in a folder. `ledger` and `broker` are URLs; without them it is the embedded pair."""

    name = "Kontora"
    bound_s = LEASE_S + 5

    def __init__(
        self, folder: Path, plugin: Path, *, erp: str, model: str, ledger: str | None = None, broker: str | None = None
    ) -> None:
        self.folder, self.home, self._plugin = folder, folder / "home", plugin
        furnish(self.home, erp, model)
        self._pair = {"KONTORA_DATABASE_URL": ledger, "KONTORA_BROKER_URL": broker}
        self.house = House(
            Settings(
                home=self.home,
                file=self.home / "kontora.toml",
                database_url=SecretStr(ledger or f"sqlite:///{self.home / 'ledger.db'}"),
                broker_url=SecretStr(broker) if broker else None,
                workflows=self.home / "workflows",
                connectors={"erp": InstanceSettings.model_validate({"kind": "fake-erp", "url": erp})},
                models={"default": ModelSettings(url=model, name=fake_model.NAME)},
                lease_s=LEASE_S,
            )
        )
        self._programs = 0

    # --- processes -----------------------------------------------------------------------------------------------

    def start_worker(self, **more: str) -> Program:
        """Start `kontora worker`. `more` goes before the environment that it would have."""
        return self.command("worker", "--concurrency", "2", **more)

    def command(self, *arguments: str, **more: str) -> Program:
        """Start `kontora ARGUMENTS`; it ends with this process."""
        self._programs += 1
        log = self.folder / f"{arguments[0]}-{self._programs}.log"
        command = [sys.executable, "-m", "kontora_cli.main", *arguments, "--parent", str(os.getpid())]
        return Program(command, log, self.environment(**more))

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a process of this installation."""
        times = {"KONTORA_LEASE_S": str(LEASE_S), "KONTORA_SWEEP_S": str(SWEEP_S), "KONTORA_DEAF_S": str(DEAF_S)}
        pair = {name: url for name, url in self._pair.items() if url}
        return environment(self._plugin, KONTORA_HOME=str(self.home), **{**times, **pair, **more})

    # --- clients and people --------------------------------------------------------------------------------------

    def submit(self, references: Sequence[str], *, job: str = "order") -> None:
        """Start runs as REST does."""
        for reference in references:
            self.house.start(job, Start("tester", "rest", {"reference": reference}, idempotency_key=reference))

    def decide(self) -> None:
        """Approve whatever is asked; what cannot be reached now is approved later."""
        with suppress(LedgerUnavailable):
            for approval in self.house.ledger.approvals.page(state="pending", limit=500)[0]:
                with suppress(AlreadyDecided):
                    self.house.ledger.approvals.decide(approval.id, "approved", by="boss", version=approval.version)
                    self.house.sender.send([approval.run_id])

    def runs(self) -> list[Run]:
        """Every run that was asked for. While the ledger does not answer, it is asked again."""
        for _ in range(_ASKED_AGAIN):
            with suppress(LedgerUnavailable):
                return self._runs()
            time.sleep(0.2)
        return self._runs()

    def _runs(self) -> list[Run]:
        with self.house.ledger.database.read() as connection:
            runs = tables.runs
            query = select(runs).where(runs.c.parent_id.is_(None)).order_by(runs.c.created_at, runs.c.id)
            return [Run.of(row) for row in connection.execute(query)]

    def outcomes(self) -> dict[str, State]:
        """The state of every run by its reference."""
        return {
            run.idempotency_key or f"{run.schedule_id}@{run.logical_at}": _STATES.get(run.state, "open")
            for run in self.runs()
        }

    def run(self, reference: str) -> Run:
        """The run of a reference."""
        return next(run for run in self.runs() if run.idempotency_key == reference)

    # --- the judgement -------------------------------------------------------------------------------------------

    def inspect(self, witness: Witness, *, expected: Sequence[str]) -> Report:
        """Check every invariant on every run."""
        inspection = Inspection(self.house.ledger, witness, lease_ms=LEASE_S * 1000)
        report = inspection.of_runs(run.id for run in self.runs())
        booked = witness.booked()
        report.findings += [
            Finding("I2", reference, "its run succeeded, and it was never booked")
            for reference in expected
            if not booked[reference]
        ]
        return report

    def stop(self) -> None:
        """Let go of the ledger."""
        self.house.close()
