"""The whole catalogue, read from its files, and how things are found in it."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import Field

from kontora_agents.catalogue.entry import CatalogueModel
from kontora_agents.catalogue.fact import Part, with_sources
from kontora_agents.catalogue.licence import Licence, plain

#: What `Catalogue.recognise` says of a text that is none of its licences.
UNKNOWN = "unknown"


class Recognised(Part):
    """What the licence text of an installed model is. `licence`: an id, `unknown`, or nothing if there is no text."""

    licence: str = ""
    how: Literal["text", "longer", "unknown", "missing"] = Field(
        description="`longer`: it begins as a known licence and has something added, so it counts as unknown"
    )
    like: str = Field("", description="the licence whose phrases it has, if it is longer")


class Catalogue(Part):
    """Models and licences by id."""

    models: dict[str, CatalogueModel]
    licences: dict[str, Licence]

    def find(self, name: str) -> CatalogueModel | None:
        """The model that Ollama calls `name`, or that has this id; None if it is not in the catalogue.

        A tag names a size or a quantisation: `qwen3:8b-q4_K_M` is `qwen3:8b`.
        """
        wanted = name.lower().removesuffix(":latest")
        if wanted in self.models:
            return self.models[wanted]
        for model in self.models.values():
            if wanted in model.ollama:
                return model
        sized = [(own, model) for model in self.models.values() for own in model.ollama if ":" in own]
        fitting = [(len(own), model.id) for own, model in sized if wanted.startswith(f"{own}-")]
        return self.models[max(fitting)[1]] if fitting else None

    def nearest(self, name: str) -> str:
        """The name in the catalogue that is most like `name`; empty if none is."""
        names = {own: own for model in self.models.values() for own in (*model.ollama, model.id)}
        return next(iter(difflib.get_close_matches(name.lower(), names, 1, 0.5)), "")

    def recognise(self, text: str) -> Recognised:
        """Say which licence a text is. Of several that fit, the one with more of its words in it."""
        words = plain(text)
        if not words:
            return Recognised(how="missing")
        fitting = [licence for licence in self.licences.values() if licence.matches(words)]
        if not fitting:
            return Recognised(licence=UNKNOWN, how="unknown")
        best = max(fitting, key=lambda licence: sum(map(len, licence.phrases)))
        if best.longest is not None and len(words) > best.longest:
            return Recognised(licence=UNKNOWN, how="longer", like=best.id)
        return Recognised(licence=best.id, how="text")


@cache
def catalogue() -> Catalogue:
    """The catalogue that is shipped. It is read once."""
    folder = files("kontora_agents.catalogue")
    licences = _read(folder / "licences.yaml")
    models: dict[str, Any] = {}
    for file in sorted((folder / "families").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            family = _read(file)
            for model in family["models"]:
                models[model["id"]] = {"family": family["family"], "maker": family["maker"], **model}
    by_id = {licence["id"]: licence for licence in licences["licences"]}
    return Catalogue.model_validate({"models": models, "licences": by_id})


def _read(file: Any) -> dict[str, Any]:
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    sources = {name: {"url": url, "checked": checked} for name, (url, checked) in data.pop("sources").items()}
    written: dict[str, Any] = with_sources(data, sources)
    return written
