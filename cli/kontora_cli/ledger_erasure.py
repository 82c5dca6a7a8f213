"""`kontora ledger erase`: one person leaves the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kontora_cli.failures import CONFIGURATION, OK, CliError
from kontora_cli.ledger_upkeep import OWNER, Yes
from kontora_cli.opening import opened, principal
from kontora_cli.options import Home, Json
from kontora_cli.output import note, show, table

if TYPE_CHECKING:
    from kontora_worker.house import House
    from kontora_workflows.ledger.erasure import NotAtRest, Search, Traces


def erase(
    texts: Annotated[
        list[str] | None, typer.Option("--text", metavar="TEXT", help="A name, address or number; may be repeated.")
    ] = None,
    subjects: Annotated[
        list[str] | None, typer.Option("--subject", metavar="KIND:ID", help="Id of a record, such as party:C00042.")
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel runs that are still going on.")] = False,
    yes: Yes = False,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Erase one person: payloads and files that speak of them, whole. The chains stay valid and say so."""
    from kontora_workflows.ledger.erasure import Erasure, NotAtRest
    from kontora_workflows.ledger.person import Person

    try:
        person = Person(texts or (), subjects or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--text / --subject") from None
    with opened(home) as house:
        erasure = Erasure(house.ledger, person)
        found = erasure.search()
        if yes:
            try:
                _erased(house, erasure.erase(found, by=principal(), cancel=cancel))
                _elsewhere(house)
            except NotAtRest as busy:
                if busy.erased:
                    _erased(house, busy.erased)
                raise _still_going_on(busy, cancel) from None
    show(_document(found, yes), _listed(found), as_json=as_json)
    note("Erased." if yes else "Nothing was erased. Add --yes to do it.")
    if any(traces.stays for traces in found.runs.values()):
        note(
            "What stays are entries whose own text speaks of the person; a chain cannot be changed. See docs/ledger.md."
        )
    return OK


def _erased(house: House, erased: list[Traces]) -> None:
    for traces in erased:
        house.remove_copies(traces.run_id, traces.artifacts.values())
    if not house.ledger.database.scrub() and erased:
        note(f"The old rows leave PostgreSQL's files with VACUUM FULL, {OWNER}.")


def _elsewhere(house: House) -> None:
    """Name the copies of the ledger that this command does not reach."""
    for path in sorted(house.settings.home.glob("*.before-*")):
        note(f"{path} was not looked into; remove it when you no longer need it.")


def _still_going_on(busy: NotAtRest, cancelled: bool) -> CliError:
    what = "Not everything was erased." if busy.erased else "Nothing was erased."
    why = f"Runs that speak of the person are still going on: {', '.join(busy.run_ids[:5])}."
    next_ = (
        "Do the same again when their workers have let go of them." if cancelled else "Let them end, or add --cancel."
    )
    return CliError(CONFIGURATION, "not_at_rest", what, why, next_)


def _document(found: Search, erased: bool) -> dict[str, object]:
    return {
        "erased": erased,
        "runs": [traces.__dict__ for traces in found.runs.values()],
        "schedules": found.schedules,
        "unread": found.unread,
    }


def _listed(found: Search) -> list[str]:
    rows = [
        (one.run_id, len(one.payloads), len(one.artifacts), len(one.comments), len(one.stays))
        for one in found.runs.values()
    ]
    lines = [table(("run", "payloads", "files", "comments", "stays"), rows, empty="The person was not found.")]
    lines += [f"schedule {id_}: its inputs speak of the person; remove it, or change it" for id_ in found.schedules]
    lines += [f"file {id_}: it could not be looked into" for id_ in found.unread]
    return lines
