"""A licence: under which conditions a model may be used, and how its text is recognised."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from kontora_agents.catalogue.fact import Fact, Part


class Licence(Part):
    """One licence. What is left out is not a condition of it. This is a summary, not advice."""

    id: str = Field(pattern=r"^[a-z0-9.\-]+$")
    title: str
    spdx: str = Field("", description="identifier of the SPDX list; empty: it has none")
    commercial: Fact[bool] = Field(description="whether a company may use it in its business")
    users_cap: Fact[int] | None = Field(None, description="monthly users above which a licence of the maker is needed")
    revenue_cap_usd: Fact[int] | None = Field(None, description="US dollars a month above which nobody may use it")
    duties: list[Fact[str]] = Field(default_factory=list, description="attribution, notices, names")
    acceptable_use: Fact[str] | None = None
    territory: Fact[str] | None = None
    training: Fact[str] | None = Field(None, description="what it says about training other models with its answers")
    phrases: list[str] = Field(min_length=1, description="all of them stand in its text")
    longest: int | None = Field(None, description="characters of its text at most; a longer one has something added")

    def in_words(self) -> list[str]:
        """The conditions as sentences."""
        return list(self._sentences())

    def _sentences(self) -> Iterator[str]:
        yield "Commercial use: yes." if self.commercial.value else "Commercial use: no, research and private use only."
        if self.users_cap:
            yield f"With more than {self.users_cap.value:,} monthly users you need a licence from its maker."
        if self.revenue_cap_usd:
            yield f"Not for companies that earn more than {self.revenue_cap_usd.value:,} US dollars a month."
        yield from (duty.value for duty in self.duties)
        for fact in (self.acceptable_use, self.territory, self.training):
            if fact:
                yield fact.value

    def matches(self, text: str) -> bool:
        """Whether `text`, as `plain` gives it, has every phrase of this licence."""
        return all(plain(phrase) in text for phrase in self.phrases)

    def facts(self) -> Iterator[tuple[str, Fact[Any]]]:
        """Every fact with its name."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Fact):
                yield name, value
        yield from (("duty", duty) for duty in self.duties)


def plain(text: str) -> str:
    """A text without case, punctuation and line breaks, so that copies of it compare equal."""
    return " ".join(re.findall(r"\w+", text.lower()))
