"""An agent is data: what it is told, which tools it may use, how long it may go on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kontora_agents.derivations import DERIVATIONS, Derivation
from kontora_agents.escalation import Escalation

#: `erp.open_invoices`: a role of the workflow and a tool of the connector bound to it.
ToolName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]


class Limits(BaseModel):
    """Where an agent has to stop. Reaching a limit ends the step with what was reached so far, and says so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: int = Field(12, ge=1, le=100, description="answers of the model")
    tool_calls: int = Field(40, ge=0, le=500)
    seconds: float = Field(600, gt=0, description="time of the agent's step, waiting for people not counted")
    tokens: int = Field(200_000, ge=1, description="prompt and completion tokens together")


class AgentDefinition(BaseModel):
    """One agent of a workflow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: str = Field(min_length=1, description="the system prompt")
    description: str = Field("", description="what it is for, told to the others of its team")
    tools: list[ToolName] = Field(default_factory=list)
    limits: Limits = Limits()
    grounding: Literal["flag", "fail", "off"] = Field(
        "flag", description="what happens to figures of the answer that no tool result and no part of the task holds"
    )
    derivations: list[Derivation] = Field(
        list(DERIVATIONS), description="in which ways a figure of the answer may follow from what the agent was given"
    )
    model: str | None = Field(None, description="name of a model in kontora.toml; the default model if left out")
    escalation: Escalation | None = Field(
        None, description="a stronger model that may be asked once, if a person agrees to the exact text"
    )
