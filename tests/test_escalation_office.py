"""The workflow that the page about escalation shows, on a demo company: settings, REST and command line as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kontora_agents.catalogue.policy import LicencePolicy
from kontora_agents.errors import ModelNotAllowed
from kontora_agents.rehearsal.script import Script
from kontora_agents.rehearsal.server import Rehearsal
from kontora_cli.escalations import seen
from kontora_connectors import DataClass
from kontora_worker.house import FourEyesImpossible
from kontora_worker.model_records import ModelRecords
from kontora_worker.models import ConfiguredModels
from kontora_worker.settings import ModelSettings

from tests.command_line import CommandLine
from tests.doc_pages import page
from tests.rest_office import API, RestOffice, rest_office
from tests.two_models import Stronger

EXAMPLE = next(block.text for block in page("docs/escalation.md").blocks if block.text.startswith("apiVersion"))
NAME = "second-opinion"
LYING = Script.model_validate(
    {
        "workflow": NAME,
        "agents": {
            "adviser": [
                {
                    "calls": [
                        {
                            "tool": "erp_open_invoices",
                            "arguments": {"party_id": "{{ task.customer.party_id }}", "as_of": "{{ task.as_of }}"},
                        }
                    ]
                },
                {"say": "They owe 123,456,789.00 EUR."},
                {"say": "It is 123,456,788.00 EUR."},
            ]
        },
    }
)


def models(own: str, strong: str, **more: Any) -> dict[str, dict[str, Any]]:
    """`[models.*]` with the agent's own model, and a stronger one that counts as external."""
    return {
        "default": {"url": own, "name": f"rehearsal/{NAME}/adviser"},
        "strong": {"url": strong, "name": "rehearsal/strong", "zone": "external", **more},
    }


@contextmanager
def escalating(home: Path, *, external: bool = True, **more: Any) -> Iterator[tuple[RestOffice, Stronger]]:
    """An office in which the example may run; `more` are settings of the stronger model."""
    stronger = Stronger()
    stronger.says = "The oldest invoice comes first."
    with Rehearsal({LYING.key: LYING}).serve() as own, stronger.serve() as server:
        said = {name: ModelSettings(**one) for name, one in models(own.url, server.url, **more).items()}
        with rest_office(home, models=said, external_models=external) as here:
            (home / "workflows" / f"{NAME}.yaml").write_text(EXAMPLE, encoding="utf-8")
            yield here, stronger


def test_the_example_runs_over_rest_as_its_page_says(tmp_path: Path) -> None:
    with escalating(tmp_path, may_hold_approved="internal") as (here, stronger):
        run_id = here.start(NAME)
        assert here.work(run_id).waiting_for == "approval"
        asked = here.asked(run_id)
        assert (asked["tool"], asked["instance"]) == ("model.escalate", "strong")
        assert asked["instructions"] == "Black out what the model need not know."
        where = asked["destination"]
        assert (where["model"], where["zone"]) == ("rehearsal/strong", "external")
        assert where["said"].startswith(f"The text would leave the house to {where['server']}")
        text = asked["arguments"]["text"]
        assert "erp.open_invoices" in text
        assert "123,456" not in text

        path = f"{API}/approvals/{asked['id']}"
        etag = {"If-Match": here.client.get(path).headers["etag"]}
        refused = here.client.patch(path, json={"arguments": {"server": "http://x"}}, headers=etag)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
        black = text.replace("EUR", "███")
        changed = here.client.patch(path, json={"arguments": {"text": black}}, headers=etag)
        assert changed.status_code == 200, changed.text
        yes = here.client.post(
            f"{path}/decision", json={"decision": "approve"}, headers={"If-Match": changed.headers["etag"]}
        )
        assert yes.status_code == 200
        assert here.work(run_id).state == "succeeded"
        assert [one["messages"][1]["content"] for one in stronger.asked] == [black]
        run = here.get(f"/runs/{run_id}")
        assert run["outputs"] == {"advice": stronger.says, "escalated": "approved"}
        assert "rehearsal/strong" in [one["name"] for one in run["models"]]
        assert here.house.ledger.entries.questions_outside(30) == 1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"external": False}, "outside of the house"),
        ({}, "may hold public data at most"),
        ({"may_hold_approved": "public"}, "may hold public data at most"),
    ],
)
def test_what_the_settings_do_not_allow_asks_nobody(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    with escalating(tmp_path, **settings) as (here, stronger):
        run_id = here.start(NAME)
        assert here.work(run_id).state == "succeeded"
        assert here.get("/approvals", run=run_id)["items"] == []
        assert stronger.asked == []
        (said,) = [step["said"] for step in here.get(f"/runs/{run_id}")["steps"] if step["kind"] == "agent"]
        assert said["escalated"] == "not_allowed"
        assert words in said["message"]
        assert here.house.ledger.entries.questions_outside(30) == 0


def test_two_people_have_to_be_told_apart(tmp_path: Path) -> None:
    with escalating(tmp_path) as (here, _):
        text = EXAMPLE.replace("expires_after: 2d", "people: 2")
        (here.house.settings.workflows / f"{NAME}.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(FourEyesImpossible):
            here.house.runnable(NAME)


# --- settings -----------------------------------------------------------------------------------------------------


def configured(home: Path, **strong: Any) -> ConfiguredModels:
    """One model outside, as settings have it."""
    return ConfiguredModels(
        {"strong": ModelSettings(url="https://models.example.com", name="large", **strong)},
        lambda: "",
        policy=LicencePolicy(),
        records=ModelRecords(home),
        external=True,
    )


@pytest.mark.parametrize(
    ("strong", "held", "approved"),
    [
        ({}, "public", "public"),
        ({"may_hold": "internal"}, "internal", "internal"),
        ({"may_hold_approved": "confidential"}, "public", "confidential"),
        ({"may_hold": "internal", "may_hold_approved": "public"}, "internal", "internal"),
    ],
)
def test_what_a_model_may_hold_with_an_approval(
    tmp_path: Path, strong: dict[str, Any], held: DataClass, approved: DataClass
) -> None:
    chosen = configured(tmp_path, **strong).choose("strong", "w", "a", tools=False)
    assert (chosen.may_hold, chosen.may_hold_approved) == (held, approved)
    assert chosen.approved.may_hold == approved


def test_a_server_outside_is_not_even_asked_what_it_has(tmp_path: Path) -> None:
    closed = ConfiguredModels(
        {"strong": ModelSettings(url="http://127.0.0.1:9", zone="external")},
        lambda: "",
        policy=LicencePolicy(),
        records=ModelRecords(tmp_path),
    )
    with pytest.raises(ModelNotAllowed):
        closed.choose("strong", "w", "a", tools=False)


# --- in the terminal ----------------------------------------------------------------------------------------------


def test_the_command_line_shows_what_would_leave_and_where_to(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    kontora.furnish()
    (kontora.home / "workflows").mkdir()
    (kontora.home / "workflows" / f"{NAME}.yaml").write_text(EXAMPLE, encoding="utf-8")
    stronger = Stronger()
    with Rehearsal({LYING.key: LYING}).serve() as own, stronger.serve() as server:
        toml = kontora.home / "kontora.toml"
        connectors = toml.read_text(encoding="utf-8").partition("[models.default]")[0]
        sections = models(own.url, server.url, may_hold_approved="internal").items()
        tables = [
            f"[models.{name}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in one.items()) for name, one in sections
        ]
        toml.write_text("\n".join(["external_models = true", connectors, *tables]), encoding="utf-8")
        ran = kontora("run", NAME)
        assert ran.exit_code == 3, ran.stderr
        listed = kontora("approvals", "list")
        assert f"would leave the house to {server.url}" in listed.stdout
        asked = kontora("approvals", "list", "--json").document["items"][0]
        shown = kontora("approvals", "show", asked["id"])
        assert shown.stdout.startswith(f"The text would leave the house to {server.url}")
        assert asked["arguments"]["text"] in shown.stdout
        assert asked["arguments"]["instructions"] in shown.stdout
        assert kontora("approvals", "approve", asked["id"]).exit_code == 0
        assert kontora("worker", "--until-idle").exit_code == 0
        assert len(stronger.asked) == 1
        outside = [one for one in kontora("doctor", "--json").document["checks"] if one["what"] == "models outside"]
        assert outside[0]["detail"].startswith("1 questions in 30 days")


def test_nothing_of_a_text_is_hidden_from_whoever_reads_it() -> None:
    assert seen("a\x1b[2Kb\u202ec\u200b\r\n\tд") == "a\\u001b[2Kb\\u202ec\\u200b\\u000d\n\tд"
