"""The mark that tells a demo company from any other database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, select

from kontora_connectors.contract import Health
from kontora_connectors.errors import ConnectorError, Invalid
from kontora_connectors.sql import SqlConnector


def marked(connector: SqlConnector[Any], health: Health, mark: Table) -> Health:
    """Return `health` with what the generator wrote into the mark, or say that the database is not a demo company."""
    if not health.ok:
        return health
    try:
        with connector.reading() as connection:
            made = connection.scalar(select(mark.c.made))
    except Invalid:  # no such table
        made = None
    except ConnectorError as error:
        return Health(ok=False, detail=f"{error.message} {error.hint}".strip())
    if made is None:
        detail = f"The database of {connector.instance!r} holds no demo company: `kontora demo-data` makes one."
        return Health(ok=False, detail=detail)
    return health.model_copy(update={"detail": f"demo company: {made}"})
