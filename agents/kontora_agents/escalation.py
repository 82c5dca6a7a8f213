"""Whether an agent may have a stronger model asked, and who has to agree to what would be sent there."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kontora_agents.duration import Duration


class Escalation(BaseModel):
    """One question to a stronger model, where what the agent's own gave cannot be trusted.

    A person reads the exact text before it is sent. Without a yes in time it is not sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, description="name of the stronger model in kontora.toml")
    expires_after: Duration = Field(timedelta(hours=24), description="how long a yes is waited for")
    people: Literal[1, 2] = Field(1, description="how many different people have to agree")
    instructions: str = Field("", description="what the person should look at")
