"""The exercises of the bench: what is asked, and what a good answer does."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import Field

from kontora_agents.catalogue.fact import Part

Language = Literal["en", "ru"]


class Read(Part):
    """A call that has to be made; other arguments than these do not matter."""

    tool: str
    arguments: dict[str, str] = Field(default_factory=dict)


class Exercise(Part):
    """One exercise in one language."""

    id: str
    language: Language
    asks: str
    reads: list[Read] = Field(default_factory=list)
    writes: list[dict[str, str]] = Field(default_factory=list, description="arguments of `create_reminder`")
    never: list[str] = Field(default_factory=list, description="tools that must not be called")
    says: list[list[str]] = Field(default_factory=list, description="of each list, one has to stand in the answer")


def _text() -> str:
    return files("kontora_agents.trials").joinpath("exercises.yaml").read_text(encoding="utf-8")


@cache
def exercises() -> list[Exercise]:
    """Every exercise in every language."""
    written = yaml.safe_load(_text())
    return [_in(language, one) for one in written for language in ("en", "ru")]


def version() -> str:
    """A short name of these exercises as they are now: scores are comparable where it is the same."""
    return hashlib.sha256(_text().encode()).hexdigest()[:8]


def _in(language: str, written: dict[str, Any]) -> Exercise:
    """An exercise in a language: values that differ are written under `en` and `ru`."""
    own = {
        key: value[language] if isinstance(value, dict) and set(value) == {"en", "ru"} else value
        for key, value in written.items()
    }
    return Exercise(language=language, **own)
