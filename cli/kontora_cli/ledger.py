"""`kontora ledger`: whether the ledger is whole, and what others need to see that for themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kontora_cli import ledger_erasure, ledger_upkeep
from kontora_cli.failures import CONFIGURATION, OK, RUN_FAILED, CliError
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import clock, note, show

if TYPE_CHECKING:
    from kontora_worker.house import House
    from kontora_workflows.ledger.checkpoint import Compared
    from kontora_workflows.ledger.verification import Found

app = typer.Typer(help="Check the ledger, export it, look after it.", no_args_is_help=True)

Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where it goes.")]

#: So many runs that were removed since a checkpoint are named one by one.
_NAMED = 10


@app.callback()
def _group() -> None:
    """Check the ledger, export it, look after it."""


@app.command()
def verify(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="Only this run and those of its loops.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", metavar="FILE", help="Compare the ledger with this checkpoint, too.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Public key of the checkpoint; else that of the data folder."),
    ] = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Recompute every hash: an entry that was changed, moved or taken away is found.

    With a checkpoint also runs that were cut off, written anew or taken away whole.
    """
    with opened(home) as house:
        compared = _compared(house, checkpoint, key) if checkpoint else None
        found = _verified(house, run_id)
    breaks = [*found.breaks, *(compared.breaks if compared else ())]
    lines = [f"{one.run_id}, entry {one.seq}: {one.why}" for one in breaks]
    lines += _told(compared) if compared else []
    counted = f"{found.runs} runs, {found.entries} entries, {found.erased} payloads erased on request"
    document = {
        "ok": not breaks,
        "runs": found.runs,
        "entries": found.entries,
        "erased": found.erased,
        "breaks": [one._asdict() for one in breaks],
        "removed": [one.__dict__ for one in compared.removed] if compared else None,
    }
    verdict = f"{counted}: {f'{len(breaks)} do not hold.' if breaks else 'all hold.'}"
    show(document, [*lines, verdict], as_json=as_json)
    return RUN_FAILED if breaks else OK


def _verified(house: House, run_id: str | None) -> Found:
    from kontora_workflows.ledger.verification import Found, Verification

    check = Verification(house.ledger.database)
    if run_id is None:
        return check.whole(os.cpu_count() or 1)
    return Found.of(check.of_runs([run.id for run in house.ledger.runs.family(run_id)]))


def _compared(house: House, checkpoint: Path, key: Path | None) -> Compared:
    from kontora_workflows.ledger.checkpoint import compare
    from kontora_workflows.ledger.signing import PUBLIC, public_key

    with explained("The checkpoint cannot be used.", "kontora ledger verify --checkpoint FILE --key PUBLIC-KEY"):
        return compare(house.ledger.database, checkpoint, public_key(key or house.settings.home / PUBLIC))


def _told(compared: Compared) -> Iterator[str]:
    yield f"The checkpoint of {compared.made_at} lists {compared.runs} runs."
    for one in compared.removed[:_NAMED]:
        yield f"{one.run_id}: removed {clock(one.at)} by {one.by} ({one.why})"
    if len(compared.removed) > _NAMED:
        yield f"and {len(compared.removed) - _NAMED} more that were removed on record"


@app.command()
def checkpoint(out: Out, home: Home = None, as_json: Json = False) -> int:
    """Write a signed list of the heads of all runs. Keep it where whoever can change the ledger cannot."""
    from kontora_workflows.ledger.checkpoint import write_checkpoint
    from kontora_workflows.ledger.signing import PUBLIC, signing_key
    from kontora_workflows.ledger.standalone import fingerprint

    with opened(home) as house, explained("No checkpoint was written.", "kontora ledger checkpoint --help"):
        key = signing_key(house.settings.home)
        runs = write_checkpoint(house.ledger.database, key, out)
    print_ = fingerprint(key.public)
    document = {"file": str(out), "runs": runs, "key": print_}
    show(document, f"{out}: {runs} runs, signed with key {print_}.", as_json=as_json)
    note(f"Its public key is {house.settings.home / PUBLIC}: give both to whoever is to check the ledger.")
    return OK


@app.command()
def export(
    out: Out,
    run_ids: Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Only these, with all below.")] = None,
    payloads: Annotated[
        bool, typer.Option("--with-payloads/--without-payloads", help="Arguments, results, prompts, answers and files.")
    ] = True,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Write runs into a bundle that a script in it verifies on another machine, with Python alone."""
    from kontora_workflows.ledger.bundle import export_bundle
    from kontora_workflows.ledger.signing import signing_key

    with opened(home) as house, explained("No bundle was written.", "kontora ledger export --help"):
        roots = [house.ledger.runs.get(run_id).root_id for run_id in run_ids] if run_ids else None
        key = signing_key(house.settings.home)
        runs = export_bundle(house.ledger.database, key, out, roots, payloads=payloads)
    show({"file": str(out), "runs": runs, "payloads": payloads}, f"{out}: {runs} runs.", as_json=as_json)
    note("To check it: take verify.py and public_key.pem out of it, then `python verify.py BUNDLE --key KEY`.")
    return OK


@contextmanager
def explained(what: str, next_: str) -> Iterator[None]:
    """Put what keys, checkpoints and backups complain about into the three lines of an error."""
    from kontora_workflows.ledger.checkpoint import CheckpointInvalid
    from kontora_workflows.ledger.signing import KeyUnusable

    try:
        yield
    except (CheckpointInvalid, KeyUnusable) as error:
        raise CliError(CONFIGURATION, "ledger_file", what, str(error), next_) from None


app.command()(ledger_upkeep.upgrade)
app.command()(ledger_erasure.erase)
app.command()(ledger_upkeep.retain)
app.command()(ledger_upkeep.backup)
app.command()(ledger_upkeep.restore)
app.command()(ledger_upkeep.restored)
