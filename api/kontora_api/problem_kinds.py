"""Every kind of problem that REST answers with: its code, its status, what it means and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProblemKind:
    """One kind. `retryable`: the same request may succeed later, unchanged."""

    code: str
    status: int
    title: str
    meaning: str
    next: str
    retryable: bool = False


def _kinds(*kinds: ProblemKind) -> dict[str, ProblemKind]:
    return {kind.code: kind for kind in kinds}


#: What is wrong with a request, whatever it asks for.
_REQUEST = _kinds(
    ProblemKind(
        "malformed_json",
        400,
        "The body is not JSON.",
        "The body of the request cannot be read as JSON in UTF-8.",
        "Send JSON; the detail says where it breaks.",
    ),
    ProblemKind(
        "bad_cursor",
        400,
        "The cursor is not one of ours.",
        "A cursor, or the id of an event, was not written by this API for this list or stream.",
        "Take `next_cursor` of the last page, or `id` of the last event, as it is; or begin without one.",
    ),
    ProblemKind(
        "unauthorized",
        401,
        "A token is needed.",
        "This API was started with a token, and the request does not carry it.",
        "Send `Authorization: Bearer TOKEN`: the one in KONTORA_API_TOKEN on the server, or your own of `[tokens]`.",
    ),
    ProblemKind(
        "foreign_origin",
        403,
        "A page of another site sent this.",
        "A browser says that a page of another site made this request. Without a token only local programs may.",
        "Call the API from a program, or set KONTORA_API_TOKEN and send it.",
    ),
    ProblemKind(
        "no_such_path",
        404,
        "There is nothing at this path.",
        "No endpoint of this API has this path.",
        "The endpoints stand in the API reference at `/reference`.",
    ),
    ProblemKind(
        "method_not_allowed",
        405,
        "The path does not take this method.",
        "There is an endpoint at this path, but for another method.",
        "The header `Allow` names the methods; `/reference` says what they do.",
    ),
    ProblemKind(
        "body_too_large",
        413,
        "The body is too large.",
        "The body of a request may have 1 MiB at most.",
        "Send less. Large data belongs into the systems that connectors read.",
    ),
    ProblemKind(
        "wrong_media_type",
        415,
        "The body is of the wrong kind.",
        "The header `Content-Type` is missing, or names something that this endpoint does not read.",
        "Send `Content-Type: application/json`; for the check of a workflow, `text/yaml`.",
    ),
    ProblemKind(
        "foreign_host",
        421,
        "The request was meant for another host.",
        "Without a token this API answers under loopback names only, such as 127.0.0.1 and localhost, so that no web "
        "page can reach it under a name of its own.",
        "Use http://127.0.0.1 and the port; or set KONTORA_API_TOKEN and send it.",
    ),
    ProblemKind(
        "request_invalid",
        422,
        "The request is not valid.",
        "A field of the body, or a parameter, is missing, unknown, or of the wrong form.",
        "`errors` names every field; `/reference` shows the form.",
    ),
)

#: Runs and what belongs to them.
_RUNS = _kinds(
    ProblemKind(
        "unknown_run", 404, "The run was not found.", "No run has this id.", "`GET /api/v1/runs` lists the runs."
    ),
    ProblemKind(
        "unknown_call",
        404,
        "The tool call was not found.",
        "No tool call of this run has this entry.",
        "`GET /api/v1/runs/{run_id}/calls` lists the calls with their `run` and `seq`.",
    ),
    ProblemKind(
        "unknown_artifact",
        404,
        "The file was not found.",
        "No artifact has this id, or its content was erased.",
        "`GET /api/v1/runs/{run_id}/artifacts` lists the files of a run.",
    ),
    ProblemKind(
        "not_resumable",
        409,
        "The run cannot be resumed.",
        "Only a failed, timed-out or reviewed run goes on when a person says so, and only a write of unknown outcome "
        "can be settled.",
        "`GET /api/v1/runs/{run_id}` says how the run is.",
    ),
    ProblemKind(
        "result_unfit",
        422,
        "The result does not fit the call.",
        "Later steps refer to fields of what a write gave, so what it is said to have given has to be of the type that "
        "its tool answers with.",
        "Send `result` with the fields that the detail names, as the other system shows them.",
    ),
    ProblemKind(
        "not_retryable",
        409,
        "The run cannot be retried from there.",
        "A retry begins at a step of the workflow before which every step was done, and whose results were not erased.",
        "`GET /api/v1/runs/{run_id}` lists the steps and how far each is.",
    ),
    ProblemKind(
        "run_ended",
        409,
        "The run has ended already.",
        "There is nothing left to cancel.",
        "`GET /api/v1/runs/{run_id}` says how it ended.",
    ),
    ProblemKind(
        "inputs_invalid",
        422,
        "The inputs do not fit the workflow.",
        "An input is missing, unknown, or not of its type.",
        "`GET /api/v1/workflows/{name}/inputs-schema` describes the inputs.",
    ),
    ProblemKind(
        "key_reused",
        422,
        "The run was not started.",
        "This Idempotency-Key was sent before, with another request.",
        "Take a new key for a new run, or repeat the first request as it was.",
    ),
)

#: Decisions of people.
_APPROVALS = _kinds(
    ProblemKind(
        "unknown_approval",
        404,
        "The approval was not found.",
        "No approval has this id.",
        "`GET /api/v1/approvals` lists those that wait.",
    ),
    ProblemKind(
        "person_needed",
        403,
        "A person has to decide this.",
        "Two people have to agree, and the request shows no token that belongs to one person: KONTORA_API_TOKEN may be "
        "in several hands.",
        "Send the token that `[tokens]` in kontora.toml gives to you by name.",
    ),
    ProblemKind(
        "same_person",
        409,
        "A second person has to agree.",
        "Two people have to agree to this call, and this one has.",
        "Ask somebody else to decide.",
    ),
    ProblemKind(
        "already_decided",
        409,
        "The approval is decided already.",
        "A person, or the clock, decided it. A decision is made once.",
        "`approval` shows how it was decided.",
    ),
    ProblemKind(
        "stale",
        412,
        "The approval is not what was read.",
        "It changed after the ETag that If-Match names was read: somebody decided it, agreed to it, or edited it.",
        "Read `approval`, or fetch it again, and decide on what is there now.",
    ),
    ProblemKind(
        "if_match_missing",
        428,
        "If-Match is missing.",
        "A decision is about exactly what was read. If-Match says what that was; `*` does not.",
        "Fetch the approval and send its ETag as If-Match.",
    ),
)

#: Workflows, schedules, and what they are bound to.
_WORKFLOWS = _kinds(
    ProblemKind(
        "unknown_workflow",
        404,
        "The workflow was not found.",
        "No workflow has this name.",
        "`GET /api/v1/workflows` lists the workflows.",
    ),
    ProblemKind(
        "unknown_connector",
        404,
        "The connector was not found.",
        "No connector of this name is configured.",
        "`GET /api/v1/connectors` lists the connectors.",
    ),
    ProblemKind(
        "unknown_schedule",
        404,
        "The schedule was not found.",
        "No schedule has this id.",
        "`GET /api/v1/schedules` lists the schedules.",
    ),
    ProblemKind(
        "workflow_invalid",
        409,
        "The workflow cannot be used.",
        "The file of the workflow is wrong; `errors` says in which lines.",
        "Mend the file; `POST /api/v1/workflows/validate` checks it before.",
    ),
    ProblemKind(
        "binding_missing",
        409,
        "A connector is missing.",
        "A role of the workflow has no connector, or one that does not fit or is not set up.",
        "Name one under `bindings` of the request, or mend kontora.toml.",
    ),
    ProblemKind(
        "four_eyes_impossible",
        409,
        "The workflow cannot run here.",
        "It asks two people to agree, and this installation cannot tell people apart.",
        'Give two people a token each in kontora.toml: `[tokens]` `anna = "env:ANNA_TOKEN"`.',
    ),
    ProblemKind(
        "unknown_kind",
        409,
        "A connector cannot be loaded.",
        "No installed package provides this kind of connector.",
        "Install its package on the server, or mend kontora.toml.",
    ),
    ProblemKind(
        "broken_plugin",
        409,
        "A connector cannot be loaded.",
        "Its package is installed and does not work with this Kontora.",
        "Install a version of it that works here.",
    ),
    ProblemKind(
        "kept_by_file",
        409,
        "The schedule cannot be removed here.",
        "It stands in a workflow file, or may, and would come back.",
        "Take it out of the file.",
    ),
    ProblemKind(
        "too_many_fires",
        422,
        "More fires would be made up for than anybody means.",
        "One backfill makes up for a thousand fires at most.",
        "Make up for them in parts.",
    ),
    ProblemKind(
        "schedule_invalid",
        422,
        "The schedule cannot be used.",
        "The cron expression or the time zone is not one.",
        "Five fields as in `0 2 * * 1-5`, and an IANA zone as in `Europe/Moscow`.",
    ),
)

#: Systems and models; a failed run has the same codes in its `error`.
_SYSTEMS = _kinds(
    ProblemKind(
        "auth_failed",
        502,
        "A system refused our credentials.",
        "A business system does not take the credentials in kontora.toml.",
        "Renew them; `GET /api/v1/connectors/{name}/health` tries them.",
    ),
    ProblemKind(
        "forbidden",
        502,
        "A system does not allow this.",
        "A business system knows us, and refused the call.",
        "Give the account that Kontora uses there the right to do it.",
    ),
    ProblemKind("not_found", 404, "A record was not found.", "A business system has no such record.", "Check its id."),
    ProblemKind(
        "invalid",
        422,
        "A system was asked wrongly.",
        "The arguments of a call to a business system are not valid.",
        "`GET /api/v1/connectors/{name}` shows the tools with their arguments.",
    ),
    ProblemKind(
        "conflict",
        409,
        "A record changed meanwhile.",
        "It changed since it was read, or exists already.",
        "Read it again.",
        retryable=True,
    ),
    ProblemKind(
        "rate_limited",
        503,
        "A system asked us to wait.",
        "A business system takes no more calls for now.",
        "Try again after Retry-After.",
        retryable=True,
    ),
    ProblemKind(
        "unavailable",
        503,
        "A system does not answer.",
        "A business system cannot be reached.",
        "`GET /api/v1/connectors/{name}/health` says when it can.",
        retryable=True,
    ),
    ProblemKind(
        "outcome_unknown",
        502,
        "Nobody knows whether a write was done.",
        "A write was sent to a business system, and no answer came. It is never repeated blindly.",
        "Look in that system, then say what you found: `POST /api/v1/runs/{run_id}/settle`.",
    ),
    ProblemKind(
        "connector_error",
        502,
        "A call to a system failed.",
        "Something went wrong at the door of a business system.",
        "`GET /api/v1/connectors/{name}/health` says more.",
    ),
    ProblemKind(
        "model_missing",
        409,
        "The model is not there.",
        "Its server does not have it, or none is configured.",
        "Install it, and name it in kontora.toml; `GET /api/v1/models` shows what there is.",
    ),
    ProblemKind(
        "model_unsuitable",
        409,
        "The model cannot do this.",
        "It cannot call tools, or its context is too small.",
        "Name another one in kontora.toml; `GET /api/v1/models` shows what each can do.",
    ),
    ProblemKind(
        "model_not_allowed",
        409,
        "The model may not be used here.",
        "Its licence does not allow the use, or `[licences]` of kontora.toml refuses it.",
        "Name another one in kontora.toml, or change `[licences]`; `kontora models licence` shows the conditions.",
    ),
    ProblemKind(
        "model_unavailable",
        503,
        "The model server does not answer.",
        "It is down, busy, or broke off.",
        "Start it; `GET /api/v1/models` says whether it answers.",
        retryable=True,
    ),
    ProblemKind(
        "model_timeout",
        504,
        "The model took too long.",
        "It did not answer in time.",
        "Try again, or take a smaller model.",
        retryable=True,
    ),
    ProblemKind(
        "model_misspoke",
        502,
        "The model server said something else.",
        "What it sent is not an answer.",
        "Check that the URL in kontora.toml is that of an Ollama server.",
        retryable=True,
    ),
    ProblemKind(
        "rehearsal_mismatch",
        502,
        "The rehearsal does not fit.",
        "The script has no line for what the agent was asked.",
        "Mend the script beside the workflow.",
    ),
    ProblemKind(
        "model_error", 502, "The model failed.", "The answer could not be had.", "`GET /api/v1/models` says more."
    ),
)

#: Kontora itself.
_SELF = _kinds(
    ProblemKind(
        "defect",
        500,
        "Something in Kontora broke.",
        "This is a defect of Kontora. The request may have been carried out or not.",
        "Look at what the request was about before repeating it. Report it with what the log says.",
    ),
    ProblemKind(
        "ledger_unavailable",
        503,
        "The ledger does not answer.",
        "The database of the ledger is down, full, or not set up. Nothing that was accepted is lost.",
        "Start it, or make room; then send the same again.",
        retryable=True,
    ),
    ProblemKind(
        "ledger_too_new",
        503,
        "The ledger is newer than this Kontora.",
        "A newer Kontora has written this ledger.",
        "Install the newer version.",
    ),
    ProblemKind(
        "ledger_too_old",
        503,
        "The ledger has to be upgraded.",
        "An older Kontora has written this ledger, and the API's database user may not change its tables.",
        "As their owner: `kontora ledger upgrade`.",
    ),
    ProblemKind(
        "ledger_unfit",
        503,
        "The ledger is not what it says.",
        "It lacks tables or columns of its own schema version: an unreleased build made it, or somebody changed it.",
        "Begin a new one, or restore a backup.",
    ),
    ProblemKind(
        "database_error",
        503,
        "The ledger's database refused.",
        "It answers, and does not do what it is asked: a broken file, or missing rights.",
        "`kontora doctor` on the server says more.",
    ),
)

#: Every kind by its code.
KINDS: dict[str, ProblemKind] = {**_REQUEST, **_RUNS, **_APPROVALS, **_WORKFLOWS, **_SYSTEMS, **_SELF}
