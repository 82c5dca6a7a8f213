"""What a misbehaving model says next: what is wrong as long as its persistence lasts, then what is right."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from kontora_agents.rehearsal.misbehaving.scenario import PERSISTENCE, Reply, Scenario, WireCall
from kontora_agents.rehearsal.misbehaving.work import Stage
from kontora_agents.rehearsal.misbehaving.written import answered, asked, tools_of

_AS_IT_IS = Reply()


@dataclass(frozen=True)
class Said:
    """An answer on its way out. Arguments are any JSON: an object, or whatever the scenario makes of it."""

    text: str = ""
    thinking: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    reply: Reply = _AS_IT_IS
    wrong: bool = False


class MisbehavingModels:
    """Models by name: `SCENARIO/PERSISTENCE/RUN`. How often each went wrong is counted per name and fault."""

    def __init__(self, scenarios: dict[str, Scenario]) -> None:
        self.scenarios = scenarios
        self._wrong: Counter[tuple[str, int]] = Counter()
        self.asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def scenario(self, model: str) -> Scenario | None:
        """The scenario of a model; None if there is no such model. A tag, as Ollama adds one, says nothing."""
        id_, persistence = _parts(model)
        return self.scenarios.get(id_) if persistence in PERSISTENCE else None

    def say(
        self, model: str, messages: list[dict[str, Any]], offered: list[str], form: dict[str, Any] | None = None
    ) -> Said:
        """The next answer of a model that there is; in writing where tools are not offered but named in a form."""
        scenario = self.scenario(model)
        assert scenario is not None
        work = scenario.work
        stage, right = work.stage(messages), work.answer(messages)
        in_writing = [] if offered or form is None else tools_of(form)
        name, arguments = work.call(stage, offered or in_writing)
        reply = self._fault(model, scenario, stage)
        if reply is not None:
            calls = [_wire(call, name, arguments) for call in reply.calls]
            task = next((str(one.get("content")) for one in messages if one.get("role") == "user"), "")
            texts = [
                _filled(text or "", name, arguments, right).replace("{asked}", task)
                for text in (reply.text, reply.thinking)
            ]
            return Said(texts[0], texts[1], calls, reply, wrong=True)
        if in_writing:
            return Said(answered(right) if stage == "answer" else asked(name, arguments))
        return Said(right) if stage == "answer" or not offered else Said(calls=[(name, arguments)])

    def _fault(self, model: str, scenario: Scenario, stage: Stage) -> Reply | None:
        """What goes wrong now, if anything does; it is counted."""
        lasts = PERSISTENCE[_parts(model)[1]]
        with self._lock:
            self.asked[model] += 1
            for place, fault in enumerate(scenario.faults):
                if fault.stage == stage and self._wrong[model, place] < lasts:
                    self._wrong[model, place] += 1
                    return fault.reply
        return None


def _parts(model: str) -> tuple[str, str]:
    id_, persistence, *_ = [*model.removesuffix(":latest").split("/"), ""]
    return id_, persistence


def _wire(call: WireCall, name: str, arguments: dict[str, Any]) -> tuple[str, Any]:
    """A call as the scenario sends it."""
    made = {
        call.renamed.get(key, key): value
        for key, value in {**arguments, **call.with_}.items()
        if key not in call.without
    }
    sent = made if call.raw is None else _raw(call.raw, made, name)
    if call.before and isinstance(sent, dict):
        sent = Twice(sent, call.before)
    return call.name.format_map(_Names(name, arguments)), sent


def _raw(raw: Any, arguments: dict[str, Any], name: str) -> Any:
    if raw == "@arguments":
        return arguments
    if raw == "@null":
        return None
    if raw == "@schema":
        return {key: {"type": "string", "value": value} for key, value in arguments.items()}
    if isinstance(raw, dict):
        return {key: _raw(value, arguments, name) for key, value in raw.items()}
    return _filled(raw, name, arguments, "") if isinstance(raw, str) else raw


class Twice(dict[str, Any]):
    """Arguments some of which stand twice in the JSON that is written of them."""

    def __init__(self, arguments: dict[str, Any], before: dict[str, Any]) -> None:
        super().__init__(arguments)
        self._before = before

    def items(self) -> Any:
        """The pairs as they are written."""
        return [*self._before.items(), *super().items()]


class _Names(dict[str, str]):
    """What templates of names may use."""

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        camel = "".join(part.capitalize() for part in name.split("_"))
        super().__init__(name=name, camel=camel, upper=name.upper())


def _filled(template: str, name: str, arguments: dict[str, Any], right: str) -> str:
    """Fill a template in; braces that are no placeholder stay."""
    dumped = json.dumps(arguments, ensure_ascii=False)
    for word, value in {
        "{name}": name,
        "{arguments}": dumped,
        "{call}": json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False),
        "{call_parameters}": json.dumps({"name": name, "parameters": arguments}, ensure_ascii=False),
        "{call_xml}": f"<function={name}>" + "".join(_parameter(*item) for item in arguments.items()) + "</function>",
        "{call_python}": f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})",
        "{half_call}": json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)[:-12],
        "{call_tag}": f"<{name}>" + "".join(f"<{key}>{one}</{key}>" for key, one in arguments.items()) + f"</{name}>",
        "{call_invoke}": f'<invoke name="{name}">' + "".join(_named(*item) for item in arguments.items()) + "</invoke>",
        "{call_keys}": f"{name}\n" + "\n".join(_arg_key(*item) for item in arguments.items()),
        "{call_yaml}": f"name: {name}\narguments:\n" + "".join(f"  {key}: {one}\n" for key, one in arguments.items()),
        "{call_action}": json.dumps({"action": name, "action_input": arguments}, ensure_ascii=False),
        "{arguments_python}": ", ".join(f"{key}={value!r}" for key, value in arguments.items()),
        "{right}": right,
    }.items():
        template = template.replace(word, value)
    return template


def _parameter(name: str, value: Any) -> str:
    return f"\n<parameter={name}>\n{value}\n</parameter>\n"


def _named(name: str, value: Any) -> str:
    return f'<parameter name="{name}">{value}</parameter>'


def _arg_key(name: str, value: Any) -> str:
    return f"<arg_key>{name}</arg_key>\n<arg_value>{value}</arg_value>"
