"""What Kontora works with, over REST: workflows, connectors, models, and the ledger itself."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from jsonschema import Draft202012Validator
from kontora_agents.rehearsal.script import Script
from kontora_agents.rehearsal.server import Rehearsal
from kontora_worker.settings import ModelSettings
from kontora_workflows.schema import workflow_schema
from sqlalchemy import text

from tests.rest_office import API, READING, rest_office
from tests.services import free_port


def test_workflows_are_shown_with_what_they_need_and_files_that_are_broken(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        (tmp_path / "workflows" / "broken.yaml").write_text("name: Broken!\n", encoding="utf-8")
        listed = here.get("/workflows")
        assert {one["name"]: one["origin"] for one in listed["items"]} == {
            **dict.fromkeys(("customer-question", "dunning-letters", "receivables-ageing"), "shipped"),
            **dict.fromkeys(("reading", "writing", "each", "reporting"), "own"),
        }
        assert all(one["valid"] for one in listed["items"])
        (broken,) = listed["broken"]
        assert broken["path"].endswith("broken.yaml")
        assert broken["problems"][0]["line"] == 1

        whole = here.get("/workflows/reading")
        assert whole["bindings"] == {"crm": "crm"}
        assert whole["definition"]["steps"][0]["call"] == "crm.find_accounts"
        assert whole["inputs_schema"] == here.get("/workflows/reading/inputs-schema")
        Draft202012Validator.check_schema(whole["inputs_schema"])
        started = here.get("/runs/" + here.start("reading"))
        assert started["version"] == whole["version"]
        assert here.get("/workflow-schema") == workflow_schema()


def test_a_workflow_that_cannot_be_bound_says_why(tmp_path: Path) -> None:
    with rest_office(tmp_path, connectors={}) as here:
        whole = here.get("/workflows/reading")
        assert whole["bindings"] is None
        assert "needs a connector with the interface 'customers'" in whole["binding_problem"]


def test_a_workflow_is_checked_without_being_stored(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:

        def check(content: bytes) -> tuple[bool, list[tuple[int | None, str, str]]]:
            path, headers = f"{API}/workflows/validate", {"Content-Type": "application/yaml; charset=utf-8"}
            answer = here.client.post(path, content=content, headers=headers)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            return found["valid"], [(one["line"], one["message"], one["hint"]) for one in found["problems"]]

        good = READING.replace("name: reading", "name: checked")
        assert check(good.encode()) == (True, [])
        valid, ((line, message, hint),) = check(good.replace("find_accounts", "find_acounts").encode())
        assert not valid
        assert line == 1 + good.splitlines().index("    call: crm.find_accounts")
        assert "find_acounts" in message
        assert "find_accounts" in hint
        for rubbish in (b"", b"[", b"steps: \xff", b"a: &a [*a]", b"- " * 5000, b"\0"):
            valid, problems = check(rubbish)
            assert not valid
            assert problems
        assert "checked" not in [one["name"] for one in here.get("/workflows")["items"]]


def test_connectors_are_shown_with_their_tools_and_never_with_their_secrets(tmp_path: Path) -> None:
    connectors = {
        "crm": {"kind": "demo-crm", "url": "sqlite:////nowhere/s3cret.db"},
        "odd": {"kind": "oddity", "password": "s3cret"},
    }
    with rest_office(tmp_path, connectors=connectors) as here:
        listed = here.client.get(f"{API}/connectors")
        crm, odd = listed.json()["items"]
        assert (crm["kind"], crm["interfaces"], crm["problem"]) == ("demo-crm", ["customers"], None)
        assert crm["tools"]["create_activity"] == "write"
        assert "No connector of kind 'oddity' is installed" in odd["problem"]
        assert {"demo-crm", "demo-erp", "tryton"} <= {kind["name"] for kind in listed.json()["kinds"]}

        whole = here.client.get(f"{API}/connectors/crm")
        tools = {tool["name"]: tool for tool in whole.json()["tools"]}
        assert (tools["create_activity"]["effect"], tools["create_activity"]["idempotency"]) == (
            "write",
            "unique_reference",
        )
        assert (tools["find_accounts"]["effect"], tools["find_accounts"]["idempotency"]) == ("read", None)
        assert "untrusted" in str(tools["list_activities"]["labels"])
        for tool in tools.values():
            Draft202012Validator.check_schema(tool["parameters"])
            Draft202012Validator.check_schema(tool["result"])
        health = here.client.get(f"{API}/connectors/crm/health")
        assert health.json()["ok"] is False
        for answer in (listed, whole, health):
            assert "s3cret" not in answer.text


def test_a_system_that_answers_is_well_and_one_that_is_not_set_up_says_so(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        health = here.get("/connectors/crm/health")
        assert (health["ok"], health["name"]) == (True, "crm")
    with rest_office(tmp_path / "other", connectors={"crm": {"kind": "demo-crm", "ulr": "sqlite:///x.db"}}) as here:
        health = here.get("/connectors/crm/health")
        assert not health["ok"]
        assert "ulr" in health["detail"]


def test_models_are_shown_with_what_their_servers_have(tmp_path: Path) -> None:
    script = Script.model_validate({"workflow": "reading", "agents": {"clerk": [{"say": "Done."}]}})
    with Rehearsal({script.key: script}).serve() as server:
        models = {
            "default": ModelSettings(url=server.url),
            "missing": ModelSettings(url=server.url, name="qwen3:8b"),
            "down": ModelSettings(url=f"http://anna:s3cret@127.0.0.1:{free_port()}"),
            "scripted": ModelSettings(server="rehearsal"),
        }
        with rest_office(tmp_path, models=models) as here:
            answer = here.client.get(f"{API}/models")
            found = {one["name"]: one for one in answer.json()["items"]}
    assert found["default"]["ok"]
    assert [one["name"] for one in found["default"]["installed"]] == ["rehearsal/reading/clerk"]
    assert "tools" in found["default"]["installed"][0]["capabilities"]
    assert (found["missing"]["ok"], found["missing"]["detail"]) == (
        False,
        "qwen3:8b is not installed: ollama pull qwen3:8b",
    )
    assert not found["down"]["ok"]
    assert "s3cret" not in answer.text
    assert (found["scripted"]["rehearsal"], found["scripted"]["detail"]) == (True, "scripted, not a language model")


def test_a_model_whose_licence_forbids_the_use_is_refused_over_rest_as_well(tmp_path: Path) -> None:
    greeting = (
        "apiVersion: kontora/v1\nname: hello\ntitle: Hello\nagents:\n  greeter: {instructions: Greet.}\n"
        "steps:\n  - {id: greet, agent: greeter}\n"
    )
    models = {"default": ModelSettings(name="command-r-plus", url=f"http://127.0.0.1:{free_port()}")}
    with rest_office(tmp_path, models=models) as here:
        (tmp_path / "workflows" / "hello.yaml").write_text(greeting, encoding="utf-8")
        headers = {"Content-Type": "text/yaml"}
        checked = here.client.post(f"{API}/workflows/validate", content=greeting.encode(), headers=headers).json()
        assert "may not be used here: its licence" in checked["problems"][0]["message"]
        assert checked["problems"][0]["line"] == 5
        assert here.get("/workflows/hello")["valid"] is False
        refused = here.client.post(f"{API}/workflows/hello/runs", json={"inputs": {}})
        assert refused.status_code == 409
        assert refused.json()["code"] == "model_not_allowed"
        assert "[licences]" in refused.json()["hint"]


def test_a_model_server_that_never_answers_holds_nobody_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with rest_office(tmp_path, models={name: ModelSettings(url=url) for name in "abcd"}) as here:
            began = time.monotonic()
            found = here.get("/models")["items"]
            assert time.monotonic() - began < 8
    assert [one["detail"] for one in found] == [f"The model server at {url} did not answer in time."] * 4


def test_a_chain_that_was_tampered_with_is_found_over_rest(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("reading")
        other = here.start("reading")
        assert here.get("/ledger/verify") == {"ok": True, "runs": 2, "breaks": []}
        with here.house.ledger.database.write() as connection:
            connection.execute(text("DROP TRIGGER entries_refuse_update"))
            connection.execute(text("UPDATE entries SET body = '{}' WHERE run_id = :run"), {"run": run_id})
        assert here.get("/ledger/verify") == {
            "ok": False,
            "runs": 2,
            "breaks": [{"run": run_id, "seq": 1, "why": "its content was changed"}],
        }
        assert here.get("/ledger/verify", run=other)["ok"]


def test_readiness_tells_of_workers(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        ready = here.client.get("/readyz").json()
        assert (ready["workers"], ready["broker"], ready["ledger"]) == (0, "answers", "sqlite")
        assert "No worker is running" in ready["detail"]
        here.house.ledger.workers.seen("machine:1", "0.1.0")
        ready = here.client.get("/readyz").json()
        assert (ready["workers"], ready["detail"]) == (1, "")
