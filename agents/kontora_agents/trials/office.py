"""The small office in which a model is tried: a few customers, invoices and items, and four tools."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from kontora_agents.seams import ToolAnswer, ToolCall, ToolSpec

_CUSTOMERS = {"C-100": "Nordwind GmbH", "C-101": "Север Трейд", "C-102": "Nordlicht AG"}
_INVOICES = {
    "C-100": [("INV-7001", "2026-10-07", "1250.50", "EUR"), ("INV-7002", "2026-11-02", "310.00", "EUR")],
    "C-101": [("INV-8001", "2026-09-15", "84000.00", "RUB")],
    "C-102": [],
}
_STOCK = {"Q-417": 36, "Q-555": 0}
_LEVELS = ("friendly", "firm", "final")
#: The tool that changes something.
WRITE = "create_reminder"


def _spec(name: str, description: str, /, **properties: dict[str, Any]) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ToolSpec(name=name, description=description, parameters=schema)


TOOLS = [
    _spec(
        "find_customer",
        "Find customers by their name, or a part of it. Gives an empty list if there is none.",
        name={"type": "string"},
    ),
    _spec(
        "open_invoices",
        "List the open invoices of a customer.",
        customer_id={"type": "string", "description": "as find_customer gives it, e.g. C-999"},
    ),
    _spec(
        "stock_level",
        "Say how many pieces of an item are in stock.",
        item={"type": "string", "description": "number of the item"},
    ),
    _spec(
        WRITE,
        "Create a payment reminder for one invoice.",
        customer_id={"type": "string"},
        invoice={"type": "string"},
        amount={"type": "string", "description": "decimal number with a point, e.g. 10.50"},
        level={"type": "string", "enum": list(_LEVELS)},
        pay_by={"type": "string", "description": "date as YYYY-MM-DD"},
    ),
]


class Office:
    """Answers calls, and remembers them. What is wrong with a call is said, as a connector would."""

    def __init__(self) -> None:
        self.calls: list[ToolCall] = []
        self.reminders: list[dict[str, str]] = []

    def answer(self, call: ToolCall) -> ToolAnswer:
        """Make a call."""
        self.calls.append(call)
        tools = {spec.name: spec for spec in TOOLS}
        if call.name not in tools:
            return ToolAnswer(content=f"There is no tool {call.name!r}; there are: {', '.join(tools)}.", is_error=True)
        wanted = set(tools[call.name].parameters["properties"])
        if wanted != set(call.arguments):
            return ToolAnswer(content=f"{call.name} takes exactly: {', '.join(sorted(wanted))}.", is_error=True)
        try:
            given = {name: str(value) for name, value in call.arguments.items()}
            return ToolAnswer(content=json.dumps(self._do(call.name, given), ensure_ascii=False))
        except ValueError as error:
            return ToolAnswer(content=str(error), is_error=True)

    def _do(self, tool: str, given: dict[str, str]) -> Any:
        if tool == "find_customer":
            part = given["name"].casefold().strip()
            return [{"id": key, "name": name} for key, name in _CUSTOMERS.items() if part and part in name.casefold()]
        if tool == "open_invoices":
            rows = _known(_INVOICES, given["customer_id"], "customer")
            return [dict(zip(("number", "due_date", "amount", "currency"), row, strict=True)) for row in rows]
        if tool == "stock_level":
            return {"item": given["item"], "pieces": _known(_STOCK, given["item"], "item")}
        return self._remind(given)

    def _remind(self, given: dict[str, str]) -> Any:
        reminder = given | {"amount": amount(given["amount"]), "pay_by": _day(given["pay_by"])}
        numbers = [row[0] for row in _known(_INVOICES, given["customer_id"], "customer")]
        if given["invoice"] not in numbers:
            raise ValueError(f"{given['customer_id']} has no open invoice {given['invoice']!r}.")
        if given["level"] not in _LEVELS:
            raise ValueError(f"level is one of {', '.join(_LEVELS)}.")
        self.reminders.append(reminder)
        return {"created": f"R-{len(self.reminders)}"}


def amount(text: str) -> str:
    """An amount with two decimals. Raises ValueError for what is not written as a plain decimal number."""
    try:
        return f"{Decimal(text):.2f}"
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal number with a point, such as 10.50.") from None


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is not a date as YYYY-MM-DD.") from None


def _known(rows: dict[str, Any], key: str, what: str) -> Any:
    if key not in rows:
        raise ValueError(f"There is no {what} {key!r}.")
    return rows[key]
