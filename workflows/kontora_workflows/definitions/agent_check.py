"""Checking what the definition of an agent says besides its tools and its model."""

from __future__ import annotations

from kontora_agents.definition import AgentDefinition

from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path

#: The model of an agent that names none.
_DEFAULT = "default"


def check_definition(agent: AgentDefinition, path: Path, findings: Findings) -> None:
    """Say what is wrong with an agent."""
    if "${{" in agent.instructions:
        hint = "Hand the value over in `with` of the step that lets the agent work"
        findings.say((*path, "instructions"), "Instructions are fixed: references are not filled in", hint)
    if agent.escalation is not None and agent.escalation.model == (agent.model or _DEFAULT):
        hint = "Name a stronger one, as it stands under [models] in kontora.toml"
        message = f"`{agent.escalation.model}` is the model that this agent works with"
        findings.say((*path, "escalation", "model"), message, hint)
