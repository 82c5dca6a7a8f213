"""`kontora demo`: a demo company, API and worker as processes, and one run from the REST call to the report."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kontora_cli.demo_folder import DemoModel, demo_home, find_model, prepare
from kontora_cli.demo_panel import document, panel
from kontora_cli.failures import OK, RUN_FAILED, UNAVAILABLE, CliError
from kontora_cli.options import Home, Json
from kontora_cli.output import note, show
from kontora_cli.processes import Child, Children, ending_in_order
from kontora_cli.telling import Teller, titles_of

if TYPE_CHECKING:
    from kontora_cli.demo_client import DemoClient

WORKFLOW = "receivables-ageing"

_START_S = 30.0


class Language(StrEnum):
    """The languages of the shipped workflow."""

    en = "en"
    ru = "ru"


def demo(
    language: Annotated[Language, typer.Option("--language", help="Language of the report.")] = Language.en,
    company: Annotated[str, typer.Option("--company", help="DE01 (EUR) or RU01 (RUB); else the first.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Another seed makes another company.")] = 7,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="Do not look for a language model.")] = False,
    ollama: Annotated[
        str, typer.Option("--ollama", metavar="URL", help="Where Ollama may answer.")
    ] = "http://127.0.0.1:11434",
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Make a demo company and run `receivables-ageing` on it, over REST."""
    started = time.monotonic()
    with ending_in_order():
        place = demo_home(home)
        model = DemoModel("", "", "as asked for") if rehearsal else find_model(ollama)
        as_of = prepare(place, model, seed)
        note(f"agents: {model.name or 'rehearsal: scripted, not a language model'} ({model.why})")
        run, waiting = _play(place, {"as_of": as_of.isoformat(), "company": company, "language": language.value})
        paths = _paths(place, run)
    said = document(run, waiting, paths, seconds=time.monotonic() - started)
    show(said, "" if as_json else panel(said, place), as_json=as_json)
    return RUN_FAILED if run["error"] else OK


def _play(home: Path, inputs: dict[str, str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Start API and worker, start a run, tell what happens; returns the run and the approvals that wait."""
    from kontora_worker.settings import load_settings

    from kontora_cli.demo_client import DemoClient  # httpx takes 0.3 s to import

    url_file = home / f"api-{os.getpid()}.url"
    url_file.unlink(missing_ok=True)
    with Children(load_settings(str(home))) as children:
        api = children.start("serve", "--host", "127.0.0.1", "--port", "0", "--url-file", str(url_file), log="api.log")
        worker = children.start("worker", log="worker.log")
        client = DemoClient(_url(url_file, api))
        try:
            run = client.start(WORKFLOW, inputs)
            note(f"POST /api/v1/workflows/{WORKFLOW}/runs: 202, {run['id']}")
            return _followed(client, run["id"], worker, inputs["language"])
        finally:
            client.close()
            url_file.unlink(missing_ok=True)


def _url(file: Path, api: Child) -> str:
    """Where the API listens, once it does."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if file.is_file():
            return file.read_text(encoding="utf-8")
        if not api.alive:
            raise CliError(UNAVAILABLE, "api_down", "The API did not start.", api.last_words(), f"See {api.log}")
        time.sleep(0.05)
    raise CliError(
        UNAVAILABLE, "api_slow", "The API did not start.", f"It took more than {_START_S:g} s.", f"See {api.log}"
    )


def _followed(
    client: DemoClient, run_id: str, worker: Child, language: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Tell what happens in a run until nothing happens without a person."""
    here = f"/api/v1/runs/{run_id}"
    teller = Teller(titles_of(client.get(here)["steps"], language))
    for event in client.events(run_id):
        if event:
            teller.tell(event)
        elif client.get(here)["settled"]:
            break
        elif not worker.alive:
            raise CliError(
                UNAVAILABLE, "worker_down", "The worker ended.", worker.last_words(), "kontora worker --until-idle"
            )
    waiting = client.get("/api/v1/approvals", state="pending", run=run_id)["items"]
    return client.get(here), waiting


def _paths(home: Path, run: dict[str, Any]) -> list[Path]:
    """Where the run's files are; the worker has put them there, or they are put there now."""
    from kontora_cli.opening import opened

    if not run["artifacts"]:
        return []
    with opened(str(home)) as house:
        return house.export(run["id"])
