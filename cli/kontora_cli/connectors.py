"""`kontora connectors`: what is connected, whether it answers, and one call by hand."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kontora_cli.failures import CONFIGURATION, OK, RUN_FAILED, UNAVAILABLE, WAITING, CliError
from kontora_cli.opening import opened, principal
from kontora_cli.options import Home, Inputs, Json, values
from kontora_cli.output import note, show, table

if TYPE_CHECKING:
    from kontora_worker.house import House
    from kontora_workflows.definition import Workflow
    from kontora_workflows.tool_calls import ToolCall

app = typer.Typer(help="See and try the doors to your systems.", no_args_is_help=True)


@app.command("list")
def list_connectors(home: Home = None, as_json: Json = False) -> int:
    """List the configured connectors, and the kinds that are installed."""
    from kontora_api.configured import connectors

    with opened(home) as house:
        found = connectors(house.settings, house.doors)
    rows = [
        (one.name, one.kind, ", ".join(one.interfaces), one.problem or f"{len(one.tools)} tools") for one in found.items
    ]
    empty = "No connector is configured. `kontora init` writes a kontora.toml that shows how."
    text = table(("connector", "kind", "interfaces", "detail"), rows, empty=empty)
    show(found.model_dump(mode="json"), text, as_json=as_json)
    note(f"Installed kinds: {', '.join(kind.name for kind in found.kinds) or 'none'}.")
    return OK


@app.command()
def check(
    name: Annotated[str | None, typer.Argument(help="Only this connector.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Ask each system whether it answers."""
    from kontora_api.configured import connector_health

    with opened(home) as house:
        found = [connector_health(house.doors, one) for one in ([name] if name else house.doors.names())]
    rows = [(one.name, "ok" if one.ok else "fails", one.detail) for one in found]
    text = table(("connector", "health", "detail"), rows, empty="No connector is configured.")
    show({"items": [one.model_dump(mode="json") for one in found]}, text, as_json=as_json)
    return OK if all(one.ok for one in found) else UNAVAILABLE


@app.command()
def call(
    name: Annotated[str, typer.Argument(metavar="CONNECTOR", help="Name of the connector.")],
    tool: Annotated[str, typer.Argument(help="Name of its tool.")],
    inputs: Inputs = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Call one tool by hand. It is a run of one step: in the ledger, and a write waits for a yes."""
    from kontora_workflows.starting import Start

    with opened(home) as house:
        workflow = _one_step(house, name, tool, values(inputs))
        run, _ = house.start_workflow(workflow, Start(principal(), "cli", bindings={"system": name}))
        made = _made(house, run.id)
        state = house.ledger.runs.get(run.id).state
    if made is None or state == "waiting":
        note(f"Run {run.id} waits for a yes: kontora approvals list --run {run.id}")
        show({"run": run.id, "state": state}, "", as_json=as_json)
        return WAITING
    if made.outcome not in ("ok", "reconciled"):
        error = made.error or {"code": "outcome_unknown", "message": "Nobody knows whether it was done.", "hint": ""}
        raise CliError(
            RUN_FAILED,
            error["code"],
            f"{name}.{tool} failed.",
            error["message"],
            error["hint"] or f"kontora runs show {run.id}",
        )
    result = json.dumps(made.result, ensure_ascii=False, indent=2)
    show({"run": run.id, "outcome": made.outcome, "ms": made.ms, "result": made.result}, result, as_json=as_json)
    return OK


def _one_step(house: House, name: str, tool: str, arguments: dict[str, Any]) -> Workflow:
    """A workflow that makes one call. Raises `CliError` for a tool that is not there."""
    from kontora_workflows.definition import ApprovalDefinition, ApprovalStep, CallStep, Role
    from kontora_workflows.definition import Workflow as Form
    from kontora_workflows.references import nearest

    tools = house.doors.kind(name).tools()
    if tool not in tools:
        near = nearest(tool, tools)
        why = f"{name} has: {', '.join(tools)}."
        next_ = f"Did you mean {near}?" if near else f"kontora connectors call {name} TOOL"
        raise CliError(CONFIGURATION, "unknown_tool", f"There is no tool {tool!r}.", why, next_)
    tools[tool].validate(arguments)
    wanted = f"system.{tool}"
    step: CallStep | ApprovalStep = CallStep(id="call", call=wanted, with_=arguments)
    if tools[tool].effect == "write":
        asked = ApprovalDefinition(title=f"{name}.{tool}, by hand", call=wanted, with_=arguments)
        step = ApprovalStep(id="call", approval=asked)
    role = Role(kind=house.doors.kind(name).kind)
    return Form(name="call-by-hand", title=f"{name}.{tool}", roles={"system": role}, steps=[step])


def _made(house: House, run_id: str) -> ToolCall | None:
    """Work on the run here, unless a worker was faster; return its call. By hand a call is tried once."""
    from kontora_workflows.tool_calls import tool_calls

    while True:
        if not house.engine.work(run_id):
            time.sleep(0.05)
        found = tool_calls(house.ledger, run_id, results=True)
        state = house.ledger.runs.get(run_id).state
        if state == "queued" and found and found[-1].outcome == "failed":
            house.ledger.runs.request_cancel(run_id, by=principal())
        elif state in ("queued", "running"):
            continue
        return found[-1] if found else None
