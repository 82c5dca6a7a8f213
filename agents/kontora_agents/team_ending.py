"""When a team is done, and what it said until then."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, HandoffMessage, StopMessage, TextMessage

from kontora_agents.team import PERSON, Said, Team

_AROUND = re.compile(r"^[\W_]+|[\W_]+$")


class Ending(TerminationCondition):
    """The rule by which a team ends, and its transcript."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self._members = {member.name for member in team.members}
        self.transcript: list[Said] = []
        self.ended: Literal["answered", "limit"] | None = None

    @property
    def terminated(self) -> bool:
        """Whether the team is done."""
        return self.ended is not None

    async def reset(self) -> None:
        """Do nothing: a team works once."""

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        """Take note of what was said; a message if that was the end."""
        for message in messages:
            if isinstance(message, TextMessage | HandoffMessage) and message.source in (*self._members, PERSON):
                to = message.target if isinstance(message, HandoffMessage) else None
                self._hear(Said(who=message.source, text=message.to_text(), to=to))
        return StopMessage(content=self.ended, source="team") if self.ended else None

    def _hear(self, said: Said) -> None:
        self.transcript.append(said)
        spoken = sum(one.who in self._members for one in self.transcript)
        if self._is_last(said):
            self.ended = "answered"
        elif spoken >= self._team.speeches:
            by_rule = self._team.says is None and self._team.pattern != "swarm"
            self.ended = "answered" if by_rule else "limit"

    def _is_last(self, said: Said) -> bool:
        if self._team.pattern == "swarm":
            return said.to is None
        by = self._team.by
        return self._marks(said.text) and by in (None, said.who)

    def _marks(self, text: str) -> bool:
        return any(self._is_marker(line) for line in text.splitlines())

    def _is_marker(self, line: str) -> bool:
        says = self._team.says
        return says is not None and _AROUND.sub("", line).casefold() == _AROUND.sub("", says).casefold()

    def result(self) -> Said:
        """The last words that count, without the line that ends the team."""
        for said in reversed(self.transcript):
            if said.who == PERSON or said.to is not None or self._team.answer_of not in (None, said.who):
                continue
            text = "\n".join(line for line in said.text.splitlines() if not self._is_marker(line)).strip()
            if text:
                return Said(who=said.who, text=text)
        return Said(who=self._team.answer_of or self._team.members[0].name, text="")
