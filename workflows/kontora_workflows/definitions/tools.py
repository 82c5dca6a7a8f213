"""Which tools a workflow may call, known from its roles alone: no system is opened."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

from kontora_connectors import INTERFACES, Connector, Tool
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
            return _tools_of(role.interface)
        try:
            return load(role.kind or "").tools()
        except (UnknownKind, BrokenPlugin) as error:
            raise UnknownTools(str(error)) from None


def returns(tool: Tool) -> Any:
    """Return the type of a tool's answer; `Any` if its method does not say."""
    return get_type_hints(tool.method, include_extras=True).get("return", Any)


@cache
def _tools_of(interface: str) -> Mapping[str, Tool]:
    """List the tools of an interface the way the connectors' door does, for a class that adds nothing to it."""
    provider: Any = type(interface, (INTERFACES[interface], Connector), {})
    tools: Mapping[str, Tool] = provider.tools()
    return tools
