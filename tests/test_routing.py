"""A run goes where its next step's model or connector is served; nobody else waits behind what is slow."""

from __future__ import annotations

from pathlib import Path

import pytest
from kontora_worker.settings import SettingsInvalid, load_settings
from kontora_workflows.engine.engine import Engine
from kontora_workflows.engine.routing import Routes

from tests.command_line import CommandLine
from tests.office import Office, office
from tests.test_engine import HEAD, WRITING

AGENT = (
    HEAD
    + """
agents:
  clerk: {instructions: You keep notes., tools: [book.people]}
steps:
  - {id: people, call: book.people}
  - {id: work, agent: clerk, with: {language: en}}
  - {id: again, call: book.people}
"""
)
SCRIPT = {"workflow": "notes", "agents": {"clerk": [{"calls": [{"tool": "book_people"}]}, {"say": "Done."}]}}


def serving(here: Office, *queues: str, **of: str) -> Engine:
    """A worker of some queues; `of` are the queues of the model `default` or the connector `notebook`."""
    engine = here.worker(queues[0])
    models = {name: queue for name, queue in of.items() if name == "default"}
    connectors = {name: queue for name, queue in of.items() if name == "notebook"}
    engine.routes = Routes(models, connectors, frozenset(queues))
    return engine


def test_a_step_with_a_scarce_model_is_done_by_those_who_serve_it(ledger_url: str) -> None:
    with office(ledger_url, SCRIPT) as here:
        run = here.start(AGENT)
        assert serving(here, "kontora", default="gpu").work(run.id)
        moved = here.ledger.runs.get(run.id)
        assert (moved.state, moved.queue, moved.attempts) == ("queued", "gpu", 0)
        assert here.notebook.asked == ["people"]
        assert here.hole.queues[-1] == "gpu"
        assert serving(here, "gpu", default="gpu").work(run.id)
        assert here.ledger.runs.get(run.id).state == "succeeded"
        assert here.notebook.asked == ["people", "people", "people"]


def test_a_write_goes_to_those_who_serve_its_connector_and_is_made_once(ledger_url: str) -> None:
    with office(ledger_url) as here:
        run = here.start(WRITING)
        assert serving(here, "kontora", notebook="erp").work(run.id)
        assert here.ledger.runs.get(run.id).queue == "erp"
        erp = serving(here, "erp", notebook="erp")
        assert erp.work(run.id)
        (asked,) = here.ledger.approvals.page(state="pending")[0]
        here.ledger.approvals.decide(asked.id, "approved", by="boss")
        assert serving(here, "kontora", notebook="erp").work(run.id)  # woken by a message in the wrong queue
        assert erp.work(run.id)
        assert here.ledger.runs.get(run.id).state == "succeeded"
        assert len(here.notebook.notes) == 1


def test_a_pool_is_not_deaf_to_runs_that_others_serve(ledger_url: str) -> None:
    with office(ledger_url, SCRIPT) as here:
        serving(here, "kontora", default="gpu").work(here.start(AGENT).id)
        runs = here.ledger.runs
        assert runs.neglected(-1000)
        assert runs.neglected(-1000, ["gpu"])
        assert not runs.neglected(-1000, ["kontora"])
        assert runs.busy()
        assert not runs.busy(["kontora"])


def test_real_workers_of_two_queues_pass_a_run_on(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    kontora.furnish()
    with (kontora.home / "kontora.toml").open("a", encoding="utf-8") as settings:
        settings.write('queue = "gpu"\n')
    assert kontora("run", "receivables-ageing", "--detach").exit_code == 0
    assert kontora("worker", "--queues", "kontora", "--until-idle").exit_code == 0
    (run,) = (one for one in kontora("runs", "list", "--json").document["items"])
    assert run["state"] == "queued"
    assert {call["tool"] for call in kontora("calls", run["id"], "--json").document["items"]}
    assert kontora("worker", "--queues", "gpu,kontora", "--until-idle").exit_code == 0
    assert kontora("runs", "show", run["id"], "--json").document["state"] == "waiting"


@pytest.mark.parametrize(("text", "right"), [("gpu, erp", ("gpu", "erp")), ("", ())])
def test_queues_are_read_from_the_environment(
    text: str, right: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KONTORA_QUEUES", text)
    assert load_settings(str(tmp_path)).queues == right


def test_a_name_that_no_broker_would_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONTORA_QUEUES", "the GPU")
    with pytest.raises(SettingsInvalid, match="KONTORA_QUEUES"):
        load_settings(str(tmp_path))
