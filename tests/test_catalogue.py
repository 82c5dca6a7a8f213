"""The catalogue: facts with sources, licences that are recognised, advice with reasons, a policy that holds."""

from __future__ import annotations

from datetime import date

import pytest
from kontora_agents.catalogue import catalogue
from kontora_agents.catalogue.choosing import Wish, recommend
from kontora_agents.catalogue.fact import with_sources
from kontora_agents.catalogue.policy import LicencePolicy, judge
from kontora_agents.errors import ModelNotAllowed
from pydantic import ValidationError

from tests.model_shop import APACHE, COHERE, MIT

MODELS, LICENCES = catalogue().models, catalogue().licences


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_fact_about_a_model_has_a_source_and_a_day(name: str) -> None:
    found = list(MODELS[name].facts())
    assert len(found) >= 9
    for what, fact in found:
        assert fact.source.startswith("https://"), what
        assert date(2026, 11, 1) <= fact.checked <= date(2026, 12, 31), what
    assert MODELS[name].licence.value in LICENCES


@pytest.mark.parametrize("name", sorted(LICENCES))
def test_every_fact_about_a_licence_has_a_source_and_it_can_be_said_in_words(name: str) -> None:
    assert [what for what, fact in LICENCES[name].facts() if not fact.source.startswith("https://")] == []
    assert LICENCES[name].in_words()[0].startswith("Commercial use: ")


def test_a_fact_whose_source_is_not_named_is_no_fact() -> None:
    with pytest.raises(KeyError):
        with_sources({"context": {"is": 1, "from": "nowhere"}}, {})


def test_names_in_ollama_are_told_apart() -> None:
    names = [name for model in MODELS.values() for name in model.ollama]
    assert len(names) == len(set(names))
    assert all(MODELS[model.id].id == catalogue().find(name).id for model in MODELS.values() for name in model.ollama)  # type: ignore[union-attr]


# --- the seven models that people ask for first -------------------------------------------------------------------

#: id: maker, billions, context, tools over Ollama, licence
SEVEN = {
    "mistral-7b": ("Mistral AI", 7.2, 32768, True, "apache-2.0"),
    "mixtral-8x7b": ("Mistral AI", 46.7, 32768, False, "apache-2.0"),
    "llama3-8b": ("Meta", 8.0, 8192, False, "llama3"),
    "falcon-40b": ("Technology Innovation Institute (TII)", 40.0, 2048, False, "apache-2.0"),
    "command-r-plus-104b": ("Cohere", 104.0, 131072, True, "cc-by-nc-4.0-cohere"),
    "phi-2": ("Microsoft", 2.7, 2048, False, "mit"),
    "yi-34b": ("01.AI", 34.4, 4096, False, "apache-2.0"),
}


@pytest.mark.parametrize("name", SEVEN)
def test_the_facts_about_the_seven_models_are_right(name: str) -> None:
    model = MODELS[name]
    facts = (model.maker, model.parameters_b, model.context, model.tools, model.licence)
    assert tuple(fact.value for fact in facts) == SEVEN[name]


def test_what_the_licences_of_the_seven_ask_is_right() -> None:
    llama, cohere = LICENCES["llama3"], LICENCES["cc-by-nc-4.0-cohere"]
    assert (llama.commercial.value, llama.users_cap.value if llama.users_cap else 0) == (True, 700_000_000)
    assert any("Built with Meta Llama 3" in line for line in llama.in_words())
    assert any("improve other large language models" in line for line in llama.in_words())
    assert not cohere.commercial.value
    assert cohere.acceptable_use
    assert MODELS["mixtral-8x7b"].active_b
    assert MODELS["phi-2"].kind.value == "base"
    assert "31 May 2023" in MODELS["falcon-40b"].licence.note


# --- licences -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "licence", "how"),
    [
        (APACHE, "apache-2.0", "text"),
        (APACHE.upper().replace("\n", "   \n"), "apache-2.0", "text"),
        (MIT, "mit", "text"),
        (COHERE, "cc-by-nc-4.0-cohere", "text"),
        ("# META LLAMA 3 COMMUNITY LICENSE AGREEMENT\nMeta Llama 3 Version", "llama3", "text"),
        ("LLAMA 3.1 COMMUNITY LICENSE AGREEMENT", "llama3.1", "text"),
        ("Creative Commons Attribution-NonCommercial 4.0 International", "cc-by-nc-4.0", "text"),
        (MIT + "Not for anyone whose monthly revenue is above 20 million dollars.", "mit-revenue-cap", "text"),
        ("", "", "missing"),
        (" \n\t", "", "missing"),
        ("You may use this on Tuesdays.", "unknown", "unknown"),
        (APACHE + "\nOn Mondays the model is not to be used for invoices." * 40, "unknown", "longer"),
    ],
)  # fmt: skip
def test_a_licence_is_recognised_by_its_text(text: str, licence: str, how: str) -> None:
    recognised = catalogue().recognise(text)
    assert (recognised.licence, recognised.how) == (licence, how)


@pytest.mark.parametrize(
    ("model", "installed", "policy", "allowed"),
    [
        ("qwen3:8b", None, {}, True),
        ("qwen3:8b", "apache-2.0", {}, True),
        ("command-r-plus", None, {}, False),
        ("command-r-plus", None, {"use": "research"}, True),
        ("command-r-plus", None, {"allow": ["cc-by-nc-4.0-cohere"]}, True),
        ("command-r-plus:104b", None, {"allow": ["command-r-plus"]}, True),
        ("command-r-plus", "apache-2.0", {}, False),  # repackaged under another licence: the catalogue counts too
        ("qwen3:8b", "cc-by-nc-4.0", {}, False),
        ("llama3", None, {"refuse": ["llama3"]}, False),
        ("llama3:8b", "", {}, True),
        ("own:1b", "unknown", {}, True),
        ("own:1b", "unknown", {"unknown": "refuse"}, False),
        ("own:1b", "", {"unknown": "refuse"}, False),
        ("own:1b", None, {"unknown": "refuse"}, True),  # nobody has looked yet
        ("own:1b", "unknown", {"unknown": "refuse", "allow": ["own:1b"]}, True),
        ("own:1b", "mit", {"refuse": ["own:1b"]}, False),
        ("qwen3:8b", "unknown", {"unknown": "refuse"}, False),
    ],
)  # fmt: skip
def test_a_policy_decides_by_the_catalogue_and_by_the_installed_text(
    model: str, installed: str | None, policy: dict[str, object], allowed: bool
) -> None:
    ruling = judge(LicencePolicy.model_validate(policy), catalogue(), model, installed)
    assert ruling.allowed is allowed, ruling
    if not allowed:
        with pytest.raises(ModelNotAllowed, match="may not be used here: ") as refused:
            ruling.enforce()
        assert "[licences]" in refused.value.hint


def test_what_differs_from_the_catalogue_is_remarked() -> None:
    def remark(model: str, installed: str) -> str:
        return judge(LicencePolicy(), catalogue(), model, installed).remark

    assert "the catalogue says llama3" in remark("llama3:8b", "apache-2.0")
    assert "carries no licence text" in remark("llama3:8b", "")
    assert "nobody here knows its conditions" in remark("own:1b", "unknown")
    assert remark("qwen3:8b", "apache-2.0") == ""


def test_a_policy_with_a_misspelt_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="'lama3' is no licence and no model"):
        LicencePolicy(refuse=["lama3"])


# --- choosing -----------------------------------------------------------------------------------------------------


def test_memory_is_weights_and_cache_and_something_for_the_server() -> None:
    mistral = MODELS["mistral-7b"]
    # 2 x 32 layers x 8 heads x 128 x 2 bytes x 8,192 tokens = 1.07 GB
    assert mistral.memory_gb(mistral.quantisation(), 8192) == pytest.approx(4.4 + 1.07 + 1.0, abs=0.06)


def test_advice_fits_the_wish_and_says_why_the_others_do_not() -> None:
    advice = recommend(catalogue(), Wish(memory_gb=8, language="ru"), {})
    assert advice.choices[0].model == "qwen3.5-4b"
    assert all(one.memory_gb <= 8 and one.reasons for one in advice.choices)
    why = {one.model: one.why for one in advice.left_out}
    assert "forbids commercial use" in why["command-r-plus-104b"]
    assert "does not call tools" in why["llama3-8b"]
    assert "base model" in why["phi-2"]
    assert "does not name the language ru" in why["mistral-nemo-12b"]
    assert "8 GB are there" in why["qwen3.5-27b"]
    assert len(why) + len(advice.choices) == len(MODELS)


def test_what_was_measured_here_goes_before_what_others_say() -> None:
    wish = Wish(memory_gb=24)
    assert recommend(catalogue(), wish, {}).choices[0].model != "granite4-3b"
    first = recommend(catalogue(), wish, {"granite4-3b": 100.0, "qwen3.5-27b": 40.0}).choices
    assert "granite4-3b" in [one.model for one in first[:3]]
    assert first[-1].model == "qwen3.5-27b"
    assert any("bench" in reason for reason in first[-1].reasons)


def test_use_and_context_are_part_of_a_wish() -> None:
    research = Wish(memory_gb=80, task="text", policy=LicencePolicy(use="research"))
    assert "command-r-plus-104b" in [one.model for one in recommend(catalogue(), research, {}).choices]
    long = recommend(catalogue(), Wish(memory_gb=24, context=100_000), {})
    assert "holds 40,960 tokens" in {one.model: one.why for one in long.left_out}["qwen3-8b"]
