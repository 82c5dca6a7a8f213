"""Opening the house for one command."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
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


def going_on(house: House) -> str:
    """How runs that became due go on, for whoever made them due."""
    if house.ledger.workers.alive():
        return "A worker is running and goes on with it now."
    return f"No worker is running. `{command(said_home())} worker --until-idle` finishes what is due."
