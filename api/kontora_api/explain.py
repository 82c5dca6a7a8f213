"""From what the floors below raise to the problem that REST answers with: the one table of both."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi.exceptions import RequestValidationError
from kontora_agents.errors import ModelError
from kontora_connectors import ConnectorError, Invalid, RateLimited
from kontora_connectors.registry import BrokenPlugin, UnknownKind
from kontora_worker.house import FourEyesImpossible
from kontora_workflows.catalog import UnknownWorkflow
from kontora_workflows.cron import ScheduleInvalid
from kontora_workflows.engine.ports import BindingMissing
from kontora_workflows.inputs import InputsInvalid
from kontora_workflows.ledger.approvals import AlreadyDecided, SamePerson, UnknownApproval
from kontora_workflows.ledger.artifacts import UnknownArtifact
from kontora_workflows.ledger.creation import KeyReused
from kontora_workflows.ledger.database import LedgerTooNew, LedgerUnavailable, LedgerUnfit
from kontora_workflows.ledger.migration import LedgerTooOld
from kontora_workflows.ledger.runs import NotResumable, UnknownRun
from kontora_workflows.ledger.schedules import UnknownSchedule
from kontora_workflows.loader import WorkflowInvalid
from kontora_workflows.retrying import NotRetryable
from kontora_workflows.scheduling import KeptByFile, TooMany
from kontora_workflows.settling import ResultUnfit
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from kontora_api.documents import ApprovalDocument
from kontora_api.problem import FieldProblem, Refused
from kontora_api.problem_kinds import KINDS

log = logging.getLogger("kontora.api")

#: How long to wait before the ledger is asked again, in seconds.
_LEDGER_RETRY_S = "5"


def _plain(code: str) -> Callable[[Any], Refused]:
    """Say what the error says; its `hint`, where it has one, is better than that of its kind."""

    def explain(error: Exception) -> Refused:
        return Refused(code, str(getattr(error, "message", error)), hint=getattr(error, "hint", ""))

    return explain


def _unknown(code: str) -> Callable[[Any], Refused]:
    """The same without what the message tells somebody at a terminal."""
    return lambda error: Refused(code, str(error).partition(" `kontora ")[0])


def _inputs(error: InputsInvalid) -> Refused:
    errors = [FieldProblem(pointer=one.pointer, detail=one.message) for one in error.problems]
    said = "; ".join(f"{one.pointer.removeprefix('#/inputs/')} {one.message}" for one in error.problems)
    return Refused("inputs_invalid", f"{said}.", errors=errors)


def _workflow(error: WorkflowInvalid) -> Refused:
    errors = [
        FieldProblem(line=one.line, column=one.column, detail=one.message, hint=one.hint or None)
        for one in error.problems
    ]
    return Refused("workflow_invalid", str(error), errors=errors)


def _decided(error: AlreadyDecided) -> Refused:
    return Refused("already_decided", str(error), approval=ApprovalDocument.of(error.approval).model_dump(mode="json"))


def _ledger(error: LedgerUnavailable) -> Refused:
    log.error("%s (%s)", error.message, error.detail)
    return Refused("ledger_unavailable", error.message, headers={"Retry-After": _LEDGER_RETRY_S})


def _database(error: DatabaseError) -> Refused:
    log.error("the ledger's database refused: %s", error.orig)
    return Refused("database_error", "The database of the ledger refused a statement; the log has its words.")


def _busy(error: PoolTimeout) -> Refused:
    log.error("no connection to the ledger became free: %s", error)
    why = "Too many requests use the ledger at once."
    return Refused("ledger_unavailable", why, headers={"Retry-After": _LEDGER_RETRY_S})


def _connector(error: ConnectorError) -> Refused:
    code = error.code if error.code in KINDS else "connector_error"
    fields = error.fields if isinstance(error, Invalid) else {}
    errors = [FieldProblem(pointer=f"#/arguments/{name}", detail=why) for name, why in fields.items()]
    headers = {"Retry-After": str(max(1, round(error.retry_after_s)))} if isinstance(error, RateLimited) else {}
    return Refused(code, error.message, hint=error.hint, errors=errors, headers=headers)


def _result(error: ResultUnfit) -> Refused:
    errors = [FieldProblem(pointer=f"#/result/{name}", detail=why) for name, why in error.fields.items()]
    return Refused("result_unfit", error.message, errors=errors)


def _model(error: ModelError) -> Refused:
    code = error.code if error.code in KINDS else "model_error"
    return Refused(code, error.message, hint=error.hint)


def _request(error: RequestValidationError) -> Refused:
    found = list(error.errors())
    if any(one["type"] == "json_invalid" for one in found):
        one = found[0]
        return Refused("malformed_json", f"At character {one['loc'][-1]}: {one['ctx']['error']}.")
    errors = [_field(one["loc"], str(one["msg"])) for one in found]
    said = "; ".join(f"{one.pointer or one.parameter}: {one.detail}" for one in errors)
    return Refused("request_invalid", f"{said}.", errors=errors)


def _field(place: tuple[Any, ...], said: str) -> FieldProblem:
    where, *path = place
    if where == "body":
        parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
        return FieldProblem(pointer="/".join(["#", *parts]), detail=said)
    return FieldProblem(parameter=".".join(map(str, path)), detail=said)


_BY_STATUS = {400: "malformed_json", 404: "no_such_path", 405: "method_not_allowed"}


def _http(error: HTTPException) -> Refused:
    kind = KINDS[_BY_STATUS.get(error.status_code, "defect")]
    return Refused(kind.code, kind.meaning, headers=error.headers)


#: Classes of exceptions and how they are told. A class not named here is told as its nearest base.
TOLD: dict[type[Exception], Callable[[Any], Refused]] = {
    Refused: lambda error: error,
    InputsInvalid: _inputs,
    UnknownWorkflow: _plain("unknown_workflow"),
    WorkflowInvalid: _workflow,
    BindingMissing: _plain("binding_missing"),
    UnknownKind: _plain("unknown_kind"),
    BrokenPlugin: _plain("broken_plugin"),
    UnknownRun: _unknown("unknown_run"),
    UnknownApproval: _unknown("unknown_approval"),
    UnknownArtifact: _unknown("unknown_artifact"),
    UnknownSchedule: _unknown("unknown_schedule"),
    AlreadyDecided: _decided,
    SamePerson: _plain("same_person"),
    FourEyesImpossible: _plain("four_eyes_impossible"),
    NotResumable: _plain("not_resumable"),
    ResultUnfit: _result,
    NotRetryable: _plain("not_retryable"),
    KeyReused: _plain("key_reused"),
    ScheduleInvalid: _plain("schedule_invalid"),
    KeptByFile: _plain("kept_by_file"),
    TooMany: _plain("too_many_fires"),
    ConnectorError: _connector,
    ModelError: _model,
    LedgerUnavailable: _ledger,
    LedgerTooNew: _plain("ledger_too_new"),
    LedgerTooOld: _plain("ledger_too_old"),
    LedgerUnfit: _plain("ledger_unfit"),
    DatabaseError: _database,
    PoolTimeout: _busy,
    RequestValidationError: _request,
    HTTPException: _http,
}


def explain(error: Exception) -> Refused:
    """Put an error of `TOLD` into a problem."""
    told = next(TOLD[cls] for cls in type(error).__mro__ if cls in TOLD)
    return told(error)
