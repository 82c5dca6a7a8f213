"""Opening the house for one command."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kontora_cli.invocation import command, said_home

if TYPE_CHECKING:
    from kontora_worker.house import House


@contextmanager
def opened(home: str | None) -> Iterator[House]:
    """The house of a data folder, closed at the end. Raises `SettingsInvalid`."""
    from kontora_worker.house import House
    from kontora_worker.settings import load_settings

    house = House(load_settings(home))
    try:
        yield house
    finally:
        house.close()


def principal() -> str:
    """Who asks: the person at this machine."""
    try:
        return f"local:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name, as in a container
        return "local:operator"


def going_on(house: House, run_ids: Iterable[str] = ()) -> str:
    """How runs that became due go on, for whoever made them due; of those named, what keeps one from it."""
    resting = [run for run in dict.fromkeys(run_ids) if house.ledger.runs.get(run).state == "needs_review"]
    if resting:
        above = {house.ledger.runs.get(run).root_id for run in resting} - set(resting)
        resting += sorted(run for run in above if house.ledger.runs.get(run).state == "needs_review")
        typed = ", then ".join(f"`{command(said_home())} runs resume {run}`" for run in resting)
        return f"It goes on when you let it, after you looked at the run (needs_review): {typed}."
    if house.ledger.workers.alive():
        return "A worker is running and goes on with it now."
    return f"No worker is running. `{command(said_home())} worker --until-idle` finishes what is due."
