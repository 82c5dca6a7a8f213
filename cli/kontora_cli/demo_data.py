"""`kontora demo-data`: make the demo company."""

from __future__ import annotations

import time
from datetime import date
from typing import Annotated

import typer

from kontora_cli.failures import CONFIGURATION, OK, CliError
from kontora_cli.options import Home, Json
from kontora_cli.output import facts, show


def demo_data(
    erp: Annotated[
        str | None, typer.Option("--erp", metavar="URL", help="Where the ERP goes; else a file in the data folder.")
    ] = None,
    crm: Annotated[
        str | None, typer.Option("--crm", metavar="URL", help="Where the CRM goes; else a file in the data folder.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed and day give the same company.")] = 7,
    today: Annotated[
        str | None, typer.Option("--today", metavar="DATE", help="Last day of the books; else today.")
    ] = None,
    customers: Annotated[int, typer.Option("--customers", min=1)] = 3_000,
    invoices: Annotated[int, typer.Option("--invoices", min=1)] = 60_000,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a demo company that is there.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Make the demo company: an ERP and a CRM in SQLite files, or in PostgreSQL by URL."""
    from kontora_connectors.demo.company import generate
    from kontora_worker.settings import load_settings

    folder = load_settings(home).home / "demo"
    erp, crm = erp or f"sqlite:///{folder / 'erp.db'}", crm or f"sqlite:///{folder / 'crm.db'}"
    started = time.monotonic()
    made = generate(
        erp, crm, today=_day(today), seed=seed, customers=customers, invoices=invoices, replace=replace
    )  # fmt: skip
    seconds = round(time.monotonic() - started, 1)
    pairs = [(name.replace("_", " "), f"{value:,}") for name, value in made.__dict__.items()]
    show({**made.__dict__, "seconds": seconds}, facts([*pairs, ("seconds", seconds)]), as_json=as_json)
    return OK


def _day(text: str | None) -> date:
    try:
        return date.fromisoformat(text) if text else date.today()  # noqa: DTZ011 - the day of whoever sits here
    except ValueError:
        raise CliError(
            CONFIGURATION,
            "not_a_date",
            f"{text!r} is not a date.",
            "Dates are written as 2026-11-24.",
            "kontora demo-data --help",
        ) from None
