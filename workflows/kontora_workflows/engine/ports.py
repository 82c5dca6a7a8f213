"""What the engine needs from the floor above: doors to systems, models, a way to send run ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

from kontora_agents.model import Model
from kontora_connectors import Connector, DataClass, Zone


@dataclass(frozen=True)
class ChosenModel:
    """A model and where it is. `rehearsal`: scripted; `limit`: questions that its server takes at once; `may_hold`:
    the highest class of data that it may be given; `may_hold_approved`: the same for a text that a person agreed to."""

    model: Model
    name: str
    server: str
    rehearsal: bool
    limit: int | None = None
    zone: Zone = "local"
    may_hold: DataClass = "personal"
    may_hold_approved: DataClass = "personal"

    @property
    def approved(self) -> ChosenModel:
        """The same model, for a question whose exact text a person agrees to."""
        return replace(self, may_hold=self.may_hold_approved)


class Doors(Protocol):
    """The configured instances of connectors."""

    def bind(self, roles: dict[str, dict[str, str | None]], given: dict[str, str]) -> dict[str, str]:
        """Return role → instance. Raises `BindingMissing`."""
        ...

    def open(self, instance: str) -> Connector[Any]:
        """The connector of an instance, opened once per process. Raises `BindingMissing`, `ConnectorError`."""
        ...

    def limit(self, instance: str) -> int | None:
        """How many calls an instance takes at once, on all machines together; None: as many as come."""
        ...

    def kind(self, instance: str) -> type[Connector[Any]]:
        """The class of an instance's connector, without opening it. Raises `BindingMissing`, `UnknownKind`."""
        ...


class Models(Protocol):
    """The configured models."""

    def choose(self, wanted: str | None, workflow: str, agent: str, *, tools: bool) -> ChosenModel:
        """The model for an agent. Raises `ModelError` when there is none that can do it."""
        ...

    def again(self, name: str, server: str) -> ChosenModel:
        """The model that was chosen before, for a run that goes on. Raises `ModelError`."""
        ...

    async def aclose(self) -> None:
        """Close the connections that belong to the running event loop."""
        ...


#: Where messages go about runs that need nothing scarce.
QUEUE = "kontora"


class Sender(Protocol):
    """Carries run ids to workers. It may lose them: the sweeper sends again."""

    def send(self, run_ids: list[str], queue: str = QUEUE) -> bool:
        """Send ids. False if they are not on their way; never raises. In another queue than its own a run is only
        passed on."""
        ...


class BindingMissing(LookupError):
    """A role of a workflow has no instance bound to it, or the instance does not fit."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(message)
