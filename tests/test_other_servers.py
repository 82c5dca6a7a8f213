"""Models behind other servers than Ollama, and outside of the house: configured, ruled on, asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kontora_agents.errors import ModelMissing, ModelNotAllowed
from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import load_scenarios
from kontora_agents.rehearsal.misbehaving.server import MisbehavingServer, serve
from kontora_agents.seams import Message, ModelRequest
from kontora_api.configured import models
from kontora_worker.house import House
from kontora_worker.settings import load_settings

SCENARIOS = Path(__file__).parent.parent / "bench" / "models" / "scenarios"


@pytest.fixture
def server() -> Iterator[MisbehavingServer]:
    with serve(MisbehavingModels(load_scenarios(SCENARIOS.glob("names.yaml")))) as running:
        yield running


def house(folder: Path, text: str) -> House:
    (folder / "kontora.toml").write_text(text, encoding="utf-8")
    return House(load_settings(str(folder)))


def test_an_openai_compatible_server_is_listed_and_asked(tmp_path: Path, server: MisbehavingServer) -> None:
    here = house(
        tmp_path,
        f"""
        [models.default]
        server = "openai"
        url = "{server.url}/v1"
        name = "name_case/once/0"
        [licences]
        unknown = "warn"
        """,
    )
    (shown,) = models(here.settings, here.model_records)
    assert (shown.ok, shown.server) == (True, f"{server.url}/v1")
    chosen = here.models.choose(None, "any", "clerk", tools=True)
    assert (chosen.zone, chosen.may_hold) == ("local", "personal")

    async def ask() -> str:
        request = ModelRequest(model=chosen.name, messages=[Message(role="user", content="Done?")])
        try:
            return (await chosen.model.answer(request)).text
        finally:
            await here.models.aclose()

    assert asyncio.run(ask())
    here.close()


def test_a_model_that_is_not_served_is_said_to_be_missing(tmp_path: Path, server: MisbehavingServer) -> None:
    here = house(tmp_path, f'[models.default]\nserver = "openai"\nurl = "{server.url}/v1"\nname = "qwen3:8b"\n')
    (shown,) = models(here.settings, here.model_records)
    assert not shown.ok
    assert "qwen3:8b is not what" in shown.detail
    here.close()
    without = house(tmp_path, f'[models.default]\nserver = "openai"\nurl = "{server.url}/v1"\n')
    with pytest.raises(ModelMissing, match="No `name`"):
        without.models.choose(None, "any", "clerk", tools=True)
    without.close()


@pytest.mark.parametrize(("url", "name"), [("https://api.example.org/v1", "m"), ("http://127.0.0.1:9", "m:120b-cloud")])
def test_a_model_outside_of_the_house_is_asked_only_where_that_is_allowed(tmp_path: Path, url: str, name: str) -> None:
    model = f"[models.default]\nurl = {json.dumps(url)}\nname = {json.dumps(name)}\n"
    here = house(tmp_path, model)
    with pytest.raises(ModelNotAllowed, match="outside of the house") as refused:
        here.models.choose(None, "any", "clerk", tools=False)
    assert "external_models" in refused.value.hint
    here.close()
    allowed = house(tmp_path, f"external_models = true\n{model}")
    chosen = allowed.models.choose(None, "any", "clerk", tools=False)
    assert (chosen.zone, chosen.may_hold) == ("external", "public")
    allowed.close()


def test_an_operator_says_where_a_model_is_and_what_it_may_hold(tmp_path: Path) -> None:
    here = house(
        tmp_path,
        """
        [models.default]
        url = "https://gpu.example.org"
        name = "m"
        zone = "private"
        may_hold = "internal"
        """,
    )
    chosen = here.models.choose(None, "any", "clerk", tools=False)
    assert (chosen.zone, chosen.may_hold) == ("private", "internal")
    here.close()


def test_a_licence_is_looked_at_once_in_a_process(tmp_path: Path) -> None:
    here = house(tmp_path, '[models.default]\nname = "m"\n')
    first, second = (here.models.choose(None, "any", "clerk", tools=False).model for _ in range(2))
    assert first is second
    here.close()
