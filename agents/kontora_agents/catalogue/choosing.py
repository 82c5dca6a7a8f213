"""Which models of the catalogue suit a machine and a purpose, why, and why the others do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from kontora_agents.catalogue.entry import CatalogueModel, Quantisation
from kontora_agents.catalogue.fact import Part
from kontora_agents.catalogue.policy import LicencePolicy, judge
from kontora_agents.catalogue.shelf import Catalogue

#: A model that nobody has measured stands behind those with more tool calls right than this, in per cent.
_UNMEASURED = 70.0
#: A maker who claims so many languages means the large ones, even if the page does not name them.
_MANY = 100


class Wish(Part):
    """What is asked of a model."""

    memory_gb: float = Field(gt=0, description="memory that the model may take")
    task: Literal["tools", "code", "text"] = "tools"
    language: str = Field("", description="ISO 639-1 code; empty: any")
    context: int = Field(8192, ge=1, description="tokens of prompt and answer together")
    policy: LicencePolicy = LicencePolicy()


class Choice(Part):
    """One model that suits."""

    model: str
    title: str
    pull: str = Field(description="name for `kontora models pull`")
    quantisation: str
    memory_gb: float
    licence: str
    reasons: list[str]


class LeftOut(Part):
    """One model that does not suit, and why."""

    model: str
    why: str


class Advice(Part):
    """The models that suit, best first, and the others."""

    choices: list[Choice]
    left_out: list[LeftOut]


def recommend(catalogue: Catalogue, wish: Wish, own: Mapping[str, float]) -> Advice:
    """Return what suits. `own`: per cent of right answers that models had here, by id; it goes before all reports.

    The order: tool calls right (measured here, else by others), then size.
    """
    left_out, fitting = [], []
    for model in catalogue.models.values():
        weights = _weights(model, wish)
        why = _against(catalogue, model, wish) or (_too_large(model, wish) if weights is None else "")
        if why or weights is None:
            left_out.append(LeftOut(model=model.id, why=why))
        else:
            fitting.append((_rank(model, wish, own), model, weights))
    fitting.sort(key=lambda one: one[0], reverse=True)
    choices = [_choice(model, weights, wish, own) for _, model, weights in fitting]
    return Advice(choices=choices, left_out=sorted(left_out, key=lambda one: one.model))


def _weights(model: CatalogueModel, wish: Wish) -> Quantisation | None:
    """The usual quantisation if it fits into the memory, else the largest other one that does."""
    fitting = [one for one in model.quantisations if model.memory_gb(one, wish.context) <= wish.memory_gb]
    if model.quantisation() in fitting:
        return model.quantisation()
    return max(fitting, key=lambda one: one.file_gb.value, default=None)


def _too_large(model: CatalogueModel, wish: Wish) -> str:
    least = min(model.memory_gb(one, wish.context) for one in model.quantisations)
    return f"takes about {least:g} GB with {wish.context:,} tokens, and {wish.memory_gb:g} GB are there"


def _against(catalogue: Catalogue, model: CatalogueModel, wish: Wish) -> str:
    """What speaks against a model besides its size; empty if nothing does."""
    ruling = judge(wish.policy, catalogue, model.ollama[0], None)
    if not ruling.allowed:
        return ruling.why.removesuffix(".")
    if model.kind.value == "base":
        return "is a base model and does not follow instructions"
    if wish.task == "tools" and not model.tools.value:
        return "does not call tools over Ollama by itself"
    if wish.task == "code" and not model.code.value:
        return "is not offered for program code"
    if model.context.value < wish.context:
        return f"holds {model.context.value:,} tokens, fewer than {wish.context:,}"
    if wish.language and not _speaks(model, wish.language):
        if model.languages.unverified:
            return f"whether it speaks {wish.language} is unverified"
        return f"its maker does not name the language {wish.language}"
    return ""


def _speaks(model: CatalogueModel, language: str) -> bool:
    return language in model.languages.value or _claims_many(model)


def _claims_many(model: CatalogueModel) -> bool:
    return model.languages_claimed is not None and model.languages_claimed.value >= _MANY


def _reported(model: CatalogueModel) -> float | None:
    return sum(report.value for report in model.reports) / len(model.reports) if model.reports else None


def _rank(model: CatalogueModel, wish: Wish, own: Mapping[str, float]) -> tuple[float, float]:
    reported = _reported(model)
    others = (_UNMEASURED if reported is None else reported) if wish.task == "tools" else 0.0
    return own.get(model.id, others), model.parameters_b.value


def _choice(model: CatalogueModel, weights: Quantisation, wish: Wish, own: Mapping[str, float]) -> Choice:
    return Choice(
        model=model.id,
        title=model.title,
        pull=weights.pull or model.ollama[0],
        quantisation=weights.name,
        memory_gb=model.memory_gb(weights, wish.context),
        licence=model.licence.value,
        reasons=list(_reasons(model, weights, wish, own)),
    )


def _reasons(model: CatalogueModel, weights: Quantisation, wish: Wish, own: Mapping[str, float]) -> Iterator[str]:
    yield f"takes about {model.memory_gb(weights, wish.context):g} of {wish.memory_gb:g} GB"
    if model.id in own:
        yield f"{own[model.id]:g} % of the tasks right in `kontora models bench` here"
    elif wish.task == "tools":
        reported = _reported(model)
        said = "nobody's measurement is known to us"
        yield said if reported is None else f"{reported:.0f} % of tool calls right, as others measured"
    if wish.language and wish.language not in model.languages.value and model.languages_claimed:
        yield f"its maker claims {model.languages_claimed.value} languages without naming {wish.language}"
    if model.tools.unverified or model.licence.unverified or model.context.unverified:
        yield "some of its facts are unverified: see `kontora models show`"
