"""`kontora models` on a server of the test's own: shown, compared, fetched, tried; and the policy where it counts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from kontora_cli.main import outcome

from tests.command_line import Said
from tests.model_shop import APACHE, COHERE, Model, clerk, model_shop, talks
from tests.services import free_port


class Typed:
    """A shell in a folder that does not start a process for every command."""

    def __init__(self, folder: Path, heard: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.folder, self.home = folder, folder / ".kontora"
        self._heard, self._patch = heard, patch
        patch.chdir(folder)

    def __call__(self, *arguments: str) -> Said:
        self._patch.setattr(sys, "argv", ["kontora", *arguments])
        self._heard.readouterr()
        code = outcome(list(arguments))
        said = self._heard.readouterr()
        return Said(code, said.out, said.err)

    def settle(self, url: str, name: str = "", more: str = "") -> None:
        """Write a kontora.toml whose default model is on that server, and a workflow with one agent."""
        text = f'[models.default]\nurl = "{url}"\nname = "{name}"\n{more}'
        (self.folder / "kontora.toml").write_text(text, encoding="utf-8")
        (self.folder / "workflows").mkdir(exist_ok=True)
        (self.folder / "workflows" / "hello.yaml").write_text(GREETING, encoding="utf-8")


GREETING = """\
apiVersion: kontora/v1
name: hello
title: Hello
agents:
  greeter: {instructions: Greet.}
steps:
  - {id: greet, agent: greeter, with: {who: Anna}}
"""


@pytest.fixture
def kontora(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    return Typed(tmp_path, capsys, monkeypatch)


def test_installed_models_are_listed_with_their_licence_and_beside_the_catalogue(kontora: Typed) -> None:
    with model_shop({"qwen3:8b": Model(), "own:1b": Model(licence="Ask me.")}) as shop:
        kontora.settle(shop.url, "own:1b")
        said = kontora("models", "list")
        assert said.exit_code == 0, said.stderr
        assert "qwen3-8b" in said.stdout
        assert "nobody here knows its conditions" in said.stderr
        document = kontora("models", "list", "--json").document["items"][0]
        assert [one["licence"] for one in document["installed"]] == ["apache-2.0", "unknown"]
        whole = kontora("models", "list", "--catalogue", "--json").document["items"]
        assert [one["model"] for one in whole if one["installed"]] == ["qwen3-8b"]
        warned = [one for one in kontora("doctor", "--json").document["checks"] if one["what"] == "model default"]
        assert [one["health"] for one in warned] == ["ok", "warning"]


def test_a_model_is_shown_with_sources_and_whether_it_fits(kontora: Typed) -> None:
    said = kontora("models", "show", "command-r-plus", "--memory", "16")
    assert said.exit_code == 0, said.stderr
    assert "does not fit into 16 GB" in said.stdout
    assert "https://cohere.com/c4ai-cc-by-nc-license" in said.stdout
    shown = kontora("models", "show", "phi", "--json", "--memory", "16").document
    assert shown["memory"][0]["fits"] is True
    assert shown["context"] | {"source": "", "note": ""} == {
        "value": 2048, "source": "", "checked": "2026-11-24", "note": "", "unverified": ""
    }  # fmt: skip


def test_a_name_that_nobody_knows_comes_with_the_nearest(kontora: Typed) -> None:
    said = kontora("models", "show", "qwen3.5:8b")
    assert said.exit_code == 4
    assert "Did you mean qwen3.5:9b?" in said.stderr


@pytest.mark.parametrize(
    ("name", "licence", "said", "allowed"),
    [
        ("qwen3:8b", APACHE, "and the installed text is the same", True),
        ("qwen3:8b", "", "the installed copy carries no licence text", True),
        ("qwen3:8b", "Ask me first.", "is no licence of the catalogue", True),
        ("qwen3:8b", APACHE + "Not on Mondays, says the maker. " * 60, "has something added", True),
        ("llama3:8b", APACHE, "another: apache-2.0", True),
        ("command-r-plus", COHERE, "and the installed text is the same", False),
        ("own:1b", COHERE, "the catalogue does not have this model", False),
    ],
)  # fmt: skip
def test_the_installed_licence_text_is_compared_with_the_catalogue(
    kontora: Typed, name: str, licence: str, said: str, allowed: bool
) -> None:
    with model_shop({name: Model(licence=licence)}) as shop:
        asked = kontora("models", "licence", name, "--url", shop.url, "--json")
    assert asked.exit_code == 0, asked.stderr
    assert said in asked.document["compared"]
    assert asked.document["allowed"] is allowed


def test_conditions_are_said_in_plain_words_without_any_server(kontora: Typed) -> None:
    kontora.settle(f"http://127.0.0.1:{free_port()}")
    said = kontora("models", "licence", "llama3")
    assert "- With more than 700,000,000 monthly users you need a licence from its maker." in said.stdout
    assert "No installed copy was compared" in kontora("models", "licence", "llama3:8b").stdout
    said = kontora("models", "licence", "nothing:1b")
    assert said.exit_code == 4
    assert "Neither the catalogue nor a server" in said.stderr


def test_a_recommendation_has_reasons_and_says_what_was_left_out(kontora: Typed) -> None:
    said = kontora("models", "recommend", "--memory", "8", "--language", "ru")
    assert said.exit_code == 0, said.stderr
    assert said.stdout.splitlines()[1].startswith("qwen3.5-4b")
    assert "left out: command-r-plus-104b: its licence" in said.stdout
    research = kontora("models", "recommend", "--memory", "80", "--use", "research", "--json").document
    assert "command-r-plus-104b" in [one["model"] for one in research["choices"]]
    assert kontora("models", "recommend").exit_code == 0, "the memory of this machine is detected"


def test_a_model_is_fetched_with_progress(kontora: Typed) -> None:
    with model_shop({}, {"qwen3:8b": Model()}) as shop:
        kontora.settle(shop.url)
        said = kontora("models", "pull", "qwen3-8b", "--json")
        assert said.exit_code == 0, said.stderr
        assert said.document == {
            "model": "qwen3:8b", "url": shop.url, "digest": "d1", "licence": "apache-2.0", "allowed": True
        }  # fmt: skip
        assert "50 % of" in said.stderr
        assert "success" in said.stderr


def test_a_model_that_cannot_or_may_not_be_fetched_is_not(kontora: Typed) -> None:
    with model_shop({}) as shop:
        kontora.settle(shop.url)
        said = kontora("models", "pull", "qwen9:1b")
        assert said.exit_code == 5
        assert "Ollama's library has no model 'qwen9:1b'" in said.stderr
        said = kontora("models", "pull", "command-r-plus")
        assert said.exit_code == 4
        assert "forbids commercial use" in said.stderr
        assert shop.asked["/api/pull"] == 1


def test_a_probe_is_believed_more_than_the_claim_of_the_server(kontora: Typed) -> None:
    with model_shop({"boasts:1b": Model(answers=talks)}) as shop:
        kontora.settle(shop.url)
        assert "calls tools" in kontora("models", "list").stdout
        said = kontora("models", "probe", "boasts:1b", "--json")
        assert said.exit_code == 0, said.stderr
        found = said.document
        assert (found["claims_tools"], found["calls_tools"], found["digest"]) == (True, False, "d1")
        assert "I would look that up now" in found["tools_detail"]
        kept = json.loads((kontora.home / "models" / "probes.json").read_text(encoding="utf-8"))
        assert [one["model"] for one in kept] == ["boasts:1b"]
        listed = kontora("models", "list")
        assert "no tools" in listed.stdout
        assert listed.exit_code == 5, "no model is left that calls tools"
        shop.models["boasts:1b"].digest = "d2"
        assert "calls tools" in kontora("models", "list").stdout, "a probe is about the weights that were probed"


def test_a_model_that_does_what_it_claims_passes_its_probe(kontora: Typed) -> None:
    with model_shop({"able:1b": Model()}) as shop:
        said = kontora("models", "probe", "--url", shop.url, "--json")
    assert said.exit_code == 0, said.stderr
    assert (said.document["calls_tools"], said.document["context_read"]) == (True, 6000)
    assert "first line" in said.document["context_detail"]


def test_a_bench_is_scored_by_what_was_done_and_kept_with_the_weights(kontora: Typed) -> None:
    with model_shop({"qwen3:8b": Model(answers=clerk)}) as shop:
        kontora.settle(shop.url, "qwen3:8b")
        first = kontora("models", "bench", "--json")
        assert first.exit_code == 0, first.stderr
        wrong = [(one["id"], one["language"], one["why"]) for one in first.document["results"] if not one["passed"]]
        assert wrong == []
        assert (first.document["passed"], first.document["percent"], first.document["digest"]) == (16, 100.0, "d1")
        shop.models["qwen3:8b"].answers, shop.models["qwen3:8b"].digest = talks, "d2"
        again = kontora("models", "bench")
        assert "did not call stock_level" in again.stdout
        assert "earlier: qwen3:8b: 16 of 16 right (en 8/8, ru 8/8), weights d1" in again.stdout
        own = kontora("models", "recommend", "--memory", "16").stdout
        assert "in `kontora models bench` here" in own


def test_a_probe_says_where_the_model_was_loaded(kontora: Typed) -> None:
    with model_shop({"able:1b": Model()}) as shop:
        loaded = {"name": "able:1b", "model": "able:1b", "size": 8 * 10**9, "size_vram": 6 * 10**9}
        shop.running = [{**loaded, "context_length": 16384}]
        said = kontora("models", "probe", "--url", shop.url)
    assert said.exit_code == 0, said.stderr
    assert "8 GB, 75% of it on a graphics card, for 16,384 tokens" in said.stdout


def on_v1(kontora: Typed, url: str, more: str = "") -> None:
    text = f'[models.default]\nserver = "openai"\nurl = "{url}/v1"\n{more}'
    (kontora.folder / "kontora.toml").write_text(text, encoding="utf-8")


def test_a_model_behind_another_server_is_probed_and_benched_too(
    kontora: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "k1")
    with model_shop({"Qwen/Qwen3-8B": Model()}) as shop:
        on_v1(kontora, shop.url, 'name = "Qwen/Qwen3-8B"\nkey = "env:SHOP_KEY"\n')
        said = kontora("models", "probe", "--json")
        assert said.exit_code == 0, said.stderr
        found = said.document
        assert (found["claims_tools"], found["calls_tools"], found["context_read"]) == (None, True, 6000)
        assert (found["url"], found["server"], found["digest"]) == (f"{shop.url}/v1", "", "")
        assert "it does not say" in kontora("models", "probe").stdout
        assert shop.keys == {"Bearer k1"}
        shop.models["Qwen/Qwen3-8B"].answers = clerk
        done = kontora("models", "bench", "--json")
        assert done.exit_code == 0, done.stderr
        assert (done.document["passed"], done.document["model"]) == (16, "Qwen/Qwen3-8B")


def test_a_server_that_takes_no_tools_is_told_of_them_in_writing(kontora: Typed) -> None:
    with model_shop({"m": Model(tools=False), "n": Model()}) as shop:
        said = kontora("models", "probe", "m", "--url", f"{shop.url}/v1", "--json")
        assert said.exit_code == 0, said.stderr
        assert said.document["calls_tools"] is False
        assert "in writing, it asked for the right call" in said.document["tools_detail"]
        said = kontora("models", "probe", "--url", f"{shop.url}/v1")
        assert said.exit_code == 4
        assert "serves: m, n." in said.stderr
        del shop.models["m"]
        assert kontora("models", "probe", "--url", f"{shop.url}/v1").exit_code == 0, "there is only one"


def test_a_model_outside_of_the_house_is_not_tried_unless_it_may_be_asked(kontora: Typed) -> None:
    said = kontora("models", "probe", "m", "--url", "https://models.example.com/v1")
    assert said.exit_code != 0
    assert "outside of the house" in said.stderr


def test_what_only_ollama_does_is_said(kontora: Typed) -> None:
    on_v1(kontora, "http://127.0.0.1:9", 'name = "m"\n')
    said = kontora("models", "licence", "default")
    assert said.exit_code == 4
    assert "The server of 'default' is not Ollama." in said.stderr
    said = kontora("models", "pull", "qwen3:8b", "--url", "http://127.0.0.1:9/v1")
    assert said.exit_code == 4
    assert "over Ollama only" in said.stderr
    (kontora.folder / "kontora.toml").write_text('[models.plays]\nserver = "rehearsal"\n', encoding="utf-8")
    assert "it plays scripts" in kontora("models", "bench", "plays").stderr


# --- the policy where it counts -----------------------------------------------------------------------------------


def test_a_refused_model_is_found_out_before_anything_runs(kontora: Typed) -> None:
    kontora.settle(f"http://127.0.0.1:{free_port()}", "command-r-plus")
    said = kontora("workflows", "validate", "hello")
    assert said.exit_code == 4
    assert "hello.yaml:5:" in said.stdout
    assert "command-r-plus may not be used here: its licence" in said.stdout
    said = kontora("run", "hello", "--json")
    assert said.exit_code == 4
    assert said.document["error"]["code"] == "model_not_allowed"
    kontora.settle("http://127.0.0.1:9", "command-r-plus", '[licences]\nuse = "research"\n')
    assert kontora("workflows", "validate", "hello").exit_code == 0


def test_the_licence_text_of_the_installed_model_decides_when_the_run_gets_to_it(kontora: Typed) -> None:
    with model_shop({"qwen3:8b": Model(licence=COHERE, answers=talks)}) as shop:
        kontora.settle(shop.url, "qwen3:8b")
        assert kontora("workflows", "validate", "hello").exit_code == 0, "the catalogue alone has nothing against it"
        said = kontora("run", "hello", "--json")
        assert said.exit_code == 1, said.stderr
        assert said.document["error"]["code"] == "model_not_allowed"
        assert "forbids commercial use" in said.document["error"]["message"]
        assert shop.asked["/api/chat"] == 0
        shop.models["qwen3:8b"].licence = "Ask me first."
        assert kontora("run", "hello").exit_code == 0, "an unknown licence is a warning unless the settings say more"
        kontora.settle(shop.url, "qwen3:8b", '[licences]\nunknown = "refuse"\n')
        assert kontora("run", "hello", "--json").document["error"]["code"] == "model_not_allowed"


def test_of_the_installed_models_the_first_that_may_be_used_is_taken(kontora: Typed) -> None:
    with model_shop({"command-r-plus:104b": Model(licence=COHERE), "qwen3:8b": Model(answers=talks)}) as shop:
        kontora.settle(shop.url)
        assert kontora("run", "hello").exit_code == 0
        del shop.models["qwen3:8b"]
        said = kontora("run", "hello", "--json")
        assert said.document["error"]["code"] == "model_not_allowed"
