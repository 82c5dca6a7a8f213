"""`kontora approvals`: what waits for a person, and the person's yes or no."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from kontora_cli.escalations import headline, where, whole
from kontora_cli.failures import CONFIGURATION, OK, CliError
from kontora_cli.invocation import command, said_home
from kontora_cli.opening import going_on, opened, principal
from kontora_cli.options import Home, Inputs, Json, Limit, known, values
from kontora_cli.output import clock, facts, note, show, table

if TYPE_CHECKING:
    from kontora_workflows.ledger.approvals import Approval

app = typer.Typer(help="See what waits for a person, and decide.", no_args_is_help=True)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of approvals.")]
Comment = Annotated[str, typer.Option("--comment", "-m", help="Why; it is kept in the ledger.")]


@app.command("list")
def list_approvals(
    state: Annotated[
        str, typer.Option("--state", help="pending, approved, used, rejected, expired, withdrawn.")
    ] = "pending",
    run_id: Annotated[str | None, typer.Option("--run", help="Only those of this run and of its loops.")] = None,
    limit: Limit = 50,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """List approvals, oldest first."""
    from kontora_api.documents import ApprovalDocument
    from kontora_workflows.ledger.approvals import ApprovalState

    known([state], get_args(ApprovalState))
    with opened(home) as house:
        house.ledger.approvals.expire()
        root = house.ledger.runs.get(run_id).root_id if run_id else None
        found, _ = house.ledger.approvals.page(state=state, root_id=root, limit=limit)
    rows = [
        (one.id, one.tool, one.title, "stranger's text" if one.untrusted else "", clock(one.expires_at))
        for one in found
    ]
    documents = [ApprovalDocument.of(one).model_dump(mode="json") for one in found]
    headings = ("approval", "tool", "title", "beware", "expires to no")
    show({"items": documents}, table(headings, rows, empty=f"No approvals are {state}."), as_json=as_json)
    return OK


@app.command("show")
def show_approval(
    approval_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the approval.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Show the exact call that a yes would let through."""
    from kontora_api.documents import ApprovalDocument

    with opened(home) as house:
        house.ledger.approvals.expire()
        one = house.ledger.approvals.get(approval_id)
    show(ApprovalDocument.of(one).model_dump(mode="json"), _described(one), as_json=as_json)
    return OK


@app.command()
def approve(ids: Ids, comment: Comment = "", home: Home = None, as_json: Json = False) -> int:
    """Say yes to exactly the calls that were asked for."""
    return _decide(ids, "approved", comment, home, as_json)


@app.command()
def reject(ids: Ids, comment: Comment = "", home: Home = None, as_json: Json = False) -> int:
    """Say no. The runs go on without the calls."""
    return _decide(ids, "rejected", comment, home, as_json)


@app.command()
def answer(
    approval_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the question, as `approvals list` shows it.")],
    words: Annotated[str, typer.Argument(metavar="TEXT", help="What the team is told, word for word.")],
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Answer a question that a team of agents asks. `reject` says that there is no answer."""
    from kontora_connectors import Invalid
    from kontora_workflows.engine.questions import QUESTION

    with opened(home) as house:
        asked = house.ledger.approvals.get(approval_id)
    if asked.tool != QUESTION:
        raise Invalid(f"{asked.id} asks for a yes to {asked.tool}, not for an answer: approve or reject it.")
    return _decide([approval_id], "approved", words, home, as_json)


@app.command()
def edit(
    approval_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the approval.")],
    inputs: Inputs = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Change arguments of the call that waits. It is a new question: nobody has agreed to it yet."""
    from kontora_api.documents import ApprovalDocument

    with opened(home) as house:
        one = house.edit_approval(approval_id, values(inputs), by=principal())
    show(ApprovalDocument.of(one).model_dump(mode="json"), _described(one), as_json=as_json)
    return OK


def _decide(
    ids: list[str], decision: Literal["approved", "rejected"], comment: str, home: str | None, as_json: bool
) -> int:
    from kontora_api.documents import ApprovalDocument

    decided = []
    with opened(home) as house:
        for id_ in ids:
            if decision == "approved":
                _refuse_nobody(house.ledger.approvals.get(id_))
            one = house.ledger.approvals.decide(id_, decision, by=principal(), comment=comment)
            house.sender.send([one.run_id])
            decided.append(one)
            missing = "needs a second person" if one.state == "pending" else f"is {decision}"
            note(f"{one.id} {missing}: {one.tool}, {one.title}")
        how = going_on(house, (one.run_id for one in decided))
    documents = [ApprovalDocument.of(one).model_dump(mode="json") for one in decided]
    show({"items": documents, "next": how}, how, as_json=as_json)
    return OK


def _refuse_nobody(asked: Approval) -> None:
    """Raise `CliError` where people have to be told apart: whoever types here may call themselves as they like."""
    if asked.people > 1:
        why = f"{asked.people} people have to agree to {asked.id}; they are told apart by their tokens."
        next_ = f"Each sends a decision with a token of [tokens]: POST /api/v1/approvals/{asked.id}/decision"
        raise CliError(CONFIGURATION, "person_needed", "It was not approved.", why, next_)


def _described(one: Approval) -> str:
    from kontora_workflows.engine.escalation import ESCALATION

    pairs = [
        ("approval", one.id),
        ("state", one.state),
        *(where(one) if one.tool == ESCALATION else _call(one)),
        ("look at", one.instructions),
        ("run", one.run_id),
        ("asked", clock(one.requested_at)),
        ("expires to no", clock(one.expires_at) if one.state == "pending" else None),
        ("people", f"{one.people} have to agree" if one.people > 1 else None),
        ("agreed", one.agreed_by),
        ("decided", f"{clock(one.decided_at)} by {one.decided_by}" if one.decided_by else None),
        ("comment", one.comment),
        ("beware", "text written by a stranger may be in these arguments" if one.untrusted else None),
    ]
    if one.tool == ESCALATION:
        return f"{headline(one)}\n\n{facts(pairs)}\n\n{whole(one)}{_next(one)}"
    arguments = json.dumps(one.arguments, ensure_ascii=False, indent=2) if one.arguments is not None else "(erased)"
    return f"{facts(pairs)}\n\narguments\n{arguments}{_next(one)}"


def _call(one: Approval) -> list[tuple[str, str]]:
    return [("call", f"{one.tool} on {one.instance}"), ("title", one.title)]


def _next(one: Approval) -> str:
    """What to type, while it waits."""
    from kontora_workflows.engine.escalation import ESCALATION
    from kontora_workflows.engine.questions import QUESTION

    if one.state != "pending":
        return ""
    typed = f"{command(said_home())} approvals"
    yes = f'answer {one.id} "…"' if one.tool == QUESTION else f"approve {one.id}"
    lines = [f"{typed} {yes}", f"{typed} reject {one.id}"]
    if one.tool == ESCALATION:
        lines.insert(1, f'{typed} edit {one.id} -i "text=…"')
    return "\n\n" + "\n".join(lines)
