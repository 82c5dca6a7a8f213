"""A model that is asked only if its licence allows what it is used for."""

from __future__ import annotations

import logging

from kontora_agents.catalogue import catalogue
from kontora_agents.catalogue.policy import LicencePolicy, Ruling, judge
from kontora_agents.model import ModelInfo
from kontora_agents.ollama_model import OllamaModel
from kontora_agents.openai_model import OpenAIModel
from kontora_agents.seams import ModelAnswer, ModelRequest

log = logging.getLogger("kontora.models")


class LicensedModel:
    """An `OllamaModel` whose licence text is looked at before the first question."""

    def __init__(self, model: OllamaModel | OpenAIModel, policy: LicencePolicy) -> None:
        self._model, self._policy = model, policy
        self._allowed: set[str] = set()

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Ask once. Raises `ModelNotAllowed`, and what `OllamaModel.answer` raises."""
        if request.model not in self._allowed:
            await self._look(request.model)
        return await self._model.answer(request)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._model.aclose()

    async def _look(self, name: str) -> None:
        ruling = rule(self._policy, await self._model.show(name))
        ruling.enforce()
        if ruling.remark:
            log.warning("%s: %s", name, ruling.remark)
        self._allowed.add(name)


def rule(policy: LicencePolicy, info: ModelInfo) -> Ruling:
    """Say whether an installed model may be used. A rehearsal may: it is a script and no model."""
    if info.rehearsal:
        return Ruling(model=info.name, licence="", allowed=True)
    return judge(policy, catalogue(), info.name, info.licence)
