"""Which model on which server a command is about."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from kontora_cli.failures import CONFIGURATION, CliError

if TYPE_CHECKING:
    from kontora_agents.ollama_model import OllamaModel
    from kontora_agents.openai_model import OpenAIModel
    from kontora_worker.house import House
    from kontora_worker.settings import ModelSettings

Name = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="A model of kontora.toml, or as its server calls it; else the default one."),
]
Url = Annotated[str | None, typer.Option("--url", help="The Ollama server; else that of the default model.")]
AnyUrl = Annotated[
    str | None,
    typer.Option("--url", help="The model server, an OpenAI-compatible one with /v1; else that of the default model."),
]

_OLLAMA = "http://127.0.0.1:11434"


@dataclass(frozen=True)
class Meant:
    """A model and its server. `name` is empty where kontora.toml names a server and no model."""

    name: str
    url: str
    server: Literal["ollama", "openai"] = "ollama"


def meant(house: House, name: str | None, url: str | None) -> Meant:
    """The model that somebody means. Raises `CliError` for a rehearsal, and for a server that is not Ollama."""
    found = _meant(house.settings.models, name, url, ("ollama",))
    if found.server != "ollama":
        what = f"The server of {name or 'default'!r} is not Ollama."
        why = (
            f"{found.url} is an OpenAI-compatible server; models are fetched and their licences read over Ollama only."
        )
        raise CliError(CONFIGURATION, "not_ollama", what, why, "Name an Ollama server with --url.")
    return found


def one_model(house: House, name: str | None, url: str | None) -> Meant:
    """A model on any server, with a name: where none is meant, the first installed one that calls tools.

    Raises `CliError`, `ModelError`.
    """
    from kontora_agents.model_server import ModelServer

    found = _meant(house.settings.models, name, url, ("ollama", "openai"))
    if found.name:
        return found
    if found.server == "openai":
        return _the_only_one(house, found)
    installed = ModelServer(found.url).models()
    first = next((model.name for model in installed if model.calls_tools), "")
    if not first and not installed:
        why = f"No model is installed at {found.url}."
        raise CliError(CONFIGURATION, "no_model", "There is nothing to try.", why, "kontora models recommend")
    return Meant(first or installed[0].name, found.url)


def client_of(house: House, what: Meant) -> OllamaModel | OpenAIModel:
    """A client for a server, which believes what the server says and not what earlier probes found.

    Raises `ModelNotAllowed` for a model that is not asked from here, `SettingsInvalid` for a key that is not there.
    """
    from kontora_agents.ollama_model import OllamaModel

    return OllamaModel(what.url) if what.server == "ollama" else _openai(house, what)


def _openai(house: House, what: Meant) -> OpenAIModel:
    from kontora_agents.openai_model import OpenAIModel
    from kontora_worker.settings import read_secret

    house.models.again(what.name, what.url)  # refuses what must not be asked: a model outside of the house, a licence
    settings = _configured(house.settings.models, what.url)
    key = read_secret(settings.key.get_secret_value()) if settings and settings.key else ""
    return OpenAIModel(what.url, key=key, writes=bool(settings and settings.writes))


def _the_only_one(house: House, found: Meant) -> Meant:
    """The model of a server that does not say which of its models call tools."""

    async def served() -> list[str]:
        async with _openai(house, found) as client:
            return list(await client.models())

    names = asyncio.run(served())
    if len(names) == 1:
        return Meant(names[0], found.url, "openai")
    what, why = "It is not said which model is meant.", f"{found.url} serves: {', '.join(names) or 'none'}."
    next_ = f"kontora models probe {names[0] if names else 'NAME'} --url {found.url}"
    raise CliError(CONFIGURATION, "no_model", what, why, next_)


def _meant(models: Mapping[str, ModelSettings], name: str | None, url: str | None, protocols: tuple[str, ...]) -> Meant:
    """The model that somebody means; where nothing says on which server, that of the default model, if it will do."""
    settings = models.get(name or "default")
    if settings is not None and settings.server == "rehearsal":
        if name is not None:
            what, why = (
                f"{name!r} is not a language model.",
                "kontora.toml says that it is a rehearsal: it plays scripts.",
            )
            raise CliError(CONFIGURATION, "rehearsal", what, why, "Name a model as Ollama calls it, e.g. qwen3:8b.")
        settings = None
    if settings is None or (url and not name):
        default = models.get("default")
        own = default.url if default and default.server in protocols else _OLLAMA
        wanted, where = name or "", url or own
    else:
        wanted, where = settings.name, url or settings.url
    where = where.rstrip("/")
    configured = _configured(models, where)
    openai = configured.server == "openai" if configured else urlsplit(where).path.endswith("/v1")
    return Meant(wanted, where, "openai" if openai else "ollama")


def _configured(models: Mapping[str, ModelSettings], url: str) -> ModelSettings | None:
    """The settings of a server that kontora.toml knows."""
    known = (one for one in models.values() if one.server != "rehearsal" and one.url.rstrip("/") == url)
    return next(known, None)
