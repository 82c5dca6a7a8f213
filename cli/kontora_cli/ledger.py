"""`kontora ledger`: whether the ledger is whole."""

from __future__ import annotations

from typing import Annotated

import typer

from kontora_cli.failures import OK, RUN_FAILED
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import show

app = typer.Typer(help="Check the ledger.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Check the ledger."""


@app.command()
def verify(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="Only this run and those of its loops.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Recompute every hash: an entry that was changed, moved or taken away is found."""
    with opened(home) as house:
        checked = dict(house.ledger.verify(run_id))
    broken = [found for found in checked.values() if found is not None]
    lines = [f"{one.run_id}, entry {one.seq}: {one.why}" for one in broken]
    verdict = (
        f"{len(broken)} of {len(checked)} runs do not hold." if broken else f"{len(checked)} runs checked: all hold."
    )
    document = {"ok": not broken, "runs": len(checked), "breaks": [one._asdict() for one in broken]}
    show(document, [*lines, verdict], as_json=as_json)
    return RUN_FAILED if broken else OK
