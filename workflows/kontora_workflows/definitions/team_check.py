"""Checking who works in a step: that its agents are there, and that a team can come to an end."""

from __future__ import annotations

from collections.abc import Iterable

from kontora_agents.team import PERSON

from kontora_workflows.definition import TeamStep, Workflow
from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path
from kontora_workflows.references import nearest


def check_agent(name: str, path: Path, workflow: Workflow, findings: Findings) -> None:
    """Say if a workflow has no such agent."""
    if name not in workflow.agents:
        findings.say(path, f"There is no agent `{name}`", _instead(name, workflow.agents, "Agents of this workflow"))


def check_team(step: TeamStep, path: Path, workflow: Workflow, findings: Findings) -> None:
    """Say what is wrong with a team."""
    team, path = step.team, (*path, "team")
    for position, name in enumerate(team.agents):
        check_agent(name, (*path, "agents", position), workflow, findings)
        if name in team.agents[:position]:
            findings.say((*path, "agents", position), f"`{name}` is in this team twice", "Name each agent once")
        if name in workflow.agents and workflow.agents[name].escalation is not None:
            hint = "Remove its `escalation`, or let it work in a step of its own"
            findings.say((*path, "agents", position), f"`{name}` has an `escalation`, which only works alone", hint)
        if name == PERSON and team.person is not None:
            hint = "Give the agent another name"
            findings.say((*path, "agents", position), f"`{PERSON}` is the person of this team, not an agent", hint)
    for at, member in ((("answer_of",), team.answer_of), (("ends", "by"), team.ends.by)):
        if member is not None and member not in team.agents:
            hint = _instead(member, team.agents, "Agents of this team")
            findings.say((*path, *at), f"`{member}` is not in this team", hint)
    _check_pattern(step, path, findings)


def _check_pattern(step: TeamStep, path: Path, findings: Findings) -> None:
    """Say which keys do not fit how the team works."""
    team, swarm = step.team, step.team.pattern == "swarm"
    if swarm and team.ends.says is not None:
        hint = "Remove it: a swarm ends when an agent answers instead of handing over"
        findings.say((*path, "ends", "says"), "A swarm has no last word", hint)
    if not swarm and team.ends.says is None and team.ends.speeches is None:
        hint = "Write `ends: {says: DONE}`, `ends: {speeches: 4}`, or both"
        findings.say(path, "This team does not say how it ends", hint)
    if team.ends.by is not None and team.ends.says is None:
        findings.say((*path, "ends", "by"), "`by` needs `says`", "Write the line that this agent has to say")
    if team.person is not None and not swarm:
        findings.say((*path, "person"), "Only in a swarm a person can be handed over to", "Write `pattern: swarm`")
    if team.model is not None and team.pattern != "selector":
        hint = "Remove it: each agent names its own model"
        findings.say((*path, "model"), "Only in a team with a selector a model picks who speaks", hint)


def _instead(name: str, known: Iterable[str], called: str) -> str:
    names = list(known)
    near = nearest(name, names)
    return f"Did you mean `{near}`?" if near else f"{called}: {', '.join(names) or 'none'}"
