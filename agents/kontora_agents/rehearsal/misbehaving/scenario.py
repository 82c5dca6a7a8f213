"""A scenario: what the model should do, and what it does instead, how often."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kontora_agents.errors import RehearsalMismatch
from kontora_agents.rehearsal.misbehaving.work import Stage, Work

#: How often it goes wrong before it does what it should.
PERSISTENCE = {"once": 1, "twice": 2, "always": 1_000_000}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WireCall(_Part):
    """A call as it is sent, made from the one that would be right."""

    name: str = Field("{name}", description="template")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="arguments that are other")
    without: list[str] = Field(default_factory=list, description="arguments that are left out")
    renamed: dict[str, str] = Field(default_factory=dict)
    raw: Any = Field(None, description="in place of all arguments; a text is a template, `@arguments` the right ones")
    ids: bool = Field(True, description="false: the call has no id and no index of its own")
    id: str | None = Field(None, description="in place of the id of its own")
    index: int | None = Field(None, description="in place of its place in the answer")
    before: dict[str, Any] = Field(
        default_factory=dict, description="arguments that stand in the object once more, with these values, and first"
    )
    as_text: bool | None = Field(
        None, description="whether the arguments are a JSON text in the JSON; as the protocol has them if left out"
    )


class Reply(_Part):
    """What the model, or its server, says instead."""

    text: str | None = Field(None, description="template")
    thinking: str | None = None
    calls: list[WireCall] = Field(default_factory=list)
    finish: str = Field("stop", description="why the answer ends: `stop`, `length`, `load`, or what a server made up")
    one_piece: bool = Field(False, description="text and end come in one line")
    status: int = 200
    error: str = ""
    line: Literal["", "error", "reset", "open", "garbage", "html", "hang", "stall", "endless", "slow"] = Field(
        "", description="what happens on the way: after the first words, or in their place"
    )
    framing: Literal["", "comments", "crlf", "split", "garbage_after", "end_twice", "by_turns", "name_again"] = Field(
        "", description="how the bytes of a stream are written that says what it should"
    )
    counted: int | None = Field(None, description="tokens of the prompt that the server says it read")


class Fault(_Part):
    """What goes wrong next, and where."""

    stage: Stage = "write"
    reply: Reply


class Expected(_Part):
    """The right end for each persistence: the work is done, an error says what is wrong, or either."""

    once: Literal["done", "error", "either"] = "done"
    twice: Literal["done", "error", "either"] = "done"
    always: Literal["done", "error", "either"] = "either"


class Scenario(_Part):
    """One way to misbehave."""

    id: str
    title: str
    kind: Literal["text_call", "name", "arguments", "control", "content", "transport", "context"]
    sources: list[str] = Field(min_length=1, description="where it was seen; `synthetic` if nowhere")
    stage: Stage = "write"
    reply: Reply
    then: list[Fault] = Field(default_factory=list, description="faults that come after the first has had its turns")
    work: Work = Field(default_factory=Work, description="the tools and the arguments that are right")
    tools: bool = Field(True, description="false: the server says that the model cannot call tools")
    only_before: bool = Field(False, description="after the write the same words would be no fault")
    padding: int = Field(0, description="characters of further text in the task")
    expect: Expected = Field(default_factory=Expected)
    document: str = Field("", description="what strangers wrote into the record that is read; in the named world")
    never: list[str] = Field(default_factory=list, description="patterns that must not be in what the user reads")

    @property
    def faults(self) -> list[Fault]:
        """Everything that goes wrong, in order."""
        return [Fault(stage=self.stage, reply=self.reply), *self.then]


def load_scenarios(files: Iterable[Path]) -> dict[str, Scenario]:
    """Read scenario files, each a list. Raises `RehearsalMismatch` that names the file and what is wrong in it."""
    found: dict[str, Scenario] = {}
    for path in files:
        try:
            listed = yaml.safe_load(path.read_text("utf-8"))
            scenarios = [Scenario.model_validate(one) for one in listed]
        except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError) as error:
            raise RehearsalMismatch(f"scenario file {path}: {error}") from None
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise RehearsalMismatch(f"scenario file {path}: {said}") from None
        for scenario in scenarios:
            if scenario.id in found:
                raise RehearsalMismatch(f"scenario file {path}: there are two scenarios {scenario.id!r}")
            found[scenario.id] = scenario
    return found
