"""The configured models. Real data is never given to a rehearsal unless the settings say so in plain words."""

from __future__ import annotations

from collections.abc import Callable

from kontora_agents.errors import ModelMissing, ModelUnsuitable
from kontora_agents.model_server import ModelServer
from kontora_agents.ollama_model import OllamaModel
from kontora_workflows.engine.ports import ChosenModel

from kontora_worker.settings import ModelSettings

#: What a plan in the ledger calls the rehearsal server, whose port changes.
REHEARSAL = "rehearsal"


class ConfiguredModels:
    """Models of `[models.*]` by name; `default` is used where an agent names none."""

    def __init__(self, models: dict[str, ModelSettings], rehearsal_url: Callable[[], str]) -> None:
        self._models, self._rehearsal_url = models, rehearsal_url
        self._clients: dict[str, OllamaModel] = {}

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
        return self.again(settings.name or self._first(settings.url, tools), settings.url)

    def _first(self, url: str, tools: bool) -> str:
        for info in ModelServer(url).models():
            if info.calls_tools or not tools:
                return info.name
        raise ModelUnsuitable(f"No model at {url} can call tools.", hint="ollama pull qwen3:8b")

    def again(self, name: str, server: str) -> ChosenModel:
        """A model by name and server, as a plan in the ledger has them."""
        url = self._rehearsal_url() if server == REHEARSAL else server
        client = self._clients.setdefault(url, OllamaModel(url))
        return ChosenModel(client, name, server, server == REHEARSAL, self._limit(server))

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
