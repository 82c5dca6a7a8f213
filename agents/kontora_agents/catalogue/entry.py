"""What the catalogue holds about one model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from kontora_agents.catalogue.fact import Fact, Part


class Cache(Part):
    """The shape of the attention cache, which grows with the context. It holds keys and values in 16 bits."""

    layers: int = Field(ge=1, description="layers that remember the whole context")
    kv_heads: int = Field(ge=1)
    head_dim: int = Field(ge=1)
    fixed_gb: float = Field(0.0, ge=0, description="what does not grow: layers that only look at the last tokens")

    def gb(self, context: int) -> float:
        """GB that `context` tokens take."""
        return 2 * self.layers * self.kv_heads * self.head_dim * 2 * context / 1e9 + self.fixed_gb


class Quantisation(Part):
    """The weights in one size. `pull` is the name that brings exactly these, where we know one."""

    name: str = Field(description="as Ollama calls it, e.g. Q4_K_M")
    pull: str = ""
    file_gb: Fact[float] = Field(description="size of the file")


#: GB that a model server takes besides weights and cache; ours, and rough.
RUNTIME_GB = 1.0
#: Where the shape of the cache is not known, this share of the weights is taken for every 8,192 tokens.
GUESSED_CACHE = 0.25


class CatalogueModel(Part):
    """One model in one size."""

    id: str = Field(pattern=r"^[a-z0-9.\-]+$")
    title: str
    family: str
    maker: Fact[str]
    ollama: list[str] = Field(min_length=1, description="names in Ollama's library; the first is the one to pull")
    kind: Fact[Literal["instruct", "base"]]
    parameters_b: Fact[float] = Field(description="billions in all")
    active_b: Fact[float] | None = Field(None, description="billions at work per token; none: all of them")
    context: Fact[int] = Field(description="tokens it can hold at most")
    languages: Fact[list[str]] = Field(description="ISO 639-1 codes that the maker names")
    languages_claimed: Fact[int] | None = Field(None, description="how many the maker claims without naming them")
    code: Fact[bool] = Field(description="whether the maker offers it for program code")
    tools: Fact[bool] = Field(description="whether it calls tools over Ollama by itself")
    licence: Fact[str] = Field(description="id of a licence of the catalogue")
    quantisations: list[Quantisation] = Field(min_length=1)
    cache: Fact[Cache] | None = None
    reports: list[Fact[float]] = Field(
        default_factory=list, description="per cent of tool calls right, measured by others"
    )

    def quantisation(self) -> Quantisation:
        """The usual one: the first that is listed."""
        return self.quantisations[0]

    def memory_gb(self, weights: Quantisation, context: int) -> float:
        """GB of memory that it takes with a context of so many tokens: an estimate.

        Weights as large as their file, plus the cache (2 x layers x heads x size of a head x 2 bytes x tokens), plus
        1 GB. Where the shape of the cache is not known, a quarter of the weights for each 8,192 tokens.
        """
        file = weights.file_gb.value
        cache = self.cache.value.gb(context) if self.cache else GUESSED_CACHE * file * context / 8192
        return round(file + cache + RUNTIME_GB, 1)

    def facts(self) -> Iterator[tuple[str, Fact[Any]]]:
        """Every fact with its name, in the order of this class."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Fact):
                yield name, value
        yield from ((f"file of {weights.name}", weights.file_gb) for weights in self.quantisations)
        yield from (("tool calls right", report) for report in self.reports)
