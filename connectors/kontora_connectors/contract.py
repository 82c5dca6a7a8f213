"""The door: a connector is one class with a config and typed methods marked `@read` or `@write`.

The host (never the connector) validates arguments, asks for approvals, caps results and keeps the ledger.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

from kontora_connectors.canonical import FileRef
from kontora_connectors.data_classes import Zone
from kontora_connectors.errors import Invalid
from kontora_connectors.labels import Label, labels_of

#: Number of this contract. A plugin written for another number is not loaded.
CONTRACT = 1

Effect = Literal["read", "write"]

#: How a write is made safe to look up or repeat (see docs/connectors.md):
#: `native_key` the system takes a key and answers a repeat with the first result;
#: `unique_reference` the key is stored as a reference that the system keeps unique;
#: `lookup` the key is stored as a reference that can be searched, but is not kept unique;
#: `same_transaction` the key is stored in the same transaction as the write;
#: `none` there is no way to tell: an unknown outcome always goes to a person.
Idempotency = Literal["native_key", "unique_reference", "lookup", "same_transaction", "none"]

#: Who is asked before a write: `always` a person; `outside` a person, unless a step of a workflow says that nobody has
#: to be asked as long as the call stays in the house (see `Connector.zone_of`). An agent's call is always asked about.
Approval = Literal["always", "outside"]

#: Gives the bytes of a file that a run hands over. Raises `NotFound`, `Invalid`, `Unavailable`.
ContentOf = Callable[[FileRef], bytes]

#: How long one call may take unless its tool says otherwise, in seconds.
TIMEOUT_S = 120.0

F = TypeVar("F", bound=Callable[..., Any])


class Config(BaseModel):
    """Base of a connector's configuration. Unknown keys are refused; use `SecretStr` for secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ConfigT = TypeVar("ConfigT", bound=Config)


@dataclass(frozen=True)
class Mark:
    """What `@read` or `@write` said about a method."""

    effect: Effect
    idempotency: Idempotency = "none"
    lookup: str | None = None
    timeout_s: float = TIMEOUT_S
    approval: Approval = "always"


@overload
def read(method: F, /) -> F: ...
@overload
def read(*, timeout_s: float = ...) -> Callable[[F], F]: ...
def read(method: F | None = None, /, *, timeout_s: float = TIMEOUT_S) -> F | Callable[[F], F]:
    """Mark a method as a tool that changes nothing. The host waits `timeout_s` seconds for it."""
    mark = _marker(Mark("read", timeout_s=timeout_s))
    return mark(method) if method else mark


def write(
    *,
    idempotency: Idempotency,
    lookup: str | None = None,
    timeout_s: float = TIMEOUT_S,
    approval: Approval = "always",
) -> Callable[[F], F]:
    """Mark a method as a tool that changes the system. After `timeout_s` seconds its outcome counts as unknown.

    The method takes a keyword-only `key: str` (not shown to the model) and must store it as `idempotency` says.
    `lookup` names a method `(key: str) -> result | None` that finds the record made under a key. A method that is
    given files takes a keyword-only `content_of: ContentOf` as well, and must ask for every content before it changes
    anything.
    """
    return _marker(Mark("write", idempotency, lookup, timeout_s, approval))


def _marker(mark: Mark) -> Callable[[F], F]:
    def apply(method: F) -> F:
        method.__kontora_mark__ = mark  # type: ignore[attr-defined]
        return method

    return apply


@dataclass(frozen=True)
class Tool:
    """One typed method of a connector class, described without an instance."""

    name: str
    method: Callable[..., Any]
    mark: Mark
    doc: str

    @property
    def effect(self) -> Effect:
        """`read` or `write`."""
        return self.mark.effect

    @property
    def description(self) -> str:
        """The method's docstring, or that of the interface it implements."""
        return inspect.cleandoc(self.doc)

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.method, include_extras=True)

    @cached_property
    def from_host(self) -> frozenset[str]:
        """Which parameters the host fills in (`key` of a write, `content_of`); neither model nor person sees them."""
        filled = {"key", "content_of"} if self.effect == "write" else {"content_of"}
        return frozenset(filled & set(inspect.signature(self.method).parameters))

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """A pydantic model of the arguments; unknown ones are refused."""
        fields: dict[str, Any] = {}
        for name, parameter in inspect.signature(self.method).parameters.items():
            if name == "self" or name in self.from_host:
                continue
            default = ... if parameter.default is inspect.Parameter.empty else parameter.default
            fields[name] = (self._hints[name], default)
        return create_model(f"{self.name}_arguments", __config__=ConfigDict(extra="forbid"), **fields)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of the arguments."""
        return self.arguments.model_json_schema()

    @cached_property
    def result(self) -> TypeAdapter[Any]:
        """The type of the answer."""
        return TypeAdapter(self._hints.get("return", Any))

    @cached_property
    def labels(self) -> dict[str, frozenset[Label]]:
        """Labelled fields of the answer, by path."""
        return labels_of(self._hints.get("return"))

    def validate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as Python values. Raises `Invalid` that names every wrong field."""
        try:
            model = self.arguments.model_validate(arguments)
        except ValidationError as error:
            fields = {".".join(map(str, e["loc"])) or "arguments": e["msg"] for e in error.errors()}
            said = "; ".join(f"{name}: {why}" for name, why in fields.items())
            raise Invalid(f"{self.name} was called with wrong arguments: {said}", fields=fields) from None
        return {name: getattr(model, name) for name in type(model).model_fields}

    def canonical(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as plain JSON values with defaults filled in: what is hashed, shown and approved."""
        return self.arguments.model_validate(arguments).model_dump(mode="json")


class Health(BaseModel):
    """Whether an instance can be used now."""

    ok: bool
    detail: str
    latency_ms: float | None = None


class Connector(Generic[ConfigT]):
    """A door to one business system. Subclass it: `class Acme(Connector[AcmeConfig], kind="acme")`."""

    kind: ClassVar[str]
    contract: ClassVar[int] = CONTRACT
    config_model: ClassVar[type[Config]] = Config

    def __init_subclass__(cls, *, kind: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls.kind = kind
        for base in getattr(cls, "__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type) and issubclass(argument, Config):
                    cls.config_model = argument

    def __init__(self, config: ConfigT, *, instance: str = "") -> None:
        self.config = config
        self.instance = instance or self.kind

    @classmethod
    def tools(cls) -> dict[str, Tool]:
        """Every tool by name, in the order of names. A method that overrides a tool of an interface is that tool."""
        return _tools(cls)  # type: ignore[arg-type]  # mypy does not see that a class is hashable

    def check(self) -> Health:
        """Say whether the system answers. Override it; it must not change anything and returns, never raises."""
        return Health(ok=True, detail="no check is defined")

    def zone_of(self, arguments: dict[str, Any]) -> Zone:
        """Say where the values of a write with `approval="outside"` would go. Override it; without, out of the house.

        `arguments` are Python values, as the tool gets them. Raises the error family if they may not go there at all.
        """
        return "external"

    def interrupt(self) -> None:
        """Break off the read under way, if the system allows it; called from another thread. Override it."""

    def close(self) -> None:
        """Let go of connections."""


@cache
def _tools(cls: type[Connector[Any]]) -> dict[str, Tool]:
    """The tools of a class, looked up once: their schemas are made once then, too."""
    found: dict[str, Tool] = {}
    for name, method in sorted(inspect.getmembers(cls, inspect.isfunction)):
        versions = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
        marks = [version.__kontora_mark__ for version in versions if hasattr(version, "__kontora_mark__")]
        if marks:
            doc = next((version.__doc__ for version in versions if version.__doc__), "")
            found[name] = Tool(name, method, marks[0], doc)
    return found
