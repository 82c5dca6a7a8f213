"""A data folder of Kontora for scenarios: settings, workflows, the installed connector, and the environment."""

from __future__ import annotations

import os
from pathlib import Path

from tests.faults import fake_model
from tests.faults.stories import ORDER, Story

ROOT = Path(__file__).parent.parent.parent
LEASE_S = 2.0
SWEEP_S = 0.3
#: Shorter than usual as the lease is, with something for slow machines. On the filesystem broker a process that is
#: killed while it waits for a message takes the pool's hearing with it.
DEAF_S = 6.0

_SETTINGS = """
[connectors.erp]
kind = "fake-erp"
url = "{erp}"

[models.default]
url = "{model}"
name = "{name}"
"""

_PLUGIN = {
    "METADATA": "Metadata-Version: 2.1\nName: kontora-fake-erp\nVersion: 0\n",
    "entry_points.txt": "[kontora.connectors]\nfake-erp = tests.faults.connector:FakeErp\n",
}

_POISON = """
steps: [{id: stock, call: erp.crash, with: {reference: "${{ inputs.reference }}/stock"}}]
"""

_BOOK = """
steps:
  - id: book
    approval: {{title: Book, call: erp.book_{door}, with: {{reference: "${{{{ inputs.reference }}}}/book", text: ink}}}}
  - {{id: after, call: erp.stock, with: {{reference: "${{{{ inputs.reference }}}}/after"}}}}
"""

_PAUSE = """
steps:
  - {id: pause, wait: 2s}
  - {id: stock, call: erp.stock, with: {reference: "${{ inputs.reference }}/stock"}}
"""

_READ = """
steps: [{id: stock, call: erp.stock, with: {reference: "${{ inputs.reference }}/stock"}}]
"""

#: Workflows by name. What is booked stands in `BOOKED`.
WORKFLOWS = {
    "order": ORDER,
    "poison": _POISON,
    "pause": _PAUSE,
    "read": _READ,
    "slow-agent": ORDER.replace("{id: agent, agent", "{id: agent, timeout: 4s, agent"),
    "due": f"{ORDER}deadline: 10s\n",
    **{f"book-{door.replace('_', '-')}": _BOOK.format(door=door) for door in ("native_key", "lookup", "none")},
}
BOOKED = {
    "order": ("/book", "/agent"),
    "slow-agent": ("/book", "/agent"),
    "due": ("/book", "/agent"),
    **{name: ("/book",) for name in WORKFLOWS if name.startswith("book-")},
}


def install_plugin(folder: Path) -> None:
    """Install the connector of the fake ERP into a folder, the way pip records it."""
    info = folder / "kontora_fake_erp-0.dist-info"
    info.mkdir(parents=True)
    for name, text in _PLUGIN.items():
        (info / name).write_text(text, encoding="utf-8")


def furnish(home: Path, erp: str, model: str) -> None:
    """Write settings and workflows into a data folder."""
    (home / "workflows").mkdir(parents=True)
    for name, steps in WORKFLOWS.items():
        (home / "workflows" / f"{name}.yaml").write_text(Story(name, steps).text(), encoding="utf-8")
    settings = _SETTINGS.format(erp=erp, model=model, name=fake_model.NAME)
    (home / "kontora.toml").write_text(settings, encoding="utf-8")


def environment(plugin: Path, **more: str) -> dict[str, str]:
    """The environment of our processes: this project, the plugin, and nothing of the user's own settings."""
    own = ("KONTORA_", "OLLAMA_", "FAULTS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    path = [str(Path(__file__).parent / "site"), str(ROOT), str(plugin), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(path), "PYTHONFAULTHANDLER": "1", **more}
