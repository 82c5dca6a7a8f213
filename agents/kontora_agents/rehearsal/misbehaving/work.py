"""The work that the model should do, and where a conversation stands in it."""

from __future__ import annotations

import ast
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Where in its work the model goes wrong: at its first call, at the call that writes, or at its last word.
Stage = Literal["read", "write", "answer"]
_ORDER = {"customer_id": "C-1042", "amount": "1250.50", "currency": "EUR", "due_date": "2026-12-01"}


class Work(BaseModel):
    """Read one record, write another, report on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: str = Field("get_customer", description="the tool that reads, by the end of the name it is offered under")
    write: str = Field("create_order", description="the tool that writes, likewise")
    read_arguments: dict[str, Any] = Field(default_factory=lambda: {"customer_id": "C-1042"})
    write_arguments: dict[str, Any] = Field(default_factory=_ORDER.copy)
    read_shows: str = Field("credit_limit", description="a field that only a good result of the reading tool has")
    write_shows: str = Field("order_id", description="a field that only a good result of the writing tool has")
    report: str = Field(
        "The order {order_id} was created; its total is {total} {currency}.",
        description="template over the fields of the written record",
    )

    def stage(self, messages: list[dict[str, Any]]) -> Stage:
        """How far a conversation has come, judged by the results that its tools gave."""
        if self.written(messages):
            return "answer"
        return "write" if any(self.read_shows in result for result in _results(messages)) else "read"

    def written(self, messages: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The record that was written last, if one was."""
        good = [result for result in _results(messages) if self.write_shows in result]
        return good[-1] if good else None

    def call(self, stage: Stage, offered: list[str]) -> tuple[str, dict[str, Any]]:
        """The call that is right now: name as offered, and arguments. At the end it is the write once more."""
        wanted, arguments = (self.read, self.read_arguments) if stage == "read" else (self.write, self.write_arguments)
        return next((name for name in offered if name.endswith(wanted)), wanted), dict(arguments)

    def answer(self, messages: list[dict[str, Any]]) -> str:
        """The report that is right at the end."""
        record = self.written(messages) or {}
        return self.report.format_map({name: str(value) for name, value in record.items()} if record else _Unknown())


class _Unknown(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "unknown"


def _results(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records that tools gave, in order: JSON objects, or the JSON in the text around them."""
    found = []
    for message in messages:
        if message.get("role") in ("tool", "user"):  # calls in writing are answered in writing
            record = _record(message.get("content"))
            if record is not None:
                found.append(record)
    return found


def _record(content: Any) -> dict[str, Any] | None:
    if isinstance(content, list):  # OpenAI's parts
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    text = str(content or "")
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return None
    value = _read(text[start : end + 1])
    while isinstance(value, dict) and isinstance(value.get("result"), dict):
        value = value["result"]
    return value if isinstance(value, dict) else None


def _read(text: str) -> Any:
    """JSON, or a record as Python prints one: a model reads both."""
    for reader in (json.loads, ast.literal_eval):
        try:
            return reader(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None
