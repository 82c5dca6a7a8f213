"""The command line: results on stdout, progress on stderr, exit codes, three lines for everything that goes wrong."""

from __future__ import annotations

import errno
import importlib
import json
import sqlite3
from pathlib import Path

import pytest
from kontora_cli.failures import FAMILIES, explain
from kontora_cli.invocation import as_typed
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.approvals import Request
from kontora_workflows.ledger.chain import digest

from tests.command_line import CommandLine, Said
from tests.ledger_book import begun
from tests.services import free_port


@pytest.fixture
def kontora(tmp_path: Path) -> CommandLine:
    """A shell in an empty folder."""
    return CommandLine(tmp_path)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A shell in a folder with a small demo company, for commands that leave no trace that another would see."""
    shell = CommandLine(tmp_path_factory.mktemp("office"))
    shell.furnish()
    return shell


def what_why_next(said: Said, exit_code: int) -> tuple[str, str, str]:
    """The three lines of an error."""
    assert said.exit_code == exit_code, said.stderr
    error, why, next_ = said.stderr.strip().splitlines()[-3:]
    assert error.startswith("error: ")
    assert why.startswith("why:   ")
    assert next_.startswith("next:  ")
    return error[7:], why[7:], next_[7:]


# --- the first five minutes ---------------------------------------------------------------------------------------


def test_help_names_every_command_and_exit_code(kontora: CommandLine) -> None:
    said = kontora("--help")
    assert said.exit_code == 0
    for command in ("init", "demo", "run", "runs", "calls", "approvals", "workflows", "connectors", "models", "doctor"):
        assert f"\n  {command}" in said.stdout
    assert "130 interrupted" in " ".join(said.stdout.split())


def test_init_writes_settings_and_a_workflow_that_validates_and_overwrites_nothing(kontora: CommandLine) -> None:
    assert kontora("init").exit_code == 0
    assert kontora("workflows", "validate", "hello").exit_code == 0
    _, why, _ = what_why_next(kontora("init"), 4)
    assert "nothing is overwritten" in why


def test_doctor_says_what_is_missing_and_what_to_type(kontora: CommandLine) -> None:
    said = kontora("doctor", "--json")
    assert said.exit_code == 0
    checks = {one["what"]: one for one in said.document["checks"]}
    assert checks["ledger"]["health"] == "ok"
    assert (checks["workers"]["health"], checks["workers"]["next"]) == ("warning", "kontora worker")
    assert checks["settings"]["next"] == "kontora init"


def test_doctor_fails_when_a_model_server_does_not_answer(kontora: CommandLine) -> None:
    settings = f'[models.default]\nurl = "http://127.0.0.1:{free_port()}"\n'
    (kontora.folder / "kontora.toml").write_text(settings, encoding="utf-8")
    said = kontora("doctor")
    assert said.exit_code == 5
    assert "FAIL  model default" in said.stdout
    assert kontora("models", "list").exit_code == 5


def test_settings_are_shown_with_their_origin_and_without_secrets(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path, KONTORA_API_TOKEN="s3cret-token", KONTORA_PORT="9999")
    (tmp_path / "kontora.toml").write_text(
        'timezone = "Europe/Moscow"\n[connectors.erp]\nkind = "tryton"\nurl = "postgresql+psycopg://u:s3cret@h/d"\n'
        '[connectors.crm]\nkind = "demo-crm"\nurl = "env:CRM_URL"\n',
        encoding="utf-8",
    )
    said = kontora("config", "show", "--json")
    assert "s3cret" not in said.stdout + said.stderr
    assert said.document["port"] == {"value": 9999, "origin": "KONTORA_PORT"}
    assert said.document["timezone"]["origin"] == str(tmp_path / "kontora.toml")
    assert said.document["connectors"]["value"]["crm"]["url"] == "env:CRM_URL"


# --- runs, approvals, schedules -----------------------------------------------------------------------------------


def test_a_run_is_seen_through_to_the_approvals_and_on_after_a_yes(kontora: CommandLine) -> None:
    kontora.furnish()
    ran = kontora("run", "receivables-ageing", "-i", "language=ru", "--json")
    assert ran.exit_code == 3, ran.stderr
    run = ran.document
    assert (run["state"], run["waiting_for"]) == ("waiting", "children")
    assert run["rehearsal"] is True
    assert run["figures"][0]["label"] == "Открытая задолженность"
    assert "erp.receivables_ageing" in ran.stderr

    waiting = kontora("approvals", "list", "--run", run["id"], "--json").document["items"]
    assert len(waiting) == run["approvals_waiting"] > 0
    shown = kontora("approvals", "show", waiting[0]["id"])
    assert waiting[0]["arguments"]["account_id"] in shown.stdout

    yes = kontora("approvals", "approve", *[one["id"] for one in waiting[1:]], "-m", "fine")
    assert yes.exit_code == 0
    assert "worker --until-idle" in yes.stdout
    assert kontora("approvals", "reject", waiting[0]["id"]).exit_code == 0
    _, why, _ = what_why_next(kontora("approvals", "approve", waiting[0]["id"]), 4)
    assert "is rejected by local:" in why

    assert kontora("worker", "--until-idle").exit_code == 0
    after = kontora("runs", "show", run["id"], "--json").document
    assert after["state"] == "succeeded"
    with sqlite3.connect(kontora.home / "demo" / "crm.db") as crm:
        written = crm.execute("SELECT count(*) FROM activities WHERE idempotency_key IS NOT NULL").fetchone()[0]
    crm.close()
    assert written == len(waiting) - 1

    made = kontora("calls", run["id"], "--json").document["items"]
    assert sum(call["effect"] == "write" and call["outcome"] == "ok" for call in made) == written
    assert kontora("ledger", "verify").stdout.endswith("all hold.\n")
    files = sorted(path.name for path in (kontora.home / "reports" / run["id"]).iterdir())
    assert [name.rpartition(".")[2] for name in files] == ["html", "xlsx"]


def test_agents_that_lie_and_obey_strangers_end_in_no_write(kontora: CommandLine) -> None:
    kontora.furnish()
    settings = kontora.home / "kontora.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + 'script = "adversarial"\n', encoding="utf-8")
    ran = kontora("run", "receivables-ageing", "--json")
    assert ran.exit_code == 1
    assert ran.document["children"] == {"failed": 5}
    assert "figures that no source holds" in ran.document["error"]["message"]
    made = kontora("calls", ran.document["id"], "--json").document["items"]
    assert [call["outcome"] for call in made if call["effect"] != "read"] == ["denied"]
    (explain,) = [step for step in ran.document["steps"] if step["id"] == "explain"]
    assert len(explain["said"]["ungrounded"]) >= 3
    (html,) = (kontora.home / "reports" / ran.document["id"]).glob("*.html")
    assert 'class="flags"' in html.read_text(encoding="utf-8")


def test_a_detached_run_waits_and_can_be_cancelled(office: CommandLine) -> None:
    run = office("run", "receivables-ageing", "--detach", "--json").document
    assert run["state"] == "queued"
    assert run["id"] in office("runs", "list", "--state", "queued").stdout
    assert office("runs", "cancel", run["id"], "--json").document["state"] == "cancelled"
    assert "had ended" not in office("runs", "cancel", run["id"]).stdout


def test_the_same_key_starts_one_run_and_another_request_under_it_is_refused(office: CommandLine) -> None:
    first = office("run", "receivables-ageing", "--detach", "--key", "k", "--json").document["id"]
    assert office("run", "receivables-ageing", "--detach", "--key", "k", "--json").document["id"] == first
    what_why_next(office("run", "receivables-ageing", "--detach", "--key", "k", "-i", "language=ru"), 4)
    office("runs", "cancel", first)


def test_schedules_are_added_once_listed_foretold_and_removed(office: CommandLine) -> None:
    command = (
        "schedules",
        "add",
        "receivables-ageing",
        "--cron",
        "0 2 * * 1-5",
        "--timezone",
        "Europe/Moscow",
        "--json",
    )
    added = office(*command).document
    assert office(*command).document["id"] == added["id"]
    assert added["next_at"].endswith("T23:00:00.000Z")  # two o'clock in Moscow
    assert len(office("schedules", "next", added["id"], "--json").document["next"]) == 5
    assert added["id"] in office("schedules", "list").stdout
    assert office("schedules", "pause", added["id"], "--json").document["enabled"] is False
    assert "paused" in office("schedules", "list").stdout
    assert office("schedules", "resume", added["id"]).exit_code == 0
    run = office("schedules", "run-now", added["id"], "--json").document
    assert run["outcome"] == "run"
    assert run["run"] in office("schedules", "show", added["id"]).stdout
    office("runs", "cancel", run["run"])
    assert office("schedules", "remove", added["id"]).exit_code == 0
    assert office("schedules", "list", "--json").document["items"] == []


def test_a_call_by_hand_is_a_run_in_the_ledger(office: CommandLine) -> None:
    called = office("connectors", "call", "erp", "companies", "--json")
    assert [company["currency"] for company in called.document["result"]] == ["EUR", "RUB"]
    assert office("calls", called.document["run"], "--json").document["items"][0]["tool"] == "system.companies"


def test_a_write_by_hand_waits_for_a_yes(office: CommandLine) -> None:
    arguments = ("-i", "account_id=A00001", "-i", "kind=note", "-i", "subject=Привет")
    assert office("connectors", "call", "crm", "create_activity", *arguments).exit_code == 3


def test_two_people_do_not_agree_where_anybody_may_call_themselves_as_they_like(kontora: CommandLine) -> None:
    ledger = Ledger(f"sqlite:///{kontora.home / 'ledger.db'}")
    head = begun(ledger)
    asked = Request("note", "Pay", "crm.note", "main", {}, digest({}), False, 600_000, people=2)
    ledger.approvals.request(head, head.run_id, asked)
    (approval,), _ = ledger.approvals.page(state="pending")
    _, why, next_ = what_why_next(kontora("approvals", "approve", approval.id), 4)
    assert "told apart by their tokens" in why
    assert f"/api/v1/approvals/{approval.id}/decision" in next_
    assert ledger.approvals.get(approval.id).agreed_by is None
    assert kontora("approvals", "reject", approval.id).exit_code == 0
    ledger.close()


def test_a_command_in_a_message_is_made_typable_once(tmp_path: Path) -> None:
    once = as_typed("See `kontora runs list`, and kontora.toml.", tmp_path / "a home")
    assert as_typed(once, tmp_path / "a home") == once
    assert once.count("KONTORA_HOME=") == 1


def test_connectors_are_listed_and_checked(office: CommandLine) -> None:
    assert "receivables" in office("connectors", "list").stdout
    assert office("connectors", "check").exit_code == 0


# --- what goes wrong ----------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_is_no_defect() -> None:
    said = explain(OSError(errno.ENOSPC, "No space left on device"))
    assert (said.exit_code, said.code) == (5, "no_room")
    assert "Make room" in said.next_


def test_every_family_of_errors_is_there() -> None:
    for name in FAMILIES:
        module, _, cls = name.rpartition(".")
        assert issubclass(getattr(importlib.import_module(module), cls), Exception)


@pytest.mark.parametrize(
    ("command", "exit_code", "words"),
    [
        (["run", "receivables-agein"], 4, "Did you mean 'receivables-ageing'?"),
        (["run", "receivables-ageing", "-i", "as_of=yesteryear"], 4, "as_of"),
        (["run", "receivables-ageing", "-i", "languge=ru"], 4, "Did you mean"),
        (["run", "receivables-ageing", "-i", "min_amount=much"], 4, "min_amount"),
        (["run", "receivables-ageing", "-i", "language"], 2, "NAME=VALUE"),
        (["run", "receivables-ageing", "--bind", "erp=nobody"], 4, "nobody"),
        (["runs", "show", "run_X"], 4, "runs list"),
        (["runs", "list", "--state", "finished"], 2, "succeeded"),
        (["approvals", "list", "--state", "open"], 2, "pending"),
        (["approvals", "approve", "apr_X"], 4, "approvals list"),
        (["schedules", "remove", "sch_X"], 4, "schedules list"),
        (
            ["schedules", "add", "receivables-ageing", "--cron", "0 2 30 2 *", "--timezone", "UTC"],
            4,
            "bad day-of-month",
        ),
        (["schedules", "add", "receivables-ageing", "--cron", "0 2 * * *", "--timezone", "Europe/Moskow"], 4, "Moscow"),
        (["connectors", "call", "erp", "compnies"], 4, "Did you mean companies?"),
        (["connectors", "call", "erp", "open_invoices", "-i", "party=1"], 4, "party"),
        (["connectors", "check", "epr"], 4, "Did you mean 'erp'?"),
        (["workflows", "validate", "nobody.yaml"], 4, "cannot be read"),
        (["worker", "--concurrency", "none"], 2, "--concurrency"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_explained(office: CommandLine, command: list[str], exit_code: int, words: str) -> None:
    said = office(*command)
    assert said.exit_code == exit_code, said.stderr
    assert words in said.stderr + said.stdout


def test_without_a_binding_the_role_and_what_to_write_are_named(kontora: CommandLine) -> None:
    _, why, next_ = what_why_next(kontora("run", "receivables-ageing"), 4)
    assert "'erp'" in why
    assert "[connectors.NAME]" in next_


def test_a_broken_workflow_file_is_shown_with_line_and_column(kontora: CommandLine) -> None:
    folder = kontora.home / "workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yaml").write_text("apiVersion: kontora/v1\nname: bad\nsteps: [\n", encoding="utf-8")
    said = kontora("workflows", "validate", "bad", "--json")
    assert said.exit_code == 4
    assert said.document["problems"][0]["line"] >= 3
    assert "bad.yaml" in kontora("workflows", "list").stderr


def test_a_tool_that_does_not_exist_is_said_with_the_nearest_one_before_anything_runs(kontora: CommandLine) -> None:
    folder = kontora.home / "workflows"
    folder.mkdir(parents=True)
    (folder / "w.yaml").write_text(
        "apiVersion: kontora/v1\nname: w\ntitle: W\nroles: {erp: {interface: receivables}}\n"
        "steps:\n  - id: a\n    call: erp.compnies\n",
        encoding="utf-8",
    )
    said = kontora("workflows", "validate", "w")
    assert said.exit_code == 4
    assert ":7:11:" in said.stdout
    assert "`erp.companies`" in said.stdout
    assert "companies" in kontora("run", "w").stderr


def test_real_data_without_a_model_fails_clearly_and_is_resumed_when_there_is_one(kontora: CommandLine) -> None:
    kontora.furnish()
    settings = kontora.home / "kontora.toml"
    whole = settings.read_text(encoding="utf-8")
    settings.write_text(whole.partition("[models")[0], encoding="utf-8")
    ran = kontora("run", "receivables-ageing", "--json")
    assert ran.exit_code == 1
    assert ran.document["error"]["code"] == "model_missing"
    assert "kontora.toml" in ran.document["error"]["hint"]
    settings.write_text(whole, encoding="utf-8")
    assert kontora("runs", "resume", ran.document["id"]).exit_code == 0
    assert kontora("worker", "--until-idle").exit_code == 0
    assert kontora("runs", "show", ran.document["id"], "--json").document["state"] == "waiting"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda db: db.unlink(), "missing"),
        (lambda db: execute(db, "DROP TABLE payments"), "has no table"),
        (lambda db: db.write_bytes(b"not a database at all" * 100), "no SQLite database"),
    ],
)
def test_a_database_that_is_not_as_it_should_be_is_explained(kontora: CommandLine, harm: object, words: str) -> None:
    kontora.furnish()
    assert callable(harm)
    harm(kontora.home / "demo" / "erp.db")
    said = kontora("connectors", "call", "erp", "receivables_ageing", "-i", "as_of=2026-01-01")
    assert said.exit_code in (1, 5), said.stderr
    assert words in said.stderr


def execute(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_ledger_that_is_no_database_is_explained(kontora: CommandLine) -> None:
    kontora.home.mkdir()
    (kontora.home / "ledger.db").write_bytes(b"no database " * 1000)
    what_why_next(kontora("runs", "list"), 5)


def test_a_postgresql_that_does_not_answer_is_explained_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://kontora:s3cret@127.0.0.1:{free_port()}/kontora"
    said = CommandLine(tmp_path, KONTORA_DATABASE_URL=url)("runs", "list")
    what_why_next(said, 5)
    assert "s3cret" not in said.stderr


def test_an_error_is_a_document_too(kontora: CommandLine) -> None:
    said = kontora("runs", "show", "run_X", "--json")
    assert json.loads(said.stdout)["error"]["code"] == "unknown_run"
    assert json.loads(said.stdout)["exit_code"] == said.exit_code == 4


def test_a_wrong_setting_is_named_with_its_place(tmp_path: Path) -> None:
    _, why, _ = what_why_next(CommandLine(tmp_path, KONTORA_PORT="many")("runs", "list"), 4)
    assert "KONTORA_PORT" in why


def test_an_unknown_setting_is_named(kontora: CommandLine) -> None:
    (kontora.folder / "kontora.toml").write_text('databse_url = "x"\n', encoding="utf-8")
    _, why, _ = what_why_next(kontora("runs", "list"), 4)
    assert "databse_url" in why
