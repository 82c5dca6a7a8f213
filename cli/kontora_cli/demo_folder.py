"""The data folder of the demo: its settings, and the demo company in two files."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from kontora_cli.output import note

#: Begins every kontora.toml that the demo may write anew.
MARK = "# Written by `kontora demo`, and written anew by the next one. Delete this line to keep your changes."

_SETTINGS = """\
{mark}
# The demo company is made by a generator from a seed: nothing here is anybody's real data.

[connectors.demo-erp]
kind = "demo-erp"
url = {erp}

[connectors.demo-crm]
kind = "demo-crm"
url = {crm}

[models.default]
{model}
"""
_REHEARSAL = 'server = "rehearsal" # scripted, not a language model: for the demo company only'


@dataclass(frozen=True)
class DemoModel:
    """What plays the agents: an Ollama model, or (without a name) the rehearsal. `why` is for people."""

    url: str
    name: str
    why: str

    @property
    def settings(self) -> str:
        """Its lines in kontora.toml."""
        if not self.name:
            return _REHEARSAL
        return f'server = "ollama"\nurl = {json.dumps(self.url)}\nname = {json.dumps(self.name)}'


def find_model(url: str) -> DemoModel:
    """The first installed model at an Ollama server that can call tools and may be used; else the rehearsal."""
    from kontora_agents.catalogue.policy import LicencePolicy
    from kontora_agents.errors import ModelError
    from kontora_agents.licensed_model import rule
    from kontora_agents.model_server import ModelServer

    try:
        found = [model for model in ModelServer(url, seconds=3).models() if model.calls_tools]
        able = [one.name for one in found if rule(LicencePolicy(), one).allowed]
    except ModelError:
        return DemoModel(url, "", f"no Ollama answers at {url}")
    if not able:
        why = "can call tools and has a licence for business use"
        return DemoModel(url, "", f"no model at {url} {why}; `ollama pull qwen3:8b` gets one")
    return DemoModel(url, able[0], f"at {url}")


def demo_home(given: str | None) -> Path:
    """The data folder of the demo: as named, else the usual one, unless somebody's own settings are there."""
    from kontora_cli.invocation import said_home

    if given or said_home():
        return Path(given).absolute() if given else said_home() or Path()
    usual = Path.cwd() / ".kontora"
    own = (Path.cwd() / "kontora.toml").exists() or not _ours(usual / "kontora.toml")
    return Path.cwd() / ".kontora-demo" if own else usual


def _ours(settings: Path) -> bool:
    """Whether the demo may write this file: it is not there, or it wrote it."""
    return not settings.exists() or settings.read_text(encoding="utf-8", errors="replace").startswith(MARK)


def prepare(home: Path, model: DemoModel, seed: int) -> date:
    """Write settings and make the demo company where it is missing; return the last day of its books.

    Raises `FileExistsError` if somebody's own settings are in the folder, and the connectors' error family.
    """
    from kontora_connectors.demo.company import generate

    home.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(home / "demo.lock"):
        _write_settings(home, model)
        books = home / "demo" / "made.json"
        made = json.loads(books.read_text(encoding="utf-8")) if books.is_file() else {}
        files = {name: home / "demo" / f"{name}.db" for name in ("erp", "crm")}
        if made.get("seed") == seed and all(file.is_file() for file in files.values()):
            note(f"demo company: the one of {made['today']} in {home / 'demo'}")
            return date.fromisoformat(made["today"])
        note("demo company: making an ERP and a CRM from a seed, some ten seconds")
        today = date.today()  # noqa: DTZ011 - the day of whoever sits here
        urls = (f"sqlite:///{files['erp']}", f"sqlite:///{files['crm']}")
        summary = generate(*urls, today=today, seed=seed, replace=True)
        books.write_text(json.dumps({"seed": seed, "today": today.isoformat()}), encoding="utf-8")
        note(f"demo company: {summary.customers:,} customers, {summary.invoices:,} invoices in {home / 'demo'}")
        return today


def _write_settings(home: Path, model: DemoModel) -> None:
    from kontora_cli.failures import CONFIGURATION, CliError

    path = home / "kontora.toml"
    if not _ours(path):
        why = f"{path} was not written by the demo, and is not overwritten."
        raise CliError(
            CONFIGURATION,
            "own_settings",
            "The demo needs a folder of its own.",
            why,
            "kontora demo --home .kontora-demo",
        )
    urls = {name: json.dumps(f"sqlite:///{home / 'demo' / name}.db", ensure_ascii=False) for name in ("erp", "crm")}
    part = path.with_suffix(".part")
    part.write_text(_SETTINGS.format(mark=MARK, model=model.settings, **urls), encoding="utf-8")
    part.replace(path)


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Two demos at once make one company."""
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
