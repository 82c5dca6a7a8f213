"""`kontora config`: the settings as they are, and where each comes from."""

from __future__ import annotations

import json
from typing import Any

import typer

from kontora_cli.failures import OK
from kontora_cli.options import Home, Json
from kontora_cli.output import note, show, table

app = typer.Typer(help="See the settings.", no_args_is_help=True)

#: How references to secrets begin.
_PLAIN = ("env:", "file:")


@app.callback()
def _group() -> None:
    """See the settings."""


@app.command("show")
def show_config(home: Home = None, as_json: Json = False) -> int:
    """Show every setting, its value and where it was read. Secrets are not shown."""
    from kontora_worker.settings import load_settings

    settings = load_settings(home)
    values = settings.model_dump(mode="json", exclude={"origin", "connectors"})
    values["connectors"] = {name: _masked(one.model_dump(mode="json")) for name, one in settings.connectors.items()}
    found = {
        name: {"value": value, "origin": settings.origin.get(name, "default")} for name, value in sorted(values.items())
    }
    rows = [(name, _text(one["value"]), one["origin"]) for name, one in found.items()]
    show(found, table(("setting", "value", "from"), rows, empty=""), as_json=as_json)
    note(f"File of settings: {settings.file}{'' if settings.file.is_file() else ' (not there)'}")
    return OK


def _masked(connector: dict[str, Any]) -> dict[str, Any]:
    """A connector's settings without its secrets; of a kind that cannot be loaded, every text may be one."""
    from kontora_connectors.registry import BrokenPlugin, UnknownKind, load

    try:
        fields = load(str(connector["kind"])).config_model.model_fields
        secret = {name for name, field in fields.items() if "SecretStr" in str(field.annotation)}
    except (UnknownKind, BrokenPlugin):
        secret = set(connector) - {"kind"}
    return {name: _hidden(value) if name in secret else value for name, value in connector.items()}


def _hidden(value: Any) -> Any:
    """A secret's place; a reference to a secret is none."""
    return value if isinstance(value, str) and value.startswith(_PLAIN) else "**********"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
