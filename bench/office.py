"""A data folder as an operator would have it: settings, a workflow, an installed plugin."""

from __future__ import annotations

import os
from pathlib import Path

from bench.model_server import MODEL

ROOT = Path(__file__).resolve().parent.parent
INSTRUCTIONS = "You answer questions about the books of a company. Use the tools; never invent numbers."
WORKFLOW = "open-invoices"

_FILE = f"""
apiVersion: kontora/v1
name: {WORKFLOW}
title: Open invoices of a customer
roles: {{books: {{kind: bench-books}}}}
inputs: {{question: {{type: string}}}}
agents:
  clerk:
    instructions: {INSTRUCTIONS}
    tools: [books.list_open_invoices]
steps:
  - id: answer
    agent: clerk
    with: {{question: "${{{{ inputs.question }}}}"}}
"""

_SETTINGS = """
[connectors.books]
kind = "bench-books"
url = "sqlite:///{books}"

[models.default]
url = "{model}"
name = "{name}"
"""

_PLUGIN = {
    "METADATA": "Metadata-Version: 2.1\nName: kontora-bench\nVersion: 0\n",
    "entry_points.txt": "[kontora.connectors]\nbench-books = bench.connector:Books\n",
}


def furnish(home: Path, books: Path, model: str) -> None:
    """Write settings and workflow into a data folder."""
    (home / "workflows").mkdir(parents=True)
    (home / "workflows" / f"{WORKFLOW}.yaml").write_text(_FILE, encoding="utf-8")
    settings = _SETTINGS.format(books=books, model=model, name=MODEL)
    (home / "kontora.toml").write_text(settings, encoding="utf-8")


def install_plugin(folder: Path) -> None:
    """Install the connector below `folder`, the way pip records it."""
    info = folder / "site" / "kontora_bench-0.dist-info"
    info.mkdir(parents=True)
    for name, text in _PLUGIN.items():
        (info / name).write_text(text, encoding="utf-8")
    (folder / "tmp").mkdir()


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The environment of our processes: this project and the plugin, nothing of the user's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KONTORA_", "OLLAMA_"))}
    paths = os.pathsep.join([str(ROOT), str(folder / "site")])
    return {**kept, "PYTHONPATH": paths, "TMPDIR": str(folder / "tmp"), **more}
