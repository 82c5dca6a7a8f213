"""The configured models. Real data is never given to a rehearsal unless the settings say so in plain words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import get_args

from kontora_agents.catalogue import catalogue
from kontora_agents.catalogue.policy import LicencePolicy, Ruling, judge
from kontora_agents.errors import ModelError, ModelMissing, ModelNotAllowed, ModelUnsuitable
from kontora_agents.licensed_model import LicensedModel, rule
from kontora_agents.model_server import ModelServer
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.openai_model import OpenAIModel
from kontora_connectors import DataClass, Zone
from kontora_connectors.data_classes import HIGHEST, highest
from kontora_workflows.engine.ports import ChosenModel

from kontora_worker.model_records import ModelRecords
from kontora_worker.settings import ModelSettings
from kontora_worker.zones import zone_of

log = logging.getLogger("kontora.models")

#: What a plan in the ledger calls the rehearsal server, whose port changes.
REHEARSAL = "rehearsal"


class ConfiguredModels:
    """Models of `[models.*]` by name; `default` is used where an agent names none."""

    def __init__(
        self,
        models: dict[str, ModelSettings],
        rehearsal_url: Callable[[], str],
        policy: LicencePolicy,
        records: ModelRecords,
        *,
        external: bool = False,
        secret: Callable[[str], str] = str,
    ) -> None:
        self._models, self._rehearsal_url = models, rehearsal_url
        self._policy, self._records = policy, records
        self._external, self._secret = external, secret
        self._clients: dict[str, OllamaModel | OpenAIModel] = {}
        self._licensed: dict[str, LicensedModel] = {}

    def choose(self, wanted: str | None, workflow: str, agent: str, *, tools: bool) -> ChosenModel:
        """The model for an agent. Raises `ModelError`."""
        name = wanted or "default"
        if name not in self._models:
            raise ModelMissing(
                f"No model {name!r} is configured.",
                hint="Install Ollama and a model that calls tools; name it under [models.default] in kontora.toml.",
            )
        settings = self._models[name]
        if settings.server == "rehearsal":
            script = f"@{settings.script}" if settings.script else ""
            return self.again(f"rehearsal/{workflow}/{agent}{script}", REHEARSAL)
        if settings.server == "openai" and not settings.name:
            raise ModelMissing(
                f"No `name` is set under [models.{name}].", hint=f"`kontora doctor` lists what {settings.url} serves."
            )
        if not settings.name:
            self._zone(settings.url, "")  # before its server is asked what it has
        return self.again(settings.name or self._first(settings.url, tools), settings.url)

    def _first(self, url: str, tools: bool) -> str:
        """The first installed model that can do it and may be used."""
        installed = [self._records.correct(url, info) for info in ModelServer(url).models()]
        able = [info for info in installed if info.calls_tools or not tools]
        rulings = [rule(self._policy, info) for info in able]
        for ruling in rulings:
            if ruling.allowed:
                return ruling.model
        if rulings:
            rulings[0].enforce()
        raise ModelUnsuitable(f"No model at {url} can call tools.", hint="ollama pull qwen3:8b")

    def again(self, name: str, server: str) -> ChosenModel:
        """A model by name and server, as a plan in the ledger has them. Raises `ModelNotAllowed`.

        Its licence text is looked at before the first question that goes out.
        """
        if server == REHEARSAL:
            url = self._rehearsal_url()
            return ChosenModel(self._client(url), name, server, True, self._limit(server))
        judge(self._policy, catalogue(), name, None).enforce()
        zone = self._zone(server, name)
        if server not in self._licensed:  # kept, so that a licence is looked at once and remarked on once
            self._licensed[server] = LicensedModel(self._client(server), self._policy)
        model = self._licensed[server]
        held = self._settings_of(server).may_hold or HIGHEST[zone]
        approved = self._approved(server, held)
        return ChosenModel(model, name, server, False, self._limit(server), zone, held, approved)

    def _zone(self, server: str, name: str) -> Zone:
        """Where a model is. Raises `ModelNotAllowed` if such models are not asked here."""
        zone = self._settings_of(server).zone or zone_of(server, name)
        if zone == "external" and not self._external:
            what = f"The model {name!r} at {server}" if name else f"The model server at {server}"
            raise ModelNotAllowed(
                f"{what} is outside of the house, and such models are not asked here.",
                hint="Name a model that runs here, or set external_models = true; `zone` corrects where a model is.",
            )
        return zone

    def _approved(self, server: str, held: DataClass) -> DataClass:
        """What a model may hold in a text that a person approved: the least that its server's settings say.

        It is never less than what it may hold unasked.
        """
        said = [one.may_hold_approved or one.may_hold or held for one in self._naming(server)]
        return highest([held, min(said, key=get_args(DataClass).index, default=held)])

    def _naming(self, url: str) -> list[ModelSettings]:
        return [one for one in self._models.values() if one.server != REHEARSAL and one.url == url]

    def _settings_of(self, url: str) -> ModelSettings:
        """The settings of a server: of all that name it, those that allow least."""
        return min(self._naming(url), key=_allows, default=ModelSettings(url=url))

    def ruling(self, wanted: str | None) -> Ruling | None:
        """What the policy says about the model of an agent, as far as that is known without asking its server."""
        settings = self._models.get(wanted or "default")
        if settings is None or settings.server == "rehearsal" or not settings.name:
            return None
        return judge(self._policy, catalogue(), settings.name, None)

    def refusal(self, wanted: str | None) -> str:
        """Why the model of an agent may not be used; empty if nothing speaks against it so far."""
        ruling = self.ruling(wanted)
        return "" if ruling is None or ruling.allowed else f"{ruling.model} may not be used here: {ruling.why}"

    def _client(self, url: str) -> OllamaModel | OpenAIModel:
        if url not in self._clients:
            settings = self._settings_of(url)
            if settings.server == "openai":
                key = self._secret(settings.key.get_secret_value()) if settings.key else ""
                self._clients[url] = OpenAIModel(url, key=key, writes=settings.writes)
            else:
                corrected = partial(self._records.correct, url)
                self._clients[url] = OllamaModel(url, corrected=corrected, keep_alive=settings.keep_alive)
        return self._clients[url]

    def warm(self) -> None:
        """Let the models that are to be loaded beforehand be loaded; what cannot be is logged. It may take minutes."""
        for settings in self._models.values():
            if settings.warm and settings.server == "ollama" and settings.name:
                try:
                    asyncio.run(self._warm(settings))
                except ModelError as error:
                    log.warning("%s is not loaded: %s %s", settings.name, error.message, error.hint)

    async def _warm(self, settings: ModelSettings) -> None:
        async with OllamaModel(settings.url, keep_alive=settings.keep_alive) as client:
            await client.warm(settings.name)

    async def aclose(self) -> None:
        """Close the connections that belong to the running event loop."""
        for client in self._clients.values():
            await client.aclose()

    def _limit(self, server: str) -> int | None:
        """The limit of a server: the lowest of those that its models name."""
        places = {
            model.limit
            for model in self._models.values()
            if (REHEARSAL if model.server == REHEARSAL else model.url) == server
        }
        return min((limit for limit in places if limit is not None), default=None)


def _allows(settings: ModelSettings) -> tuple[int, int]:
    """How much settings of a model allow, as something to sort by."""
    zone = settings.zone or zone_of(settings.url, settings.name)
    held = settings.may_hold or HIGHEST[zone]
    return get_args(DataClass).index(held), -get_args(Zone).index(zone)
