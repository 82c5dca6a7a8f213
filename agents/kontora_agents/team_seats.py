"""The seats of a team, as AutoGen sees them: agents with what they hear from each other, and a person."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage, TextMessage
from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import CreateResult

from kontora_agents.chat_client import ChatClient
from kontora_agents.handoffs import HandingOver, HandOver, is_hand_over, spec_of
from kontora_agents.seams import ToolCall
from kontora_agents.team import PERSON, AskPerson, Member
from kontora_agents.toolbox import Toolbox

#: Who gave the task.
TASK = "user"


class Seat(AssistantAgent):
    """A member. What others say reaches it with their names; what they looked up stays theirs."""

    def __init__(self, member: Member, targets: Mapping[str, str]) -> None:
        """`targets`: whom it can hand over to, and what they are for."""
        seams = HandingOver(member.seams, list(targets)) if targets else member.seams
        self.member = member
        self.toolbox = Toolbox(member.tools, seams)
        tools = [*member.tools, *(spec_of(target, purpose) for target, purpose in targets.items())]
        self.client = _OneHandOver(member.model, member.model_name, tools, seams, self.toolbox, member.agent.limits)
        super().__init__(
            member.name,
            model_client=self.client,
            workbench=self.toolbox,
            handoffs=[HandOver.to(target) for target in targets],
            system_message=member.agent.instructions,
            max_tool_iterations=member.agent.limits.turns,
            reflect_on_tool_use=False,
        )

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Hear what was said, and speak; the client's `text` then is what was said this time."""
        self.client.text = ""
        async for said in super().on_messages_stream([_heard(one) for one in messages], cancellation_token):
            yield said


def _heard(message: BaseChatMessage) -> BaseChatMessage:
    text = message.to_text()
    if message.source != TASK:
        text = f"{message.source} said:\n\n{text}"
    return TextMessage(content=text, source=message.source)


class _OneHandOver(ChatClient):
    """Of several hand-overs in one answer the first counts. Who is stopped is asked nothing more."""

    async def create(self, *args: Any, **options: Any) -> CreateResult:
        if self.stopped is not None:
            raise self.stopped
        result = await super().create(*args, **options)
        if isinstance(result.content, str):
            return result
        first = next((call for call in result.content if is_hand_over(call.name)), None)
        kept: list[FunctionCall] = [call for call in result.content if call is first or not is_hand_over(call.name)]
        return result.model_copy(update={"content": kept})

    def _is_called_anyhow(self, tool: str) -> bool:
        """A hand-over is one without words, too."""
        return is_hand_over(tool)

    async def _stop_before_calls_that_nobody_would_read(self, calls: list[ToolCall]) -> None:
        """A hand-over is read by somebody else, and counts as no call."""
        await super()._stop_before_calls_that_nobody_would_read([call for call in calls if not is_hand_over(call.name)])


class PersonSeat(BaseChatAgent):
    """The person of a swarm: who hands over to them gets their answer. `stopped` holds what ended the wait."""

    def __init__(self, ask: AskPerson) -> None:
        super().__init__(PERSON, "a person")
        self._ask, self._asked = ask, 0
        self.stopped: Exception | None = None

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """A person only answers."""
        return (HandoffMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        """Put the question, and bring the answer back to who asked."""
        question = messages[-1]
        try:
            answer = await self._ask(self._asked, question.source, question.to_text())
        except Exception as error:
            self.stopped = error
            raise
        self._asked += 1
        return Response(chat_message=HandoffMessage(content=answer, target=question.source, source=PERSON))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Do nothing: a team is not reset."""
