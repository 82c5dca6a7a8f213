"""What a failure means to the person at the terminal: an exit code, what, why, and what to type next."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kontora_cli.invocation import as_typed

OK, RUN_FAILED, USAGE, WAITING, CONFIGURATION, UNAVAILABLE, TIMEOUT, CANCELLED, INTERRUPTED = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    130,
)


class CliError(Exception):
    """A failure that a command of ours explains by itself."""

    def __init__(self, exit_code: int, code: str, what: str, why: str, next_: str) -> None:
        self.failure = Explained(exit_code, code, what, why, next_)
        super().__init__(what)


@dataclass(frozen=True)
class Explained:
    """One failure in words. `next_` is what to do or type."""

    exit_code: int
    code: str
    what: str
    why: str
    next_: str

    def lines(self) -> str:
        """The three lines that a person sees."""
        return f"error: {self.what}\nwhy:   {self.why}\nnext:  {self.next_}"

    def document(self) -> dict[str, object]:
        """The same for programs."""
        said = {"code": self.code, "what": self.what, "why": self.why, "next": self.next_}
        return {"error": said, "exit_code": self.exit_code}


@dataclass(frozen=True)
class _Family:
    exit_code: int
    code: str
    what: str
    next_: str


#: Families of errors by the full name of their class: nothing has to be imported to explain one.
FAMILIES: dict[str, _Family] = {
    "kontora_worker.settings.SettingsInvalid": _Family(
        CONFIGURATION, "settings_invalid", "The settings cannot be used.", "kontora config show"
    ),
    "kontora_workflows.catalog.UnknownWorkflow": _Family(
        CONFIGURATION, "unknown_workflow", "The workflow was not found.", "kontora workflows list"
    ),
    "kontora_workflows.definitions.problems.WorkflowInvalid": _Family(
        CONFIGURATION, "workflow_invalid", "The workflow cannot be used.", "kontora workflows validate FILE"
    ),
    "kontora_workflows.inputs.InputsInvalid": _Family(
        CONFIGURATION, "inputs_invalid", "The inputs do not fit the workflow.", "kontora workflows schema --inputs NAME"
    ),
    "kontora_workflows.engine.ports.BindingMissing": _Family(
        CONFIGURATION, "binding_missing", "A connector is missing.", "kontora connectors list"
    ),
    "kontora_api.server.CannotListen": _Family(
        CONFIGURATION, "cannot_listen", "The API does not listen there.", "kontora serve --host 127.0.0.1"
    ),
    "kontora_connectors.registry.UnknownKind": _Family(
        CONFIGURATION, "unknown_kind", "A connector cannot be loaded.", "Install its package, or mend kontora.toml."
    ),
    "kontora_connectors.registry.BrokenPlugin": _Family(
        CONFIGURATION, "broken_plugin", "A connector cannot be loaded.", "Install a version of it that works here."
    ),
    "kontora_workflows.cron.ScheduleInvalid": _Family(
        CONFIGURATION, "schedule_invalid", "The schedule cannot be used.", "kontora schedules add --help"
    ),
    "kontora_workflows.ledger.runs.UnknownRun": _Family(
        CONFIGURATION, "unknown_run", "The run was not found.", "kontora runs list"
    ),
    "kontora_workflows.ledger.runs.NotResumable": _Family(
        CONFIGURATION, "not_resumable", "The run cannot be resumed.", "kontora runs list"
    ),
    "kontora_workflows.settling.ResultUnfit": _Family(
        CONFIGURATION, "result_unfit", "The result does not fit the call.", "kontora runs settle --help"
    ),
    "kontora_workflows.ledger.approvals.UnknownApproval": _Family(
        CONFIGURATION, "unknown_approval", "The approval was not found.", "kontora approvals list"
    ),
    "kontora_workflows.ledger.approvals.SamePerson": _Family(
        CONFIGURATION, "same_person", "A second person has to agree.", "kontora approvals show ID"
    ),
    "kontora_worker.house.FourEyesImpossible": _Family(
        CONFIGURATION,
        "four_eyes_impossible",
        "The workflow cannot run here.",
        'Give two people a token each in kontora.toml: [tokens] anna = "env:ANNA_TOKEN".',
    ),
    "kontora_workflows.ledger.approvals.AlreadyDecided": _Family(
        CONFIGURATION, "already_decided", "The approval cannot be decided again.", "kontora approvals list"
    ),
    "kontora_workflows.scheduling.TooMany": _Family(
        CONFIGURATION, "too_many_fires", "The backfill was not begun.", "kontora schedules backfill --help"
    ),
    "kontora_workflows.scheduling.KeptByFile": _Family(
        CONFIGURATION, "kept_by_file", "The schedule cannot be removed here.", "kontora workflows list"
    ),
    "kontora_workflows.retrying.NotRetryable": _Family(
        CONFIGURATION, "not_retryable", "The run cannot be retried from there.", "kontora runs show RUN"
    ),
    "kontora_workflows.ledger.creation.KeyReused": _Family(
        CONFIGURATION, "key_reused", "The run was not started.", "Take another --key, or ask for the same again."
    ),
    "kontora_workflows.ledger.schedules.UnknownSchedule": _Family(
        CONFIGURATION, "unknown_schedule", "The schedule was not found.", "kontora schedules list"
    ),
    "kontora_workflows.ledger.database.LedgerTooNew": _Family(
        CONFIGURATION, "ledger_too_new", "The ledger cannot be opened.", "Install the newer Kontora."
    ),
    "kontora_workflows.ledger.migration.LedgerTooOld": _Family(
        CONFIGURATION,
        "ledger_too_old",
        "The ledger has to be upgraded.",
        "With the URL of the tables' owner in KONTORA_DATABASE_URL: kontora ledger upgrade",
    ),
    "kontora_workflows.ledger.database.LedgerUnfit": _Family(
        CONFIGURATION,
        "ledger_unfit",
        "The ledger cannot be opened.",
        "Name another data folder (--home) or an empty database (KONTORA_DATABASE_URL).",
    ),
    "kontora_workflows.ledger.database.LedgerUnavailable": _Family(
        UNAVAILABLE, "ledger_unavailable", "The ledger cannot be used.", "kontora doctor"
    ),
    "sqlalchemy.exc.DatabaseError": _Family(
        UNAVAILABLE, "database_error", "The ledger's database refused to work.", "kontora doctor"
    ),
    "kontora_connectors.errors.AuthFailed": _Family(
        UNAVAILABLE, "auth_failed", "A system refused our credentials.", "kontora connectors check"
    ),
    "kontora_connectors.errors.RateLimited": _Family(
        UNAVAILABLE, "rate_limited", "A system asked us to wait.", "Try again later."
    ),
    "kontora_connectors.errors.Unavailable": _Family(
        UNAVAILABLE, "unavailable", "A system does not answer.", "kontora connectors check"
    ),
    "kontora_connectors.errors.ConnectorError": _Family(
        CONFIGURATION, "connector_error", "The call was refused.", "kontora connectors list"
    ),
    "kontora_agents.errors.ModelNotAllowed": _Family(
        CONFIGURATION, "model_not_allowed", "The model may not be used here.", "kontora models recommend"
    ),
    "kontora_agents.errors.ModelError": _Family(
        UNAVAILABLE, "model_error", "The model cannot be used.", "kontora models list"
    ),
}


def explain(error: BaseException, home: Path | None = None) -> Explained:
    """Put an error into words; one that nobody foresaw goes to the log."""
    if isinstance(error, CliError):
        return _typed(error.failure, home)
    for cls in type(error).__mro__:
        family = FAMILIES.get(f"{cls.__module__}.{cls.__qualname__}")
        if family:
            return _typed(_told(error, family), home)
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        why = "Another program listens there."
        return _typed(Explained(UNAVAILABLE, "port_taken", "The port is taken.", why, "kontora serve --port 0"), home)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        said = Explained(
            UNAVAILABLE, "no_room", "There is no room.", f"{error.strerror}.", "Make room, then try again."
        )
        return _typed(said, home)
    if isinstance(error, OSError) and error.filename:
        what = f"{error.filename} cannot be used."
        return Explained(CONFIGURATION, "file_error", what, f"{error.strerror}.", "Choose a folder that you may write.")
    log = _keep(error, home)
    why = f"A defect of Kontora: {type(error).__name__}."
    return Explained(RUN_FAILED, "defect", "The command broke off.", why, f"Report it with what is in {log}")


def _told(error: BaseException, family: _Family) -> Explained:
    """What the error says about itself, in its family's frame."""
    message = str(getattr(error, "message", None) or error).replace("#/inputs/", "input ")
    if type(error).__module__.startswith("sqlalchemy"):
        message = str(getattr(error, "orig", "") or type(error).__name__)
    hint = str(getattr(error, "hint", "") or "")
    return Explained(
        family.exit_code, str(getattr(error, "code", None) or family.code), family.what, message, hint or family.next_
    )


def _typed(failure: Explained, home: Path | None) -> Explained:
    why, next_ = as_typed(failure.why, home), as_typed(failure.next_, home)
    return Explained(failure.exit_code, failure.code, failure.what, why, next_)


def _keep(error: BaseException, home: Path | None) -> Path:
    """Write what a developer needs to a log; return where it is."""
    text = "".join(traceback.format_exception(error))
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    folder = home or Path.cwd() / ".kontora"
    for place in (folder / "logs", Path(tempfile.gettempdir())):
        log = place / "kontora.log"
        try:
            if place.parent.is_dir():
                place.mkdir(exist_ok=True)
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{stamp} pid {os.getpid()}\n{text}\n")
        except OSError:
            continue
        return log
    return Path(os.devnull)
