"""Which licences may be used for what, and what that says about one model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from kontora_agents.catalogue.fact import Part
from kontora_agents.catalogue.licence import Licence
from kontora_agents.catalogue.shelf import UNKNOWN, Catalogue, catalogue
from kontora_agents.errors import ModelNotAllowed


class LicencePolicy(Part):
    """What models may be used here, judged by their licence."""

    use: Literal["commercial", "research"] = Field(
        "commercial", description="commercial: licences that forbid business use are refused"
    )
    allow: list[str] = Field(
        default_factory=list, description="licences (ids of the catalogue) or models that are taken whatever else holds"
    )
    refuse: list[str] = Field(default_factory=list, description="licences or models that are refused")
    unknown: Literal["refuse", "warn"] = Field(
        "warn", description="what happens to a model whose licence is not in the catalogue"
    )

    @field_validator("allow", "refuse")
    @classmethod
    def _name_something(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in catalogue().licences and ":" not in name and catalogue().find(name) is None:
                raise ValueError(
                    f"{name!r} is no licence and no model of the catalogue; one of your own has a tag, as in name:tag"
                )
        return names


class Ruling(Part):
    """What a policy says about one model. `remark`: what a person should know although it is allowed."""

    model: str
    licence: str = Field(description="id, `unknown`, or nothing if no one has looked at the installed model yet")
    allowed: bool
    why: str = ""
    remark: str = ""

    def enforce(self) -> None:
        """Raise `ModelNotAllowed` if the model may not be used."""
        if not self.allowed:
            raise ModelNotAllowed(
                f"{self.model} may not be used here: {self.why}",
                hint="Choose another one (`kontora models recommend`), or change [licences] in kontora.toml.",
            )


def judge(policy: LicencePolicy, shelf: Catalogue, model: str, installed: str | None) -> Ruling:
    """Say whether a model may be used.

    `installed` is the licence that the text of the installed model was recognised as: an id, `unknown`, empty if it
    carries no text, None if its server was not asked. Where the catalogue says another, both have to be allowed.
    """
    entry = shelf.find(model)
    claimed = entry.licence.value if entry else ""
    shown = installed or claimed
    names = {model.lower(), model.lower().removesuffix(":latest"), *([entry.id, *entry.ollama] if entry else [])}
    if names & set(policy.allow) or {shown, claimed} & set(policy.allow):
        return Ruling(model=model, licence=shown, allowed=True)
    if names & set(policy.refuse):
        return Ruling(model=model, licence=shown, allowed=False, why="[licences] refuses this model.")
    for licence in filter(None, (shelf.licences.get(installed or ""), shelf.licences.get(claimed))):
        if why := _refused(policy, licence):
            return Ruling(model=model, licence=licence.id, allowed=False, why=why)
    if installed == UNKNOWN or (installed == "" and not claimed):
        why = f"{_what(installed)}, so nobody here knows its conditions."
        return Ruling(model=model, licence=UNKNOWN, allowed=policy.unknown == "warn", why=why, remark=why)
    return Ruling(model=model, licence=shown, allowed=True, remark=_remark(installed, claimed))


def _refused(policy: LicencePolicy, licence: Licence) -> str:
    if licence.id in policy.refuse:
        return f"[licences] refuses its licence, {licence.title}."
    if policy.use == "commercial" and not licence.commercial.value:
        return f"its licence, {licence.title}, forbids commercial use, and [licences] says that this is one."
    return ""


def _what(installed: str | None) -> str:
    return "its licence text is not one of the catalogue" if installed else "it carries no licence text"


def _remark(installed: str | None, claimed: str) -> str:
    if installed == "":
        return f"it carries no licence text; the catalogue says {claimed}."
    if installed and claimed and installed != claimed:
        return f"it carries the licence {installed}, and the catalogue says {claimed}."
    return ""
