"""`kontora models`: which models agents are given, and what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from kontora_cli.failures import OK, UNAVAILABLE
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import show, table

if TYPE_CHECKING:
    from kontora_agents.model import ModelInfo

app = typer.Typer(help="See the models.", no_args_is_help=True)


@app.command("list")
def list_models(home: Home = None, as_json: Json = False) -> int:
    """List the configured models and what their servers have installed."""
    from kontora_api.configured import models

    with opened(home) as house:
        found = models(house.settings.models)
    rows: list[tuple[str, ...]] = []
    for one in found:
        if one.detail:
            rows.append((one.name, one.server, one.model, "", one.detail))
        for model in one.installed:
            rows.append((one.name, one.server, model.name, model.parameter_size, _tools(model)))
    empty = "No model is configured. `kontora init` writes a kontora.toml that shows how."
    documents = {"items": [one.model_dump(mode="json") for one in found]}
    show(documents, table(("model", "server", "installed", "size", "detail"), rows, empty=empty), as_json=as_json)
    return OK if all(one.ok for one in found) else UNAVAILABLE


def _tools(model: ModelInfo) -> str:
    return "calls tools" if model.calls_tools else "no tools"
