"""A rehearsal script: what each agent of a workflow says, turn by turn, filled in from live tool results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kontora_agents.errors import RehearsalMismatch
from kontora_agents.rehearsal.conversation import Conversation
from kontora_agents.rehearsal.templates import evaluate, render, words_for


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScriptedCall(_Part):
    """A call to make: once, or for each item of a list."""

    tool: str = Field(description="wire name, e.g. erp_open_invoices")
    arguments: dict[str, Any] = Field(default_factory=dict, description="texts in them are templates")
    for_each: str | None = Field(None, description="expression that gives a list; templates see `item`")
    offered: bool = Field(True, description="false: the script means to call a tool that was not offered")


class Turn(_Part):
    """One answer of an agent: calls, or words. A turn whose lists give no call at all is skipped."""

    calls: list[ScriptedCall] = Field(default_factory=list)
    say: str | None = Field(None, min_length=1, description="template of the text")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.calls) == (self.say is not None):
            raise ValueError("a turn has either `calls` or `say`")
        return self


class Line(_Part):
    """A turn played to a conversation."""

    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = Field(default_factory=list)


class Script(_Part):
    """A script of one workflow; a workflow may have several, told apart by `name`."""

    workflow: str
    name: str = Field("", description="empty: the script a rehearsal uses unless another is named")
    agents: dict[str, list[Turn]]

    @property
    def key(self) -> str:
        """`<workflow>` or `<workflow>@<name>`."""
        return f"{self.workflow}@{self.name}" if self.name else self.workflow

    def model_name(self, agent: str) -> str:
        """Return the name under which a rehearsal server plays an agent of this script."""
        return f"rehearsal/{self.workflow}/{agent}" + (f"@{self.name}" if self.name else "")

    def play(self, agent: str, conversation: Conversation) -> Line:
        """Return the agent's next answer. Raises `RehearsalMismatch` that says what does not fit, and where."""
        if agent not in self.agents:
            known = ", ".join(self.agents)
            raise RehearsalMismatch(f"rehearsal script {self.key}: there is no agent {agent!r}, only {known}")
        answered = 0
        for number, turn in enumerate(self.agents[agent], start=1):
            try:
                line = _played(turn, conversation, answered)
            except RehearsalMismatch as error:
                where = f"rehearsal script {self.key}, agent {agent}, turn {number}"
                raise RehearsalMismatch(f"{where}: {error.message}") from None
            if line is None:
                continue
            if answered == conversation.turn:
                return line
            answered += 1
        raise RehearsalMismatch(
            f"rehearsal script {self.key}, agent {agent}: answer {conversation.turn + 1} is asked for, "
            f"and the script ends after {answered}"
        )


def _played(turn: Turn, conversation: Conversation, answered: int) -> Line | None:
    """Return what a turn says when `answered` answers were given before, or None if it has nothing to say."""
    heard = conversation.heard_until(answered)
    values = {"task": conversation.task, "heard": heard, **words_for(conversation.until(answered))}
    if turn.say is not None:
        text = render(turn.say, values).strip()
        return Line(text=text) if text else None
    calls = [call for scripted in turn.calls for call in _calls(scripted, values, conversation)]
    return Line(calls=calls) if calls else None


def _calls(
    scripted: ScriptedCall, values: dict[str, Any], conversation: Conversation
) -> list[tuple[str, dict[str, Any]]]:
    if scripted.offered and scripted.tool not in conversation.offered:
        offered = ", ".join(sorted(conversation.offered)) or "none"
        raise RehearsalMismatch(f"the tool {scripted.tool} is not offered; offered are: {offered}")
    items = [None] if scripted.for_each is None else evaluate(scripted.for_each, values)
    if not isinstance(items, list | tuple):
        raise RehearsalMismatch(f"`{scripted.for_each}` is not a list")
    return [(scripted.tool, _filled(scripted.arguments, {**values, "item": item})) for item in items]


def _filled(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return render(value, values)
    if isinstance(value, dict):
        return {name: _filled(item, values) for name, item in value.items()}
    return [_filled(item, values) for item in value] if isinstance(value, list) else value


def load_script(path: Path) -> Script:
    """Read a script file. Raises `RehearsalMismatch` that names the file and what is wrong in it."""
    try:
        # Through JSON, so that dates and the like stay the texts they are written as in templates.
        return Script.model_validate(json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8")), default=str)))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RehearsalMismatch(f"rehearsal script {path}: {error}") from None
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RehearsalMismatch(f"rehearsal script {path}: {said}") from None
