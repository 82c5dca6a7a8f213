"""An answer of a model, understood: the calls to make or to refuse, the text, and what was repaired or is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kontora_agents.characters import whole_characters
from kontora_agents.reading import names
from kontora_agents.reading.arguments import read_arguments
from kontora_agents.reading.call_shapes import Printed
from kontora_agents.reading.founded import unfounded
from kontora_agents.reading.languages import Language
from kontora_agents.reading.schema import options, resolve
from kontora_agents.reading.text_calls import is_quotation, text_calls, without_tokens
from kontora_agents.reading.undone import is_a_record, reads_as_done, waits_for_a_person
from kontora_agents.reading.verdicts import Fault, fault_of, is_endless
from kontora_agents.seams import ModelAnswer, Repair, ToolCall, ToolSpec, call_id

Tools = Mapping[str, ToolSpec]


@dataclass(frozen=True)
class Task:
    """What decides about an answer besides the answer. `known` are all tools of the agent, `offered` those it has now,
    `tried` whether it has called one, `language` the one an answer is due in; `given` gives all that it was told.

    `wrote` says what came of its writes; it is `unknown` if it has no tool for that, or is not alone. `evidence` gives
    the texts that the values of a write have to come from; None: they may come from anywhere.
    """

    offered: Tools
    known: Tools
    tried: bool = False
    language: Language | None = None
    given: Callable[[], str] = str
    asked: str = ""
    wrote: Literal["done", "failed", "nothing", "unknown"] = "unknown"
    evidence: Callable[[], list[str]] | None = None

    @property
    def writing(self) -> list[str]:
        """The names of the tools that write."""
        return [name for name, spec in self.known.items() if spec.writes]


@dataclass(frozen=True)
class Understood:
    """What an answer says. With a `fault` nothing of it is used."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    fault: Fault | None = None


def understand(answer: ModelAnswer, turn: int, task: Task) -> Understood:
    """Read an answer. The same answer is always read in the same way."""
    if answer.finish == "endless":
        return Understood(fault="endless")
    if answer.finish == "length":
        return Understood(fault="endless" if is_endless(answer.text) else "cut")
    if answer.calls:
        repairs: list[Repair] = []
        calls = [_call(call, turn, position, task, repairs) for position, call in enumerate(answer.calls)]
        return Understood(answer.text, calls, repairs)
    answer = answer.model_copy(update={"text": without_tokens(answer.text)})
    printed = text_calls(answer.text, task.offered)
    if printed is not None and is_quotation(answer.text.removeprefix(printed[0]), printed[1], task.given()):
        return Understood(fault="shown")
    if printed is not None:
        return _from_text(*printed, answer.text, turn, task)
    if answer.finish == "unread":
        return Understood(fault="unread")
    fault = fault_of(
        answer,
        task.known,
        tried=task.tried,
        idle=task.wrote == "nothing",
        wanted=task.language,
        given=task.given(),
    )
    fault = fault or ("undone" if _is_undone(answer.text, task) else None)
    return Understood(fault=fault) if fault else Understood(answer.text)


def _is_undone(text: str, task: Task) -> bool:
    """Whether an answer stands in the place of a write that was not made."""
    if task.wrote == "nothing" and (waits_for_a_person(text, task.asked) or is_a_record(text, task.given())):
        return True
    return task.wrote in ("nothing", "failed") and reads_as_done(text, task.writing)


def _call(call: ToolCall, turn: int, position: int, task: Task, repairs: list[Repair]) -> ToolCall:
    """A call under the name and with the arguments that are meant. One that nobody offered stays as it is."""
    id_, offered = call_id(turn, position), task.offered
    name = names.match(call.name, offered)
    if name is None or call.problem:
        return call if call.id == id_ else call.model_copy(update={"id": id_})
    read = read_arguments(offered[name], call.arguments)
    problems = read.problems
    if not problems and offered[name].writes and task.evidence is not None:
        problems = unfounded(offered[name], read.arguments, task.evidence())
    if problems:
        problem = f"{name} was not called. {'. '.join(problems)}. Put this right and call it again."
        return ToolCall(id=id_, name=name, arguments=call.arguments, problem=problem)
    if name != call.name:
        repairs.append(Repair(what="name", where=name, before=call.name, after=name, why="only this tool can be meant"))
    repairs += read.repairs
    if name == call.name and read.arguments is call.arguments and call.id == id_:
        return call
    return ToolCall(id=id_, name=name, arguments=read.arguments)


def _from_text(prose: str, printed: list[Printed], text: str, turn: int, task: Task) -> Understood:
    repairs: list[Repair] = []
    calls = []
    for position, call in enumerate(printed):
        arguments = _typed(call, task.offered[call.name]) if call.loose else whole_characters(call.arguments)
        why = "the call was printed as text, and nothing else can be meant"
        after = {"name": call.name, "arguments": arguments}
        repairs.append(Repair(what="call", where=call.name, before=text[-2000:], after=after, why=why))
        read = ToolCall(id=call_id(turn, position), name=call.name, arguments=arguments)
        calls.append(_call(read, turn, position, task, repairs))
    return Understood(prose, calls, repairs)


def _typed(call: Printed, spec: ToolSpec) -> dict[str, Any]:
    """Arguments that were written without types, with those of the schema: only text stays text there."""
    properties, definitions = spec.parameters.get("properties", {}), spec.parameters.get("$defs", {})
    return {name: _value(text, properties.get(name) or {}, definitions) for name, text in call.arguments.items()}


def _value(text: str, schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    kinds = {resolve(option, definitions).get("type") for option in options(resolve(schema, definitions))}
    if "string" in kinds or not kinds & {"array", "object", "boolean"}:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
