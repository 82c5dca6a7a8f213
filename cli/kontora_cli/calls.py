"""`kontora calls`: every tool call of a run, as the ledger holds it."""

from __future__ import annotations

from typing import Annotated

import typer

from kontora_cli.failures import OK
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import clock, show, table


def calls(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """List the tool calls of a run and of the runs of its loops, in the order they were meant."""
    from kontora_api.documents import ToolCallDocument
    from kontora_workflows.tool_calls import tool_calls

    with opened(home) as house:
        found = tool_calls(house.ledger, run_id)
    documents = [ToolCallDocument.of(call).model_dump(mode="json") for call in found]
    rows = [
        (
            clock(call.intended_at),
            call.key,
            call.item,
            call.tool,
            call.outcome or "under way",
            call.ms,
            (call.error or {}).get("message", ""),
        )
        for call in found
    ]
    headings = ("time", "key", "item", "tool", "outcome", "ms", "why")
    show({"items": documents}, table(headings, rows, empty="This run has called no tool yet."), as_json=as_json)
    return OK
