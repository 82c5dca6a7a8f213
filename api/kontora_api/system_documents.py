"""What Kontora says about connectors and models to programs. Configurations are not shown: they hold secrets."""

from __future__ import annotations

from typing import Any, Literal

from kontora_agents.model import ModelInfo
from kontora_connectors import Connector, Health, Tool
from kontora_connectors.registry import interfaces_of
from pydantic import Field, PydanticUserError

from kontora_api.documents import API, Document


class KindDocument(Document):
    """An installed kind of connector."""

    name: str
    target: str
    distribution: str
    version: str


class ConnectorSummary(Document):
    """A configured connector. `problem` says why its kind cannot be loaded."""

    name: str
    kind: str
    interfaces: list[str]
    tools: dict[str, Literal["read", "write"]] = Field(description="effect of each tool")
    problem: str | None
    links: dict[str, str]

    @classmethod
    def of(cls, name: str, connector: type[Connector[Any]]) -> ConnectorSummary:
        """Describe a connector."""
        return cls(
            name=name,
            kind=connector.kind,
            interfaces=interfaces_of(connector),
            tools={tool.name: tool.effect for tool in connector.tools().values()},
            problem=None,
            links=_links(name),
        )

    @classmethod
    def broken(cls, name: str, kind: str, problem: str) -> ConnectorSummary:
        """Describe a connector that cannot be loaded."""
        return cls(name=name, kind=kind, interfaces=[], tools={}, problem=problem, links=_links(name))


class Connectors(Document):
    """Every configured connector, and every installed kind."""

    items: list[ConnectorSummary]
    kinds: list[KindDocument]


class ToolDocument(Document):
    """One tool: what a model is told about it, and what the host knows."""

    name: str
    description: str
    effect: Literal["read", "write"]
    idempotency: str | None = Field(description="writes only: how one is made safe to look up or repeat")
    parameters: dict[str, Any] = Field(description="JSON Schema of the arguments")
    result: dict[str, Any] | None = Field(description="JSON Schema of the answer")
    labels: dict[str, list[str]] = Field(description="labelled fields of the answer, by path")

    @classmethod
    def of(cls, tool: Tool) -> ToolDocument:
        """Describe a tool."""
        return cls(
            name=tool.name,
            description=tool.description,
            effect=tool.effect,
            idempotency=tool.mark.idempotency if tool.effect == "write" else None,
            parameters=tool.parameters,
            result=_result(tool),
            labels={path: sorted(label.value for label in labels) for path, labels in tool.labels.items()},
        )


def _result(tool: Tool) -> dict[str, Any] | None:
    try:
        return tool.result.json_schema(mode="serialization")
    except PydanticUserError:  # a type of the plugin's own that no schema describes
        return None


class ConnectorDocument(Document):
    """One connector with its tools."""

    name: str
    kind: str
    description: str
    interfaces: list[str]
    tools: list[ToolDocument]
    links: dict[str, str]

    @classmethod
    def of(cls, name: str, connector: type[Connector[Any]]) -> ConnectorDocument:
        """Describe a connector and its tools."""
        return cls(
            name=name,
            kind=connector.kind,
            description=(connector.__doc__ or "").strip().partition("\n\n")[0],
            interfaces=interfaces_of(connector),
            tools=[ToolDocument.of(tool) for tool in connector.tools().values()],
            links=_links(name),
        )


def _links(name: str) -> dict[str, str]:
    here = f"{API}/connectors/{name}"
    return {"self": here, "health": f"{here}/health"}


class ConnectorHealth(Document):
    """Whether a system can be used now."""

    name: str
    ok: bool
    detail: str
    latency_ms: float | None

    @classmethod
    def of(cls, name: str, health: Health) -> ConnectorHealth:
        """Describe what a check found."""
        return cls(name=name, **health.model_dump())


class ModelDocument(Document):
    """A configured model and what its server says. `rehearsal`: scripted, not a language model."""

    name: str = Field(description="its section in kontora.toml; agents that name none are given `default`")
    server: str = Field(description="URL of the server, or `rehearsal`")
    model: str = Field(description="name of the model; empty: the first installed one that can call tools")
    rehearsal: bool
    ok: bool
    detail: str = Field(description="what keeps agents from working with it; empty if nothing does")
    remark: str = Field("", description="what else should be known, as a licence that nobody here knows")
    installed: list[ModelInfo]
