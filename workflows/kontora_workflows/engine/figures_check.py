"""What becomes of figures that nothing an agent was given holds."""

from __future__ import annotations

from kontora_agents.definition import AgentDefinition
from kontora_agents.runner import AgentOutcome

from kontora_workflows.engine.signals import StepFailed


def check_figures(step: str, who: str, agent: AgentDefinition, outcome: AgentOutcome, also: str = "") -> None:
    """Raise `StepFailed` if the definition of the agent that wrote an answer wants every figure to have a source.

    `also` is said with it.
    """
    if outcome.ungrounded and agent.grounding == "fail":
        figures = ", ".join(sorted({found.text for found in outcome.ungrounded}))
        raise StepFailed(
            "ungrounded",
            f"Step {step}: the agent {who} gave figures that no source holds: {figures}. {also}".rstrip(),
            "Nothing was written. Use another model, or let a person write this.",
        )
