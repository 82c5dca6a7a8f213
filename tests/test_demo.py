"""`kontora demo`: from an empty folder to a report, over REST, with real processes; again, interrupted, and resumed."""

from __future__ import annotations

import json
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kontora_agents.rehearsal.script import Script
from kontora_agents.rehearsal.server import Rehearsal
from kontora_cli.demo_folder import MARK, demo_home, find_model

from tests.command_line import CommandLine, Said
from tests.services import free_port


@pytest.fixture(scope="module")
def kontora(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def first(kontora: CommandLine) -> Said:
    return kontora("demo", "--rehearsal", "--json")


def activities_written(home: Path) -> int:
    connection = sqlite3.connect(home / "demo" / "crm.db")
    (count,) = connection.execute("SELECT count(*) FROM activities WHERE idempotency_key IS NOT NULL").fetchone()
    connection.close()
    return int(count)


def test_the_demo_ends_with_a_report_and_waits_for_a_person(kontora: CommandLine, first: Said) -> None:
    assert first.exit_code == 0, first.stderr
    said = first.document
    assert (said["state"], said["waiting_for"]) == ("waiting", "children")
    assert said["model"]["note"] == "rehearsal: scripted, not a language model"
    assert said["counts"]["approvals_waiting"] == said["counts"]["items"] == 5
    assert {figure["label"] for figure in said["figures"]} == {"Open receivables", "Overdue", "Disputed", "Debtors"}
    html, xlsx = (Path(one["path"]) for one in said["artifacts"])
    assert "rehearsal" in html.read_text(encoding="utf-8")
    assert xlsx.read_bytes()[:2] == b"PK"
    assert "erp.receivables_ageing" in first.stderr
    assert activities_written(kontora.home) == 0


def test_what_the_demo_counts_is_what_the_ledger_holds(kontora: CommandLine, first: Said) -> None:
    said = first.document
    calls = kontora("calls", said["run"], "--json").document["items"]
    assert len(calls) == said["counts"]["tool_calls"]
    shown = kontora("runs", "show", said["run"], "--json").document
    assert shown["trigger"] == "rest"
    assert shown["figures"] == said["figures"]


def test_the_next_commands_work_as_printed_and_each_yes_writes_one_activity(kontora: CommandLine, first: Said) -> None:
    again = kontora("demo", "--rehearsal", "--language", "ru", "--company", "RU01")
    assert again.exit_code == 0, again.stderr
    assert "the one of" in again.stderr  # the company is not made twice
    assert "Открытая задолженность" in again.stdout
    written = activities_written(kontora.home)
    commands = [line.partition("  # ")[0].strip() for line in again.stdout.splitlines() if "  # " in line]
    assert len(commands) >= 5
    for command in commands:
        _, _, rest = command.partition("kontora ")
        if rest.startswith("serve"):
            continue  # does not end by itself; another test runs it
        assert kontora(*rest.split()).exit_code == 0, command
    assert activities_written(kontora.home) == written + 1


def test_a_demo_that_is_interrupted_leaves_no_process_and_its_run_goes_on_later(kontora: CommandLine) -> None:
    demo = kontora.start("demo", "--rehearsal")
    demo.read_until("POST /api/v1")
    said = demo.interrupt()
    assert said.exit_code == 130
    assert "error: Interrupted." in said.stderr
    (newest,) = kontora("runs", "list", "--limit", "1", "--json").document["items"]
    assert kontora("worker", "--until-idle").exit_code == 0
    assert kontora("runs", "show", newest["id"], "--json").document["state"] == "waiting"


def test_a_demo_that_is_interrupted_while_it_makes_the_company_leaves_no_half_of_it(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    demo = kontora.start("demo", "--rehearsal")
    demo.read_until("making an ERP")
    assert demo.interrupt().exit_code == 130
    left = [path.name for path in (kontora.home / "demo").glob("*")] if (kontora.home / "demo").exists() else []
    assert left == []


def test_serve_with_a_worker_carries_what_waits(kontora: CommandLine, first: Said) -> None:
    serving = kontora.start("serve", "--with-worker", "--port", "0")
    serving.read_until("Kontora listens at http://127.0.0.1:")
    (one, *_) = kontora("approvals", "list", "--json").document["items"]
    written = activities_written(kontora.home)
    assert kontora("approvals", "approve", one["id"]).exit_code == 0
    deadline = time.monotonic() + 20
    while activities_written(kontora.home) == written and time.monotonic() < deadline:
        time.sleep(0.1)
    assert activities_written(kontora.home) == written + 1
    assert serving.interrupt().exit_code in (0, 130)


def test_a_port_that_is_taken_is_said(kontora: CommandLine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = kontora("serve", "--port", str(taken.getsockname()[1]))
    assert said.exit_code == 5
    assert "The port is taken." in said.stderr


def test_other_than_loopback_wants_a_token(kontora: CommandLine) -> None:
    said = kontora("serve", "--host", "0.0.0.0", "--port", "0")
    assert said.exit_code == 4
    assert "KONTORA_API_TOKEN" in said.stderr


def test_somebodys_own_settings_are_never_overwritten(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    kontora.home.mkdir()
    (kontora.home / "kontora.toml").write_text("timezone = 'UTC'\n", encoding="utf-8")
    said = kontora("demo", "--rehearsal", "--home", str(kontora.home))
    assert said.exit_code == 4
    assert "not overwritten" in said.stderr
    assert (kontora.home / "kontora.toml").read_text(encoding="utf-8") == "timezone = 'UTC'\n"


def test_beside_somebodys_own_settings_the_demo_takes_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["kontora", "demo"])
    assert demo_home(None) == tmp_path / ".kontora"
    (tmp_path / "kontora.toml").write_text("", encoding="utf-8")
    assert demo_home(None) == tmp_path / ".kontora-demo"
    (tmp_path / "kontora.toml").unlink()
    (tmp_path / ".kontora").mkdir()
    (tmp_path / ".kontora" / "kontora.toml").write_text(MARK, encoding="utf-8")
    assert demo_home(None) == tmp_path / ".kontora"


@pytest.fixture
def server() -> Iterator[str]:
    """A server that speaks Ollama's protocol and has one model that calls tools."""
    script = Script.model_validate({"workflow": "w", "agents": {"a": [{"say": "Yes."}]}})
    with Rehearsal({script.key: script}).serve() as running:
        yield running.url


def test_a_model_that_calls_tools_is_taken_and_without_one_the_rehearsal_says_why(server: str) -> None:
    assert find_model(server).name == "rehearsal/w/a"
    assert json.loads(find_model(server).settings.splitlines()[1].partition(" = ")[2]) == server
    nobody = find_model(f"http://127.0.0.1:{free_port()}")
    assert (nobody.name, nobody.why) == ("", f"no Ollama answers at {nobody.url}")
