"""Connectors: which are configured, what they can do, and whether their systems answer."""

from __future__ import annotations

from fastapi import APIRouter
from kontora_workflows.references import nearest

from kontora_api import configured
from kontora_api.answers import problems
from kontora_api.documents import API
from kontora_api.parts import ConnectorName, TheHouse
from kontora_api.problem import Refused
from kontora_api.system_documents import ConnectorDocument, ConnectorHealth, Connectors

router = APIRouter(prefix=API, tags=["Connectors"])


@router.get("/connectors")
def list_connectors(house: TheHouse) -> Connectors:
    """List the configured connectors, and the kinds that are installed."""
    return configured.connectors(house.settings, house.doors)


def _known(house: TheHouse, name: str) -> str:
    names = house.doors.names()
    if name not in names:
        near = nearest(name, names)
        meant = f"Did you mean {near!r}?" if near else f"There is: {', '.join(names) or 'none'}."
        raise Refused("unknown_connector", f"There is no connector {name!r} in kontora.toml. {meant}")
    return name


@router.get("/connectors/{name}", responses=problems("unknown_connector", "unknown_kind", "broken_plugin"))
def show_connector(name: ConnectorName, house: TheHouse) -> ConnectorDocument:
    """Show a connector's tools with their schemas, effects and labels. Its system is not touched."""
    return ConnectorDocument.of(name, house.doors.kind(_known(house, name)))


@router.get("/connectors/{name}/health", responses=problems("unknown_connector", "unknown_kind", "broken_plugin"))
def check_connector(name: ConnectorName, house: TheHouse) -> ConnectorHealth:
    """Ask the system behind a connector whether it answers. A no is an answer too: `ok` is false."""
    return configured.connector_health(house.doors, _known(house, name))
