"""The composition root: the one place where the rooms are wired together."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from kontora_agents.autogen_runner import AutogenRunner
from kontora_agents.errors import ModelUnavailable
from kontora_connectors import Invalid
from kontora_workflows.catalog import Catalog
from kontora_workflows.cron import time_zone
from kontora_workflows.definition import ApprovalStep, ForEachStep, Step, Workflow
from kontora_workflows.engine.engine import Engine
from kontora_workflows.engine.escalation import ESCALATION, edited
from kontora_workflows.engine.ports import QUEUE
from kontora_workflows.engine.questions import QUESTION
from kontora_workflows.engine.routing import Routes
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.approvals import Approval
from kontora_workflows.ledger.chain import digest
from kontora_workflows.ledger.run import Run
from kontora_workflows.ledger.schedules import Schedule
from kontora_workflows.loader import Loaded, Problem, WorkflowInvalid
from kontora_workflows.scheduling import KeptByFile, asks_for, keep_file_schedules
from kontora_workflows.starting import Start, start_run
from kontora_workflows.sweeper import Sweeper
from kontora_workflows.validation import validate

from kontora_worker.broker import CelerySender, make_celery
from kontora_worker.doors import ConfiguredDoors
from kontora_worker.ledger_url import bounded
from kontora_worker.model_records import ModelRecords
from kontora_worker.models import ConfiguredModels
from kontora_worker.settings import Settings, read_secret

log = logging.getLogger("kontora.house")

#: Where a worker tells its children that the rehearsal server listens.
REHEARSAL_URL = "KONTORA_REHEARSAL_URL"


class FourEyesImpossible(Exception):
    """A workflow needs two people, and all who come here are one to us."""


class House:
    """Everything of one process, made when it is first used. Not to be carried across a fork."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        #: Workflows that were checked, by name: one is read anew when its file has changed.
        self._sound: dict[str, Loaded] = {}

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger. Raises `LedgerUnavailable`."""
        ledger = Ledger(bounded(self.settings.database_url.get_secret_value()))
        if ledger.upgraded and ledger.upgraded.before:
            log.warning("%s", ledger.upgraded)
        return ledger

    @cached_property
    def catalog(self) -> Catalog:
        """The shipped workflows and the user's own."""
        return Catalog([self.settings.workflows])

    @cached_property
    def doors(self) -> ConfiguredDoors:
        """The configured connectors."""
        return ConfiguredDoors(self.settings.connectors, self.settings.roles, read_secret)

    @cached_property
    def model_records(self) -> ModelRecords:
        """What was found out about models here."""
        return ModelRecords(self.settings.home)

    @cached_property
    def models(self) -> ConfiguredModels:
        """The configured models."""
        settings = self.settings
        return ConfiguredModels(
            settings.models,
            _rehearsal_url,
            settings.licences,
            self.model_records,
            external=settings.external_models,
            secret=read_secret,
        )

    @cached_property
    def celery(self):  # type: ignore[no-untyped-def]  # Celery has no types
        """The Celery app."""
        return make_celery(self.settings)

    @cached_property
    def sender(self) -> CelerySender:
        """Carries run ids to the workers."""
        return CelerySender(self.celery)

    @cached_property
    def runner(self) -> AutogenRunner:
        """Lets agents work."""
        return AutogenRunner()

    @cached_property
    def engine(self) -> Engine:
        """The engine of this process."""
        owner = f"{pool_name(os.getppid())}:{os.getpid()}"
        lease_ms = int(self.settings.lease_s * 1000)
        engine = Engine(self.ledger, self.doors, self.models, self.sender, self.runner, owner, lease_ms)
        engine.routes, engine.on_files = self._routes(), self.export
        return engine

    def _routes(self) -> Routes:
        settings = self.settings
        return Routes(
            {name: model.queue for name, model in settings.models.items() if model.queue != QUEUE},
            {name: one.queue for name, one in settings.connectors.items() if one.queue != QUEUE},
            frozenset(settings.queues) if settings.queues else None,
        )

    @cached_property
    def sweeper(self) -> Sweeper:
        """The sweeper of this process."""
        # A message that was lost costs no more time than a worker that died.
        resend_ms = int(min(10.0, self.settings.lease_s) * 1000)
        return Sweeper(self.ledger, self.doors, self.sender, self.runnable, resend_ms)

    def workflow(self, name: str) -> Workflow:
        """A workflow by name, checked. Raises `UnknownWorkflow`, `WorkflowInvalid`."""
        loaded = self.catalog.get(name)
        if self._sound.get(name) is not loaded:
            if problems := validate(loaded):
                raise WorkflowInvalid(problems)
            self._sound[name] = loaded
        return loaded.workflow

    def runnable(self, name: str) -> Workflow:
        """A workflow that may be started here.

        Raises what `workflow` raises, `FourEyesImpossible`, `ModelNotAllowed`.
        """
        workflow = self.workflow(name)
        asks_two = any(agent.escalation and agent.escalation.people > 1 for agent in workflow.agents.values())
        if (asks_two or needs_two_people(workflow.steps)) and len(self.settings.tokens) < 2:
            raise FourEyesImpossible(
                f"{name} asks two people to agree, and this installation cannot tell people apart: "
                "[tokens] in kontora.toml names fewer than two."
            )
        for agent in workflow.agents.values():
            if ruling := self.models.ruling(agent.model):
                ruling.enforce()
            if agent.escalation is not None and (ruling := self.models.ruling(agent.escalation.model)):
                ruling.enforce()
        return workflow

    def problems(self, workflow: Workflow | Loaded) -> list[Problem]:
        """What is wrong with a workflow, here: its file, and models that may not be used."""
        return validate(workflow, refusal=self.models.refusal)

    def start(self, name: str, start: Start) -> tuple[Run, bool]:
        """Start a run and tell the workers. Raises what `start_run` and `runnable` raise."""
        return self.start_workflow(self.runnable(name), start)

    def start_workflow(self, workflow: Workflow, start: Start) -> tuple[Run, bool]:
        """The same for a workflow that need not be in the catalogue."""
        today = datetime.now(time_zone(self.settings.timezone)).date()
        return start_run(self.ledger, self.doors, workflow, start, today=today, sender=self.sender)

    def edit_approval(
        self, approval_id: str, changes: dict[str, Any], *, by: str, version: int | None = None
    ) -> Approval:
        """Ask for a call with some arguments changed; nobody has agreed to it yet.

        Raises `UnknownApproval`, `AlreadyDecided`, `Invalid` for arguments that the tool does not take.
        """
        asked = self.ledger.approvals.get(approval_id)
        arguments = self._edited(asked, changes)
        return self.ledger.approvals.edit(approval_id, arguments, digest(arguments), by=by, version=version)

    def _edited(self, asked: Approval, changes: dict[str, Any]) -> dict[str, Any]:
        if asked.tool == QUESTION:
            raise Invalid("A question has no arguments to change; approve it, and the comment is the answer.")
        if asked.tool == ESCALATION:
            return edited(asked.arguments or {}, changes)
        tool = self.doors.kind(asked.instance).tools()[asked.tool.partition(".")[2]]
        arguments = {**(asked.arguments or {}), **changes}
        tool.validate(arguments)
        return tool.canonical(arguments)

    def keep_file_schedules(self) -> None:
        """Let the ledger hold the schedules of the workflow files.

        A broken file takes none away, nor does a folder that is not there: a disk may be missing for a while.
        """
        workflows, broken = [], bool(self.catalog.broken())
        for name in self.catalog.names():
            try:
                workflows.append(self.workflow(name))
            except (LookupError, WorkflowInvalid) as error:
                broken = True
                log.error("the workflow %s cannot be used: %s", name, error)
        folder = self.settings.workflows
        if not folder.is_dir() and any(one.origin == "file" for one in self.ledger.schedules.all()):
            log.error("%s is not there: the schedules of its files are kept; make it, empty, if they should go", folder)
            broken = True
        keep_file_schedules(self.ledger, workflows, all_files=not broken)

    def remove_schedule(self, schedule_id: str) -> Schedule:
        """Forget a schedule; runs that it started stay. One from a file goes once no file holds it any more.

        Raises `UnknownSchedule`, `KeptByFile`.
        """
        schedule = self.ledger.schedules.get(schedule_id)
        if schedule.origin == "file":
            self._refuse_kept(schedule.workflow, schedule)
        return self.ledger.schedules.remove(schedule_id)

    def _refuse_kept(self, name: str, schedule: Schedule) -> None:
        folder, broken = self.settings.workflows, self.catalog.broken()
        if broken:
            why = f"It came from a workflow file, and {broken[0].path}, where it may stand, cannot be read."
            raise KeptByFile(why, "Mend that file, or take it away; then remove the schedule.")
        if name in self.catalog.names() and asks_for(self.catalog.get(name).workflow, schedule):
            why = f"It stands in {self.catalog.path(name)}, and would come back."
            raise KeptByFile(why, "Take it out of the file: a worker then forgets it within a minute.")
        if not folder.is_dir():
            why = f"It came from a workflow file, and their folder {folder} is not there: perhaps a disk is missing."
            raise KeptByFile(why, "Bring the folder back; or, should the schedule go, make it, empty, and try again.")

    def export(self, run_id: str) -> list[Path]:
        """Copy a run's artifacts to the `reports` folder of the data folder; return the paths."""
        paths = []
        for artifact in self.ledger.artifacts.of_run(run_id, erased=False):
            path = self.settings.home / "reports" / run_id / artifact.name
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f".{artifact.name}.{os.getpid()}")
                part.write_bytes(self.ledger.artifacts.content(artifact.id))
                part.replace(path)
            paths.append(path)
        return paths

    def remove_copies(self, run_id: str, names: Iterable[str] | None = None) -> None:
        """Remove copies that `export` made of a run's artifacts: those with these names, or all."""
        folder = self.settings.home / "reports" / run_id
        for path in folder.iterdir() if folder.is_dir() else ():
            if names is None or path.name in names:
                path.unlink()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def close(self) -> None:
        """Let go of everything that was made."""
        for name in ("engine", "doors", "ledger"):
            if name in self.__dict__:
                self.__dict__[name].close()


def needs_two_people(steps: Sequence[Step]) -> bool:
    """Whether any approval below these steps asks for two people."""
    return any(
        (isinstance(step, ApprovalStep) and step.approval.people > 1)
        or (isinstance(step, ForEachStep) and needs_two_people(step.steps))
        for step in steps
    )


def pool_name(pid: int) -> str:
    """How the ledger names the processes below `pid` on this machine, up to their own number."""
    return f"{socket.gethostname()}:{pid}"


def _rehearsal_url() -> str:
    url = os.environ.get(REHEARSAL_URL)
    if not url:
        raise ModelUnavailable(
            "The rehearsal server is not there.",
            hint="It runs inside `kontora worker`; start that, then resume the run.",
        )
    return url
