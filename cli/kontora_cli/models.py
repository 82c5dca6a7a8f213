"""`kontora models`: which models agents are given, what is installed, and what is known about the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kontora_cli import model_facts, model_trials
from kontora_cli.failures import OK, UNAVAILABLE
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import note, show, table

if TYPE_CHECKING:
    from kontora_agents.model import ModelInfo
    from kontora_api.system_documents import ModelDocument

app = typer.Typer(help="See, choose, fetch and try the models.", no_args_is_help=True)

Whole = Annotated[bool, typer.Option("--catalogue", help="Every model of the catalogue instead.")]


@app.command("list")
def list_models(whole: Whole = False, home: Home = None, as_json: Json = False) -> int:
    """List the configured models and what their servers have installed, or every model of the catalogue."""
    from kontora_api.configured import models

    with opened(home) as house:
        found = models(house.settings, house.model_records)
    if whole:
        _show_catalogue(found, as_json)
        return OK
    rows: list[tuple[str, ...]] = []
    for one in found:
        if one.detail:
            rows.append((one.name, one.server, one.model, "", "", "", one.detail))
        rows += [(one.name, one.server, *_installed(model)) for model in one.installed]
    empty = "No model is configured. `kontora init` writes a kontora.toml that shows how."
    documents = {"items": [one.model_dump(mode="json") for one in found]}
    headings = ("model", "server", "installed", "size", "catalogue", "licence", "detail")
    show(documents, table(headings, rows, empty=empty), as_json=as_json)
    for one in found:
        if one.remark:
            note(one.remark)
    note("More models: kontora models list --catalogue")
    return OK if all(one.ok for one in found) else UNAVAILABLE


def _installed(model: ModelInfo) -> tuple[str, ...]:
    from kontora_agents.catalogue import catalogue

    known = catalogue().find(model.name)
    tools = "calls tools" if model.calls_tools else "no tools"
    return model.name, model.parameter_size, known.id if known else "", model.licence or "no text", tools


def _show_catalogue(found: list[ModelDocument], as_json: bool) -> None:
    """Print the catalogue, and which of its models are installed somewhere."""
    from kontora_agents.catalogue import catalogue

    there = [catalogue().find(model.name) for one in found for model in one.installed]
    installed = {model.id for model in there if model}
    documents: list[dict[str, Any]] = []
    for model in catalogue().models.values():
        document = {
            "model": model.id,
            "pull": model.ollama[0],
            "maker": model.maker.value,
            "parameters_b": model.parameters_b.value,
            "context": model.context.value,
            "tools": model.tools.value,
            "licence": model.licence.value,
            "installed": model.id in installed,
        }
        documents.append(document)
    rows = [
        (d["model"], d["maker"], d["parameters_b"], d["context"], _yes(d["tools"]), d["licence"], _yes(d["installed"]))
        for d in documents
    ]
    headings = ("model", "maker", "billions", "context", "tools", "licence", "installed")
    show({"items": documents}, table(headings, rows, empty="The catalogue is empty."), as_json=as_json)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


app.command("show")(model_facts.show_model)
app.command()(model_facts.licence)
app.command()(model_facts.recommend)
app.command()(model_trials.pull)
app.command()(model_trials.probe)
app.command()(model_trials.bench)
