"""AutoGen lets the agent work. It is imported when the first agent runs, not before."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from kontora_agents.definition import AgentDefinition
from kontora_agents.grounding import Ungrounded, check
from kontora_agents.limits import LimitReached
from kontora_agents.model import Model
from kontora_agents.runner import AgentOutcome
from kontora_agents.seams import Seams, ToolSpec

if TYPE_CHECKING:
    from autogen_agentchat.agents import AssistantAgent

    from kontora_agents.chat_client import ChatClient
    from kontora_agents.team import Team, TeamOutcome
    from kontora_agents.toolbox import Toolbox


class AutogenRunner:
    """An `AgentRunner` on AutoGen's AssistantAgent and its teams."""

    async def run(
        self,
        agent: AgentDefinition,
        name: str,
        task: str,
        tools: list[ToolSpec],
        seams: Seams,
        model: Model,
        model_name: str,
        evidence: Callable[[], list[str]],
    ) -> AgentOutcome:
        """Let an agent work; see `AgentRunner.run`."""
        _quiet_autogen()
        from kontora_agents.chat_client import ChatClient
        from kontora_agents.toolbox import Toolbox

        toolbox = Toolbox(tools, seams)
        founded = agent.grounding != "off"
        client = ChatClient(model, model_name, tools, seams, toolbox, agent.limits, alone=True, founded=founded)
        ungrounded: list[Ungrounded] = []
        try:
            assistant = _assistant(agent, name, client, toolbox)
            await _say(assistant, client, task)
            if agent.grounding != "off":
                ungrounded = _unfounded(client, agent, evidence)
                if ungrounded and len(client.answers) < agent.limits.turns:
                    await _say(assistant, client, ask_again(ungrounded))
                    ungrounded = _unfounded(client, agent, evidence)
        except LimitReached:
            if agent.grounding != "off":
                ungrounded = _unfounded(client, agent, evidence)
        finally:
            await toolbox.finish()
        return _outcome(client, toolbox, model_name, ungrounded)

    async def run_team(self, team: Team, task: str, evidence: Callable[[], list[str]]) -> TeamOutcome:
        """Let a team work; see `AgentRunner.run_team`."""
        _quiet_autogen()
        from kontora_agents.team_runner import TeamAtWork

        return await TeamAtWork(team, task, evidence).run()


async def _say(assistant: AssistantAgent, client: ChatClient, text: str) -> None:
    """Say something to the agent and wait until it has answered. The typed error is taken from beside AutoGen."""
    try:
        async for _ in assistant.run_stream(task=text):  # to its end: `run` leaves a generator open
            pass
    except Exception:
        if client.stopped is None:
            raise
    if client.stopped is not None:
        raise client.stopped


def _assistant(agent: AgentDefinition, name: str, client: ChatClient, toolbox: Toolbox) -> AssistantAgent:
    from autogen_agentchat.agents import AssistantAgent

    return AssistantAgent(
        re.sub(r"\W|^(?=\d)", "_", name),  # AutoGen takes identifiers only
        model_client=client,
        workbench=toolbox,
        system_message=agent.instructions,
        max_tool_iterations=agent.limits.turns,
        reflect_on_tool_use=False,
    )


def _unfounded(client: ChatClient, agent: AgentDefinition, evidence: Callable[[], list[str]]) -> list[Ungrounded]:
    return check(client.text, [agent.instructions, *evidence()], agent.derivations)


def ask_again(ungrounded: list[Ungrounded]) -> str:
    """What an agent is told whose figures stand nowhere."""
    figures = ", ".join(dict.fromkeys(found.text for found in ungrounded))
    return (
        f"These figures of your answer are neither in the data you were given nor in any tool result: {figures}. "
        "Write the whole answer again, in the same language, with figures, dates and ids exactly as you were given "
        "them; leave out what you were not given."
    )


def _outcome(client: ChatClient, toolbox: Toolbox, model_name: str, ungrounded: list[Ungrounded]) -> AgentOutcome:
    usage = client.total_usage()
    return AgentOutcome(
        text=client.text,
        turns=len(client.answers),
        tool_calls=toolbox.made,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        model=next((answer.model for answer in client.answers if answer.model), model_name),
        rehearsal=any(answer.rehearsal for answer in client.answers),
        ended="limit" if client.stopped is not None else "answered",
        ungrounded=ungrounded,
    )


@cache
def _quiet_autogen() -> None:
    """Keep AutoGen's own logs shut: they carry prompts and results, and the journal has both."""
    for name in ("autogen_core", "autogen_core.events", "autogen_agentchat", "autogen_agentchat.events"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.propagate = False
        logger.handlers = [logging.NullHandler()]
