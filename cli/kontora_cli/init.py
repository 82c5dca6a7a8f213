"""`kontora init`: a file of settings to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kontora_cli.failures import CONFIGURATION, OK, CliError
from kontora_cli.options import Json
from kontora_cli.output import note, show

SETTINGS = """\
# Settings of Kontora. Every one of them, with its default: `kontora config show`.
# An environment variable KONTORA_<NAME> goes before this file. Secrets do not belong here: write "env:NAME" or
# "file:/path".

# timezone = "Europe/Moscow"          # what `today` means
# database_url = "postgresql+psycopg://kontora@db.internal/kontora"   # the ledger; else SQLite in .kontora/
# broker_url = "redis://127.0.0.1:6379/0"                             # else files in .kontora/

# --- Your systems. `kontora connectors list` shows the kinds that are installed. -----------------------------------

# [connectors.main-erp]
# kind = "tryton"
# url = "env:MAIN_ERP_URL"            # for example postgresql+psycopg://reader:…@erp.internal/tryton

# --- Which of them plays which role in workflows. Not needed where only one fits. ----------------------------------

# [roles]
# erp = "main-erp"

# --- The models that agents are given. `default` is for agents that name none. -------------------------------------

[models.default]
server = "ollama"
url = "http://127.0.0.1:11434"
# name = "qwen3:8b"                   # left out: the first installed model that can call tools

# --- What models may be used for, judged by their licences. `kontora models licence MODEL` shows the conditions. -----

# [licences]
# use = "commercial"                  # or "research"
# unknown = "warn"                    # or "refuse": a licence that is not in the catalogue
# refuse = ["llama3"]
"""

EXAMPLE = """\
# yaml-language-server: $schema=./workflow.schema.json
# A workflow of your own. `kontora workflows validate hello` checks it, `kontora run hello -i who=Anna` runs it.
apiVersion: kontora/v1
name: hello
title: Hello
inputs:
  who: {type: string, description: Who is greeted}
agents:
  greeter:
    instructions: Greet the person that the task names, in one friendly sentence.
steps:
  - id: greet
    agent: greeter
    with: {who: "${{ inputs.who }}"}
"""


def init(
    folder: Annotated[Path, typer.Argument(help="Where to begin; else here.")] = Path(),
    as_json: Json = False,
) -> int:
    """Write kontora.toml and a first workflow. Nothing that is there is overwritten."""
    from kontora_workflows.schema import schema_text

    files = {
        "kontora.toml": SETTINGS,
        "workflows/hello.yaml": EXAMPLE,
        "workflows/workflow.schema.json": schema_text(),
    }
    taken = [name for name in files if (folder / name).exists()]
    if "kontora.toml" in taken:
        why = f"{folder / 'kontora.toml'} is there already, and nothing is overwritten."
        raise CliError(CONFIGURATION, "already_there", "Nothing was written.", why, "kontora config show")
    written = [name for name in files if name not in taken]
    for name in written:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
    show(
        {"written": [str(folder / name) for name in written]}, [str(folder / name) for name in written], as_json=as_json
    )
    note("Next: name your systems in kontora.toml, then `kontora doctor` says what is still missing.")
    return OK
