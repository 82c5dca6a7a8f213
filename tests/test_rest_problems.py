"""What goes wrong over REST: the right status, what, why, what next, and nothing that is nobody's business."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from kontora_api.explain import TOLD, explain
from kontora_api.problem_kinds import KINDS
from kontora_connectors import errors as connector_errors
from kontora_worker.house import House
from sqlalchemy import text

from tests.rest_office import API, RestOffice, furnished, rest_office, serving
from tests.services import free_port

START = f"{API}/workflows/reading/runs"
JSON = {"Content-Type": "application/json"}
SCHEDULE = {"workflow": "reading", "cron": "0 2 * * *", "timezone": "UTC"}


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is a whole problem, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["code"], problem["status"], problem["type"]) == (code, status, f"/errors/{code}")
    for part in ("title", "detail", "hint"):
        assert problem[part].strip(), part
    assert problem["instance"] == answer.request.url.path
    assert "Traceback" not in answer.text
    return problem


BAD: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nowhere", {}, 404, "no_such_path"),
    ("GET", f"{API}/runs/", {}, 404, "no_such_path"),
    ("PUT", f"{API}/runs", {}, 405, "method_not_allowed"),
    ("POST", START, {"content": "{", "headers": JSON}, 400, "malformed_json"),
    ("POST", START, {"content": b"\xff{}", "headers": JSON}, 400, "malformed_json"),
    ("POST", START, {"content": "[" * 100_000, "headers": JSON}, 400, "malformed_json"),
    ("POST", START, {"content": "a=b"}, 415, "wrong_media_type"),
    ("POST", START, {"data": {"inputs": "{}"}}, 415, "wrong_media_type"),
    ("POST", START, {"content": "{}", "headers": {"Content-Type": "text/plain"}}, 415, "wrong_media_type"),
    ("POST", START, {"json": []}, 422, "request_invalid"),
    ("POST", START, {"json": {"input": {}}}, 422, "request_invalid"),
    ("POST", START, {"json": {"bindings": {"erp": "erp"}}}, 422, "request_invalid"),
    ("POST", START, {"json": {"inputs": {"part": "a\0b"}}}, 422, "request_invalid"),
    ("POST", START, {"content": '{"inputs": {"part": "\\ud800"}}', "headers": JSON}, 422, "request_invalid"),
    ("POST", START, {"headers": {"Idempotency-Key": "k" * 201}}, 422, "request_invalid"),
    ("POST", START, {"json": {"inputs": {"part": 7, "sorted": True}}}, 422, "inputs_invalid"),
    ("POST", START, {"json": {"bindings": {"crm": "srm"}}}, 409, "binding_missing"),
    ("POST", START, {"json": {"bindings": {"crm": "erp"}}}, 409, "binding_missing"),
    ("POST", f"{API}/workflows/readign/runs", {}, 404, "unknown_workflow"),
    ("POST", f"{API}/workflows/broken/runs", {}, 409, "workflow_invalid"),
    ("GET", f"{API}/workflows/broken", {}, 409, "workflow_invalid"),
    ("GET", f"{API}/runs?state=asleep", {}, 422, "request_invalid"),
    ("GET", f"{API}/runs?limit=0", {}, 422, "request_invalid"),
    ("GET", f"{API}/runs?limit=201", {}, 422, "request_invalid"),
    ("GET", f"{API}/runs?cursor=page-2", {}, 400, "bad_cursor"),
    ("GET", f"{API}/runs?cursor={'9' * 40}~x", {}, 400, "bad_cursor"),
    ("GET", f"{API}/approvals?cursor=~", {}, 400, "bad_cursor"),
    ("GET", f"{API}/runs?workflow=a%00b", {}, 422, "request_invalid"),
    ("GET", f"{API}/runs/run_1", {}, 404, "unknown_run"),
    ("GET", f"{API}/runs/a%00b", {}, 422, "request_invalid"),
    ("GET", f"{API}/runs/run_1/entries", {}, 404, "unknown_run"),
    ("GET", f"{API}/runs/run_1/calls", {}, 404, "unknown_run"),
    ("GET", f"{API}/runs/run_1/calls/{2**70}", {}, 422, "request_invalid"),
    ("GET", f"{API}/runs/run_1/children", {}, 404, "unknown_run"),
    ("GET", f"{API}/runs/run_1/artifacts", {}, 404, "unknown_run"),
    ("POST", f"{API}/runs/run_1/cancel", {}, 404, "unknown_run"),
    ("POST", f"{API}/runs/run_1/resume", {}, 404, "unknown_run"),
    ("POST", f"{API}/runs/run_1/retry", {"json": {"step": "a"}}, 404, "unknown_run"),
    ("POST", f"{API}/runs/run_1/replay", {}, 404, "unknown_run"),
    ("POST", f"{API}/runs/run_1/settle", {"json": {"call": "a", "done": True}}, 404, "unknown_run"),
    ("GET", f"{API}/artifacts/art_1/content", {}, 404, "unknown_artifact"),
    ("GET", f"{API}/approvals?run=run_1", {}, 404, "unknown_run"),
    ("GET", f"{API}/approvals/apr_1", {}, 404, "unknown_approval"),
    ("POST", f"{API}/approvals/apr_1/decision", {"json": {"decision": "maybe"}}, 422, "request_invalid"),
    ("POST", f"{API}/approvals/apr_1/decision", {"json": {"decision": "approve"}}, 404, "unknown_approval"),
    ("POST", f"{API}/workflows/validate", {"json": {}}, 415, "wrong_media_type"),
    ("GET", f"{API}/connectors/srm", {}, 404, "unknown_connector"),
    ("GET", f"{API}/connectors/odd", {}, 409, "unknown_kind"),
    ("GET", f"{API}/connectors/odd/health", {}, 409, "unknown_kind"),
    ("GET", f"{API}/schedules/sch_1", {}, 404, "unknown_schedule"),
    ("DELETE", f"{API}/schedules/sch_1", {}, 404, "unknown_schedule"),
    ("POST", f"{API}/schedules", {}, 422, "request_invalid"),
    ("POST", f"{API}/schedules", {"json": SCHEDULE | {"cron": "at two"}}, 422, "schedule_invalid"),
    ("POST", f"{API}/schedules", {"json": SCHEDULE | {"timezone": "Europe/Moskow"}}, 422, "schedule_invalid"),
    ("POST", f"{API}/schedules", {"json": SCHEDULE | {"inputs": {"count": "two"}}}, 422, "inputs_invalid"),
    ("POST", f"{API}/schedules", {"json": SCHEDULE | {"workflow": "nothing"}}, 404, "unknown_workflow"),
    ("GET", f"{API}/ledger/verify?run=run_1", {}, 404, "unknown_run"),
    ("GET", "/errors/nonsense", {}, 404, "no_such_path"),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One API for all bad requests: none of them leaves anything behind."""
    home = tmp_path_factory.mktemp("office")
    connectors = {
        "odd": {"kind": "demo-oddity"},
        "crm": {"kind": "demo-crm", "url": "x"},
        "erp": {"kind": "demo-erp", "url": "x"},
    }
    with rest_office(home, connectors=connectors) as office:
        (home / "workflows" / "broken.yaml").write_text("name: broken\nsteps:\n  - id: 1\n", encoding="utf-8")
        yield office
        assert office.get("/runs")["items"] == office.get("/schedules")["items"] == []


@pytest.mark.parametrize(("method", "path", "request_", "status", "code"), BAD)
def test_a_bad_request_is_answered_with_what_why_and_what_next(
    here: RestOffice, method: str, path: str, request_: dict[str, Any], status: int, code: str
) -> None:
    problem_of(here.client.request(method, path, **request_), status, code)


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        (
            START,
            {"inputs": {"part": 7, "cuont": 1}},
            {"#/inputs/part": "a text is needed", "#/inputs/cuont": "'count'"},
        ),
        (START, {"inputs": 3, "x/y": 1}, {"#/inputs": "dictionary", "#/x~1y": "not permitted"}),
        (START, {"bindings": {"cmr": "crm"}}, {"#/bindings/cmr": "Did you mean 'crm'?"}),
        (f"{API}/schedules", {}, {"#/workflow": "required", "#/cron": "required", "#/timezone": "required"}),
        (f"{API}/approvals/apr_1/decision", {"decision": "no"}, {"#/decision": "'approve' or 'reject'"}),
    ],
)
def test_every_wrong_field_is_pointed_at(
    here: RestOffice, path: str, body: dict[str, Any], errors: dict[str, str]
) -> None:
    found = {one["pointer"]: one["detail"] for one in here.client.post(path, json=body).json()["errors"]}
    assert found.keys() == errors.keys()
    for pointer, words in errors.items():
        assert words in found[pointer]


def test_a_wrong_parameter_is_named(here: RestOffice) -> None:
    problem = here.client.get(f"{API}/runs", params={"limit": "many"}).json()
    assert [one["parameter"] for one in problem["errors"]] == ["limit"]
    answer = here.client.put(f"{API}/runs")
    assert answer.headers["allow"] == "GET"


def test_the_nearest_name_is_offered(here: RestOffice) -> None:
    assert "Did you mean 'reading'?" in here.client.post(f"{API}/workflows/readign/runs").json()["hint"]
    assert "Did you mean 'crm'?" in here.client.get(f"{API}/connectors/srm").json()["detail"]
    assert (
        "Europe/Moscow"
        in here.client.post(f"{API}/schedules", json=SCHEDULE | {"timezone": "Europe/Moskow"}).json()["hint"]
    )


def test_a_broken_workflow_is_told_with_lines(here: RestOffice) -> None:
    problem = here.client.get(f"{API}/workflows/broken").json()
    assert {one["line"] for one in problem["errors"]} >= {1, 3}


def test_nothing_tells_somebody_at_rest_what_to_type_at_a_terminal(here: RestOffice) -> None:
    for path in ("/runs/run_1", "/approvals/apr_1", "/schedules/sch_1"):
        assert "`kontora " not in here.client.get(API + path).text


def test_what_nobody_foresaw_is_told_to_the_log_and_to_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("the password is s3cret")

    house = furnished(tmp_path)
    with serving(house) as (server, url), httpx.Client(base_url=url, trust_env=False) as client:
        server.app.get("/fail")(fail)
        with caplog.at_level(logging.ERROR):
            problem = problem_of(client.get("/fail"), 500, "defect")
    assert "s3cret" not in json.dumps(problem)
    (record,) = [one for one in caplog.records if one.exc_info]
    assert record.getMessage().split()[1].rstrip(":") in problem["detail"]
    assert "s3cret" in str(record.exc_info)


def test_while_the_ledger_is_down_the_api_is_up_and_says_so(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://kontora:s3cret@127.0.0.1:{free_port()}/kontora"
    with rest_office(tmp_path, url) as office:
        assert office.client.get("/healthz").json()["status"] == "ok"
        assert office.get("/workflows")["items"]
        for method, path in (("GET", "/readyz"), ("GET", f"{API}/runs"), ("POST", START), ("GET", f"{API}/approvals")):
            answer = office.client.request(method, path)
            problem = problem_of(answer, 503, "ledger_unavailable")
            assert problem["retryable"]
            assert answer.headers["retry-after"] == "5"
            assert "s3cret" not in answer.text


def test_a_ledger_that_lost_a_table_is_not_a_defect_of_the_request(postgres_url: str, tmp_path: Path) -> None:
    with rest_office(tmp_path, postgres_url) as office:
        run_id = office.start("reading")
        with office.house.ledger.database.write() as connection:
            connection.execute(text("DROP TABLE approvals"))
        problem_of(office.client.get(f"{API}/approvals"), 503, "database_error")
        assert office.client.get(f"{API}/runs/{run_id}/entries").status_code == 200


def test_a_ledger_of_a_newer_kontora_is_left_alone(tmp_path: Path) -> None:
    house = furnished(tmp_path)
    with house.ledger.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    house.close()
    with serving(House(house.settings)) as (_, url), httpx.Client(base_url=url, trust_env=False) as client:
        problem_of(client.get("/readyz"), 503, "ledger_too_new")


def test_an_api_whose_ledger_a_newer_kontora_upgrades_is_not_ready_any_more(tmp_path: Path) -> None:
    with rest_office(tmp_path) as office:
        assert office.client.get("/readyz").status_code == 200
        with office.house.ledger.database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        problem_of(office.client.get("/readyz"), 503, "ledger_too_new")


def test_every_error_of_a_system_or_a_model_has_its_kind() -> None:
    families = [connector_errors.ConnectorError]
    for cls in families:
        families += cls.__subclasses__() if cls.__module__ == connector_errors.__name__ else []
    for cls in families:
        if cls.__module__ == connector_errors.__name__:
            assert explain(cls("why")).kind.code == cls.code
            assert KINDS[cls.code].retryable is cls.retryable or cls.code == "conflict"
    assert all(issubclass(cls, Exception) for cls in TOLD)
