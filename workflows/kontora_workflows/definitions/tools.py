"""Which tools a workflow may call, known from its roles alone: no system is opened."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from kontora_connectors import INTERFACES, Connector, Interface, Tool
from kontora_connectors.registry import BrokenPlugin, UnknownKind, load

from kontora_workflows.definition import Role
from kontora_workflows.references import nearest


class UnknownTools(LookupError):
    """Nothing is known about the tools of a role. `hint` offers the nearest name."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class ToolCatalog:
    """The tools behind a role, as its interface or its kind of connector declares them."""

    def of(self, role: Role) -> Mapping[str, Tool]:
        """Return the tools of a role by name. Raises `UnknownTools`."""
        if role.interface is not None:
            if role.interface not in INTERFACES:
                near = nearest(role.interface, INTERFACES)
                hint = f"Did you mean `{near}`?" if near else f"There is: {', '.join(INTERFACES)}"
                raise UnknownTools(f"There is no interface `{role.interface}`", hint)
            return _tools_of(INTERFACES[role.interface])
        try:
            return load(role.kind or "").tools()
        except (UnknownKind, BrokenPlugin) as error:
            raise UnknownTools(str(error)) from None


@cache
def _tools_of(interface: type[Interface]) -> Mapping[str, Tool]:
    """List the tools of an interface the way the connectors' door does."""
    provider = type(interface.__name__, (interface, Connector), {})
    return provider.tools()
