"""Models: which are configured, and what their servers say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from fastapi import APIRouter
from kontora_agents.errors import ModelError
from kontora_agents.model import ModelInfo
from kontora_agents.model_server import ModelServer
from kontora_worker.settings import ModelSettings

from kontora_api.documents import API
from kontora_api.parts import Items, TheHouse
from kontora_api.system_documents import ModelDocument

router = APIRouter(prefix=API, tags=["Models"])

#: How long a server may take for one answer, in seconds.
_PATIENCE_S = 3.0
REHEARSAL = "scripted, not a language model"


@router.get("/models")
def list_models(house: TheHouse) -> Items[ModelDocument]:
    """List the configured models, whether their servers answer, and what is installed there."""
    configured = house.settings.models
    with ThreadPoolExecutor(max_workers=8, thread_name_prefix="models") as pool:
        return Items(items=list(pool.map(describe, configured, configured.values())))


def describe(name: str, settings: ModelSettings) -> ModelDocument:
    """Ask the server of one configured model what it has."""
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
