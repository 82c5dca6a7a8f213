"""Who speaks next, when a model picks: it is asked for one name; where it gives none, the order of the list holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kontora_agents.seams import Message, ModelRequest
from kontora_agents.team import Member, Said

_RULES = """You decide who of a team speaks next. The team:
{team}
Answer with one name of this list and nothing else."""
_NEXT = "Who speaks next: {names}? Answer with the name only."


class Speakers:
    """The choices made so far, as the conversation that the choosing model sees: it only ever grows."""

    def __init__(self, members: Sequence[Member], task: str) -> None:
        self._names = [member.name for member in members]
        team = "\n".join(f"- {member.name}: {purpose(member)}" for member in members)
        self._before = [Message(role="system", content=_RULES.format(team=team)), Message(role="user", content=task)]
        self._last: str | None = None

    @property
    def candidates(self) -> list[str]:
        """Who may speak next: everybody but the last speaker, in the order of the list, beginning after them."""
        if self._last is None:
            return self._names
        at = self._names.index(self._last)
        return [*self._names[at + 1 :], *self._names[:at]]

    def question(self, model: str, said: Sequence[Said]) -> ModelRequest:
        """Ask who speaks next, after what was said since the last choice."""
        words = [f"{one.who} said:\n\n{one.text}" for one in said]
        asked = "\n\n".join([*words, _NEXT.format(names=", ".join(self.candidates))])
        self._before.append(Message(role="user", content=asked))
        return ModelRequest(model=model, messages=list(self._before))

    def choose(self, answer: str) -> tuple[str, bool]:
        """Whom an answer names, and whether it does: else it is the next in order."""
        named = [name for name in self.candidates if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", answer.lower())]
        name = named[0] if len(named) == 1 else self.candidates[0]
        self._before.append(Message(role="assistant", content=name))
        self._last = name
        return name, len(named) == 1


def purpose(member: Member) -> str:
    """What a member is for, in one line: its description, else the beginning of its instructions."""
    text = member.agent.description or re.split(r"(?<=[.!?])\s", member.agent.instructions.strip(), maxsplit=1)[0]
    return re.sub(r"\s+", " ", text)
