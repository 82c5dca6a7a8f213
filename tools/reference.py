"""Writes docs/reference from the code: `python tools/reference.py`. A test compares it with what is there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from kontora_agents import errors as model_errors
from kontora_agents.catalogue.policy import LicencePolicy
from kontora_cli.failures import FAMILIES
from kontora_cli.main import app
from kontora_connectors import ConnectorError
from kontora_connectors.registry import interfaces_of, kinds, load
from kontora_worker.settings import (
    FROM_ENVIRONMENT,
    InstanceSettings,
    MailSettings,
    ModelSettings,
    Settings,
    WebhookSettings,
)
from kontora_workflows.definition import STEP_KINDS
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
NOTE = "<!-- Written by tools/reference.py from the code; `make fix` writes it anew. -->"


def pages() -> dict[str, str]:
    """Every page of the reference by the name of its file."""
    made = {"settings": settings, "commands": commands, "connectors": connectors, "errors": errors, "steps": steps}
    return {f"{name}.md": "\n".join([NOTE, "", *write(), ""]) for name, write in made.items()}


def settings() -> Iterator[str]:
    """Every setting."""
    yield from ["# Settings", "", (inspect.getdoc(inspect.getmodule(Settings)) or "").partition("\n\n")[2], ""]
    yield from ["| setting | environment | default | meaning |", "|-|-|-|-|"]
    for name, field in Settings.model_fields.items():
        if name in ("origin", "connectors", "roles", "models", "licences", "alerts", "file"):
            continue
        variable = f"`KONTORA_{name.upper()}`" if name in (*FROM_ENVIRONMENT, "home") else ""
        yield f"| `{name}` | {variable} | {_default(field)} | {field.description or ''} |"
    yield "| | `KONTORA_CONFIG` | `kontora.toml` here, else in the data folder | the file of settings |"
    yield from ["", "## `[models.NAME]`", "", inspect.getdoc(ModelSettings) or "", "", *_fields(ModelSettings)]
    yield from ["", "## `[licences]`", "", inspect.getdoc(LicencePolicy) or "", "", *_fields(LicencePolicy)]
    for channel, model in (("webhook", WebhookSettings), ("mail", MailSettings)):
        yield from ["", f"## `[alerts.{channel}]`", "", inspect.getdoc(model) or "", "", *_fields(model)]
    yield from ["", "## `[roles]`", "", "Role of a workflow = name of a connector.", "", "## `[connectors.NAME]`", ""]
    yield f"{inspect.getdoc(InstanceSettings)} See [connectors](connectors.md)."


def commands() -> Iterator[str]:
    """Every command with its arguments and options."""
    root = typer.main.get_command(app)
    yield from ["# Commands", "", root.help or "", "", " ".join(str(root.epilog).split())]
    yield from _command(root, "kontora")


def _command(command: Any, path: str) -> Iterator[str]:
    for name, below in getattr(command, "commands", {}).items():
        here = f"{path} {name}"
        if getattr(below, "commands", None):
            yield from _command(below, here)
            continue
        arguments = [p for p in below.params if p.param_type_name == "argument"]
        options = [p for p in below.params if p.param_type_name == "option" and not p.hidden]
        words = "".join(f" {_word(p)}" for p in arguments)
        yield from ["", f"## `{here}{words}`", "", below.help or "", ""]
        for one in arguments:
            yield f"- `{_word(one)}`: {one.help or ''}"
        for one in options:
            value = "" if one.is_flag else f" {one.metavar or 'VALUE'}"
            yield f"- `{', '.join(one.opts)}{value}`: {one.help or ''}"


def _word(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def connectors() -> Iterator[str]:
    """Every built-in kind of connector, its settings and tools."""
    yield from ["# Built-in connectors"]
    for name in kinds():
        cls = load(name)
        if not cls.__module__.startswith("kontora_connectors."):
            continue
        yield from ["", f"## `{name}`", "", inspect.getdoc(cls) or "", ""]
        yield from [f"Interfaces: {', '.join(f'`{one}`' for one in interfaces_of(cls)) or 'none'}.", ""]
        yield from _fields(cls.config_model)
        yield from ["", "| tool | effect | what it does |", "|-|-|-|"]
        for tool in cls.tools().values():
            taken = ", ".join(tool.arguments.model_fields)
            effect = tool.effect if tool.effect == "read" else f"write, {tool.mark.idempotency}"
            yield f"| `{tool.name}({taken})` | {effect} | {' '.join(tool.description.split())} |"


def errors() -> Iterator[str]:
    """Every error a person or program can meet."""
    yield from ["# Errors", "", "What the command line says has three lines: what, why, what to do next.", ""]
    yield from ["| code | exit code | what | next |", "|-|-|-|-|"]
    for family in sorted(FAMILIES.values(), key=lambda family: family.code):
        yield f"| `{family.code}` | {family.exit_code} | {family.what} | {family.next_.replace('|', ' or ')} |"
    for title, base in (("From connectors", ConnectorError), ("From models", model_errors.ModelError)):
        yield from ["", f"## {title}", "", "| code | tried again | meaning |", "|-|-|-|"]
        for cls in sorted(base.__subclasses__(), key=lambda cls: cls.code):
            if cls.__module__ in ("kontora_connectors.errors", "kontora_agents.errors"):
                meaning = " ".join((inspect.getdoc(cls) or "").split())
                yield f"| `{cls.code}` | {'yes' if cls.retryable else 'no'} | {meaning} |"


def steps() -> Iterator[str]:
    """Every kind of step and its keys."""
    yield from ["# Steps of a workflow", "", "Every step has an `id`, and may have a `title` and a `when`."]
    for kind, cls in STEP_KINDS.items():
        yield from ["", f"## `{kind}`", "", inspect.getdoc(cls) or "", ""]
        for name, field in cls.model_fields.items():
            if name not in ("id", "title", "when"):
                yield f"- `{field.alias or name}`{': ' + field.description if field.description else ''}"


def _fields(model: type[BaseModel]) -> Iterator[str]:
    yield from ["| key | default | meaning |", "|-|-|-|"]
    for name, field in model.model_fields.items():
        yield f"| `{name}` | {_default(field)} | {field.description or ''} |"


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=False)
    if field.is_required() or value is PydanticUndefined:
        return "see below" if field.default_factory else "has to be given"
    return f"`{value}`" if value not in (None, "") else "none"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, text in pages().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
