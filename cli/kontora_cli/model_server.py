"""Which model on which server a command is about, and what this machine has room for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from kontora_cli.failures import CONFIGURATION, CliError

if TYPE_CHECKING:
    from kontora_worker.house import House

Name = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="A model of kontora.toml, or as Ollama calls it; else the default one."),
]
Url = Annotated[str | None, typer.Option("--url", help="The Ollama server; else that of the default model.")]

#: The share of a machine's memory that a model may take: the rest is for everything else.
_SHARE = 0.8
_OLLAMA = "http://127.0.0.1:11434"


@dataclass(frozen=True)
class Meant:
    """A model and its server. `name` is empty where kontora.toml names a server and no model."""

    name: str
    url: str


def meant(house: House, name: str | None, url: str | None) -> Meant:
    """The model that somebody means. Raises `CliError` for a rehearsal, and for a server that is not Ollama."""
    models = house.settings.models
    settings = models.get(name or "default")
    if settings is None or (url and not name):
        default = models.get("default")
        own = default.url if default and default.server == "ollama" else _OLLAMA
        return Meant(name or "", (url or own).rstrip("/"))
    if settings.server == "rehearsal":
        if name is None:
            return Meant("", (url or _OLLAMA).rstrip("/"))
        what, why = f"{name!r} is not a language model.", "kontora.toml says that it is a rehearsal: it plays scripts."
        raise CliError(CONFIGURATION, "rehearsal", what, why, "Name a model as Ollama calls it, e.g. qwen3:8b.")
    if settings.server != "ollama" and not url:
        what = f"The server of {name or 'default'!r} is not Ollama."
        why = (
            f"kontora.toml says that it is {settings.server}; models are fetched, compared and tried over Ollama only."
        )
        raise CliError(CONFIGURATION, "not_ollama", what, why, "Name an Ollama server with --url.")
    return Meant(settings.name, (url or settings.url).rstrip("/"))


def one_model(house: House, name: str | None, url: str | None) -> Meant:
    """The same, with a name: where none is meant, the first installed one that calls tools. Raises `ModelError`."""
    from kontora_agents.model_server import ModelServer

    found = meant(house, name, url)
    if found.name:
        return found
    installed = ModelServer(found.url).models()
    first = next((model.name for model in installed if model.calls_tools), "")
    if not first and not installed:
        why = f"No model is installed at {found.url}."
        raise CliError(CONFIGURATION, "no_model", "There is nothing to try.", why, "kontora models recommend")
    return Meant(first or installed[0].name, found.url)


def room_gb() -> float:
    """GB of this machine's memory that a model may take: four fifths of it; 0 where the system will not say."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0.0
    return round(total / 1e9 * _SHARE, 1)
