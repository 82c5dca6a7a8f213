"""Tools for models that cannot call them: told in the prompt, and answered in a form that the server enforces.

The model answers one JSON object: a tool and its arguments, or its answer. The form goes along as a JSON Schema and the
tools do not, because servers that get both leave the tools alone. What comes back is read as strictly as any call.
"""

from __future__ import annotations

import json
from typing import Any

from kontora_agents.characters import whole_characters
from kontora_agents.errors import ModelMisspoke
from kontora_agents.ollama_wire import parse_line
from kontora_agents.seams import Message, ModelAnswer, ModelRequest, ToolCall, ToolSpec, call_id
from kontora_agents.wire_schema import flatten

_HOW = """\
You cannot call tools yourself; you ask for a call in writing. Answer with one JSON object and nothing else, either
{"tool": "<name>", "arguments": {...}} to ask for one call, whose result you are told next, or {"answer": "<text>"} when
you are done. Never answer with figures, dates or ids that you were not told.

The tools, with the JSON Schema of their arguments:
"""


def answer_format(tools: list[ToolSpec]) -> dict[str, Any]:
    """The JSON Schema of what the model may say."""
    calls = [
        {
            "type": "object",
            "properties": {"tool": {"type": "string", "enum": [tool.name]}, "arguments": flatten(tool.parameters)},
            "required": ["tool", "arguments"],
        }
        for tool in tools
    ]
    last = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    return {"anyOf": [*calls, last]}


def in_writing(request: ModelRequest) -> ModelRequest:
    """The same conversation for a model that is told of its tools: calls and results become text."""
    told = "\n".join(
        f"- {tool.name}: {tool.description}\n  {json.dumps(flatten(tool.parameters), ensure_ascii=False)}"
        for tool in request.tools
    )
    messages = [_written(message) for message in request.messages]
    system = "\n\n".join([*(one.content for one in messages if one.role == "system"), _HOW + told])
    rest = [one for one in messages if one.role != "system"]
    return request.model_copy(update={"messages": [Message(role="system", content=system), *rest], "tools": []})


def _written(message: Message) -> Message:
    if message.role == "assistant" and message.calls:
        asked = [{"tool": call.name, "arguments": call.arguments} for call in message.calls]
        return Message(role="assistant", content="\n".join(json.dumps(one, ensure_ascii=False) for one in asked))
    if message.role == "tool":
        return Message(role="user", content=f"Result of {message.name}:\n{message.content}")
    return message


def read(answer: ModelAnswer, turn: int) -> ModelAnswer:
    """What the model said, as a call or as text; unread if it is not of the form."""
    if answer.finish in ("length", "endless"):
        return answer
    try:
        said = parse_line(answer.text.encode("utf-8", "surrogatepass"))
    except ModelMisspoke:
        said = {}
    if isinstance(said.get("tool"), str) and isinstance(said.get("arguments"), dict) and "answer" not in said:
        call = ToolCall(id=call_id(turn, 0), name=said["tool"], arguments=whole_characters(said["arguments"]))
        return answer.model_copy(update={"text": "", "calls": [call], "finish": "calls"})
    if isinstance(said.get("answer"), str) and said["answer"].strip() and "tool" not in said:
        return answer.model_copy(update={"text": whole_characters(said["answer"]).strip()})
    return answer.model_copy(update={"finish": "unread"})
