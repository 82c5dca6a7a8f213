"""The configured models and connectors as their systems say they are, for REST and the command line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from kontora_agents.errors import ModelError
from kontora_agents.model import ModelInfo
from kontora_agents.model_server import ModelServer
from kontora_connectors.registry import BrokenPlugin, UnknownKind, kinds
from kontora_worker.doors import ConfiguredDoors
from kontora_worker.settings import ModelSettings, Settings
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


def models(configured: dict[str, ModelSettings]) -> list[ModelDocument]:
    """Ask the server of every configured model what it has, all at once."""
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="models") as pool:
        return list(pool.map(_model, configured, configured.values()))


def _model(name: str, settings: ModelSettings) -> ModelDocument:
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
        installed = ModelServer(settings.url, seconds=_PATIENCE_S).models()
        detail = _lacking(settings, installed)
    except ModelError as error:
        installed, detail = [], f"{error.message} {error.hint}".strip()
    shown = _without_password(settings.url)
    return ModelDocument(
        name=name,
        server=shown,
        model=settings.name,
        rehearsal=False,
        ok=not detail,
        detail=detail.replace(settings.url.rstrip("/"), shown),
        installed=installed,
    )


def _lacking(settings: ModelSettings, installed: list[ModelInfo]) -> str:
    """What keeps agents from working with this model; empty if nothing does."""
    if settings.name and settings.name not in [model.name for model in installed]:
        return f"{settings.name} is not installed: ollama pull {settings.name}"
    if not any(model.calls_tools for model in installed):
        return "No model here can call tools: ollama pull qwen3:8b"
    return ""


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
