"""The configured connectors, opened when they are needed."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Callable
from typing import Any

from kontora_connectors import INTERFACES, Connector
from kontora_connectors.registry import BrokenPlugin, UnknownKind, load
from kontora_workflows.engine.ports import BindingMissing
from pydantic import ValidationError

from kontora_worker.settings import InstanceSettings, SettingsInvalid


class ConfiguredDoors:
    """Instances of `[connectors.*]` by name. One object per process."""

    def __init__(
        self, instances: dict[str, InstanceSettings], roles: dict[str, str], secret: Callable[[str], str]
    ) -> None:
        self._instances, self._roles, self._secret = instances, roles, secret
        self._open: dict[str, Connector[Any]] = {}
        self._opening = threading.Lock()

    def names(self) -> list[str]:
        """The configured instances."""
        return sorted(self._instances)

    def bind(self, roles: dict[str, dict[str, str | None]], given: dict[str, str]) -> dict[str, str]:
        """Return role → instance, from `given`, the settings, or the only instance that fits."""
        return {role: self._bound(role, wanted, given.get(role)) for role, wanted in roles.items()}

    def _bound(self, role: str, wanted: dict[str, str | None], given: str | None) -> str:
        name = given or self._roles.get(role)
        if name is None:
            fitting = [one for one in self.names() if self._fits(one, wanted)]
            if len(fitting) == 1:
                return fitting[0]
            need = wanted["kind"] or f"a connector with the interface {wanted['interface']!r}"
            found = f"{len(fitting)} fit: {', '.join(fitting)}" if fitting else "none is configured"
            raise BindingMissing(
                f"The role {role!r} needs {need}, and {found}.",
                f'Say which in kontora.toml: [roles] {role} = "NAME", with a section [connectors.NAME].',
            )
        if not self._fits(name, wanted):
            raise BindingMissing(f"The connector {name!r} does not provide what the role {role!r} needs.")
        return name

    def _fits(self, name: str, wanted: dict[str, str | None]) -> bool:
        try:
            cls = self.kind(name)
        except (UnknownKind, BrokenPlugin):
            return False
        if wanted["kind"]:
            return cls.kind == wanted["kind"]
        return issubclass(cls, INTERFACES[str(wanted["interface"])])

    def kind(self, instance: str) -> type[Connector[Any]]:
        """The class of an instance's connector. Raises `BindingMissing`, `UnknownKind`, `BrokenPlugin`."""
        if instance not in self._instances:
            near = difflib.get_close_matches(instance, self._instances, 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            hint = f"Configured: {', '.join(self.names()) or 'none'}."
            raise BindingMissing(f"There is no connector {instance!r} in kontora.toml.{meant}", hint)
        return load(self._instances[instance].kind)

    def limit(self, instance: str) -> int | None:
        """How many calls an instance takes at once; None: as many as come."""
        return self._instances[instance].limit if instance in self._instances else None

    def open(self, instance: str) -> Connector[Any]:
        """The connector of an instance. Raises `BindingMissing` when its settings are wrong."""
        with self._opening:
            if instance not in self._open:
                self._open[instance] = self._made(instance)
            return self._open[instance]

    def _made(self, instance: str) -> Connector[Any]:
        cls = self.kind(instance)
        written = self._instances[instance].model_extra or {}
        try:
            values = {name: self._secret(v) if isinstance(v, str) else v for name, v in written.items()}
            config = cls.config_model.model_validate(values)
        except SettingsInvalid as error:
            raise BindingMissing(f"The connector {instance!r} is not set up: {error}") from None
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
            raise BindingMissing(f"The connector {instance!r} is not set up: {said}.", "Mend kontora.toml.") from None
        return cls(config, instance=instance)

    def close(self) -> None:
        """Close what was opened."""
        for connector in self._open.values():
            connector.close()
        self._open.clear()
