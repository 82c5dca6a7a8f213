"""Which kinds of connectors are installed. Built-in ones come through the same entry points as everybody's."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from kontora_connectors.contract import CONTRACT, Connector
from kontora_connectors.interfaces import INTERFACES

GROUP = "kontora.connectors"


class UnknownKind(LookupError):
    """No installed package provides this kind of connector."""


class BrokenPlugin(ImportError):
    """A package provides this kind, but it cannot be loaded."""


@dataclass(frozen=True)
class Kind:
    """An installed kind of connector, known without importing its code."""

    name: str
    target: str
    distribution: str
    version: str


@cache
def _points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def kinds() -> dict[str, Kind]:
    """Every installed kind by name. Imports no plugin."""
    return {
        name: Kind(name, point.value, point.dist.name if point.dist else "", point.dist.version if point.dist else "")
        for name, point in sorted(_points().items())
    }


@cache
def load(kind: str) -> type[Connector[Any]]:
    """Import the class behind a kind. Raises `UnknownKind` (with the nearest name) or `BrokenPlugin`."""
    point = _points().get(kind)
    if point is None:
        near = difflib.get_close_matches(kind, _points(), 1)
        nearest = f" Did you mean {near[0]!r}?" if near else ""
        installed = ", ".join(sorted(_points())) or "none"
        raise UnknownKind(f"No connector of kind {kind!r} is installed.{nearest} Installed kinds: {installed}.")
    try:
        cls = point.load()
    except Exception as error:
        raise BrokenPlugin(f"The connector {kind!r} ({point.value}) cannot be loaded: {error}") from error
    if not (isinstance(cls, type) and issubclass(cls, Connector)):
        raise BrokenPlugin(f"The connector {kind!r} ({point.value}) is not a subclass of kontora_connectors.Connector.")
    if cls.contract != CONTRACT:
        raise BrokenPlugin(
            f"The connector {kind!r} was written for contract {cls.contract}, this Kontora has {CONTRACT}: "
            f"install a matching version of {point.dist.name if point.dist else point.value}."
        )
    return cls


def interfaces_of(cls: type[Connector[Any]]) -> list[str]:
    """Names of the interfaces a connector class provides."""
    return [name for name, interface in INTERFACES.items() if issubclass(cls, interface)]
