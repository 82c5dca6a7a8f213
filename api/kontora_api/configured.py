"""The configured models and connectors as their systems say they are, for REST and the command line."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

from kontora_agents.catalogue.policy import LicencePolicy
from kontora_agents.errors import ModelError
from kontora_agents.licensed_model import rule
from kontora_agents.model import ModelInfo
from kontora_agents.model_http import Deadlines
from kontora_agents.model_server import ModelServer
from kontora_agents.openai_model import OpenAIModel
from kontora_connectors.registry import BrokenPlugin, UnknownKind, kinds
from kontora_worker.doors import ConfiguredDoors
from kontora_worker.model_records import ModelRecords
from kontora_worker.settings import ModelSettings, Settings, SettingsInvalid, read_secret
from kontora_workflows.engine.ports import BindingMissing

from kontora_api.system_documents import ConnectorHealth, Connectors, ConnectorSummary, KindDocument, ModelDocument

#: How long a model server may take for one answer, in seconds.
_PATIENCE_S = 3.0
REHEARSAL = "scripted, not a language model"


def connectors(settings: Settings, doors: ConfiguredDoors) -> Connectors:
    """Every configured connector, and every installed kind. No system is touched."""
    return Connectors(
        items=[_summary(settings, doors, name) for name in doors.names()],
        kinds=[KindDocument.model_validate(kind) for kind in kinds().values()],
    )


def _summary(settings: Settings, doors: ConfiguredDoors, name: str) -> ConnectorSummary:
    try:
        return ConnectorSummary.of(name, doors.kind(name))
    except (UnknownKind, BrokenPlugin) as error:
        return ConnectorSummary.broken(name, settings.connectors[name].kind, str(error))


def connector_health(doors: ConfiguredDoors, name: str) -> ConnectorHealth:
    """Ask a system whether it answers; a no is an answer too. Raises `BindingMissing` for a name that is unknown,
    `UnknownKind`, `BrokenPlugin`."""
    doors.kind(name)
    try:
        return ConnectorHealth.of(name, doors.open(name).check())
    except BindingMissing as error:
        return ConnectorHealth(name=name, ok=False, detail=f"{error.message} {error.hint}".strip(), latency_ms=None)


def models(settings: Settings, records: ModelRecords) -> list[ModelDocument]:
    """Ask the server of every configured model what it has, all at once."""
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="models") as pool:
        asked = partial(_model, policy=settings.licences, records=records)
        return list(pool.map(asked, settings.models, settings.models.values()))


def _model(name: str, settings: ModelSettings, policy: LicencePolicy, records: ModelRecords) -> ModelDocument:
    if settings.server == "rehearsal":
        return ModelDocument(
            name=name,
            server="rehearsal",
            model=settings.script,
            rehearsal=True,
            ok=True,
            detail=REHEARSAL,
            installed=[],
        )
    try:
        if settings.server == "openai":
            installed = asyncio.run(_served(settings))
            detail, remark = _not_served(settings, installed), ""
        else:
            found = ModelServer(settings.url, seconds=_PATIENCE_S).models()
            installed = [records.correct(settings.url, model) for model in found]
            detail, remark = _lacking(settings, installed, policy)
    except (ModelError, SettingsInvalid) as failure:
        error = failure if isinstance(failure, ModelError) else ModelError(str(failure))
        installed, detail, remark = [], f"{error.message} {error.hint}".strip(), ""
    shown = _without_password(settings.url)
    return ModelDocument(
        name=name,
        server=shown,
        model=settings.name,
        rehearsal=False,
        ok=not detail,
        detail=detail.replace(settings.url.rstrip("/"), shown),
        remark=remark,
        installed=installed,
    )


async def _served(settings: ModelSettings) -> list[ModelInfo]:
    """What an OpenAI-compatible server lists. Raises `ModelError`, `SettingsInvalid`."""
    key = read_secret(settings.key.get_secret_value()) if settings.key else ""
    deadlines = Deadlines(_PATIENCE_S, _PATIENCE_S, _PATIENCE_S)
    async with OpenAIModel(settings.url, key=key, deadlines=deadlines, pause=0.1) as client:
        return list((await client.models()).values())


def _not_served(settings: ModelSettings, served: list[ModelInfo]) -> str:
    """What keeps agents from working with this model, as far as a list of names tells."""
    names = [model.name for model in served]
    if settings.name in names:
        return ""
    said = ", ".join(names[:5]) or "none"
    return f"{settings.name or 'no `name`'} is not what {settings.url} serves: {said}"


def _lacking(settings: ModelSettings, installed: list[ModelInfo], policy: LicencePolicy) -> tuple[str, str]:
    """What keeps agents from working with this model (empty if nothing does), and what else should be known of it."""
    wanted = (settings.name, f"{settings.name}:latest")
    if settings.name and not any(model.name in wanted for model in installed):
        return f"{settings.name} is not installed: ollama pull {settings.name}", ""
    able = [model for model in installed if model.calls_tools]
    if not able:
        return "No model here can call tools: ollama pull qwen3:8b", ""
    rulings = [
        rule(policy, model)
        for model in (installed if settings.name else able)
        if not settings.name or model.name in wanted
    ]
    ruling = next((one for one in rulings if one.allowed), rulings[0])
    if not ruling.allowed:
        return f"{ruling.model} may not be used here: {ruling.why}", ""
    return "", f"{ruling.model}: {ruling.remark}" if ruling.remark else ""


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
