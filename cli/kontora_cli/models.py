"""`kontora models`: which models agents are given, and what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from kontora_cli.failures import OK, UNAVAILABLE
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import show, table

if TYPE_CHECKING:
    from kontora_worker.settings import ModelSettings

app = typer.Typer(help="See the models.", no_args_is_help=True)

REHEARSAL = "rehearsal: scripted, not a language model"


@app.command("list")
def list_models(home: Home = None, as_json: Json = False) -> int:
    """List the configured models and what their servers have installed."""
    with opened(home) as house:
        found = {name: describe(settings) for name, settings in house.settings.models.items()}
    rows: list[tuple[Any, ...]] = []
    for name, said in found.items():
        if said["detail"]:
            rows.append((name, said["server"], said["name"], "", said["detail"]))
        for model in said["installed"]:
            tools = "calls tools" if "tools" in model["capabilities"] else "no tools"
            rows.append((name, said["server"], model["name"], model["parameter_size"], tools))
    empty = "No model is configured. `kontora init` writes a kontora.toml that shows how."
    show(found, table(("model", "server", "installed", "size", "detail"), rows, empty=empty), as_json=as_json)
    return OK if all(said["ok"] for said in found.values()) else UNAVAILABLE


def describe(settings: ModelSettings) -> dict[str, Any]:
    """What a configured model is and has: `ok`, `server`, `name`, `installed`, `detail`."""
    from kontora_agents.errors import ModelError
    from kontora_agents.model_server import ModelServer

    if settings.server == "rehearsal":
        return {"ok": True, "server": "rehearsal", "name": settings.script, "installed": [], "detail": REHEARSAL}
    said = {"ok": True, "server": settings.url, "name": settings.name, "installed": [], "detail": ""}
    try:
        models = ModelServer(settings.url, seconds=5).models()
    except ModelError as error:
        return said | {"ok": False, "detail": f"{error.message} {error.hint}".strip()}
    names = [model.name for model in models]
    if settings.name and settings.name not in names:
        return said | {"ok": False, "detail": f"{settings.name} is not installed: ollama pull {settings.name}"}
    if not any(model.calls_tools for model in models):
        return said | {"ok": False, "detail": "no model here can call tools: ollama pull qwen3:8b"}
    return said | {"installed": [model.model_dump(mode="json") for model in models]}
