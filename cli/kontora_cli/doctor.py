"""`kontora doctor`: what works, what does not, and what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from kontora_cli.failures import OK, UNAVAILABLE, explain
from kontora_cli.invocation import as_typed, said_home
from kontora_cli.opening import opened
from kontora_cli.options import Home, Json
from kontora_cli.output import fancy, show

if TYPE_CHECKING:
    from kontora_worker.house import House


class Finding(NamedTuple):
    """One thing that was looked at. `next_` says what to type where it is not well."""

    what: str
    health: Literal["ok", "warning", "fails"]
    detail: str
    next_: str = ""


def doctor(home: Home = None, as_json: Json = False) -> int:
    """Look at settings, ledger, broker, workers, workflows, connectors and models."""
    with opened(home) as house:
        found = list(_look(house))
    failing = [one for one in found if one.health == "fails"]
    document = {
        "ok": not failing,
        "checks": [{"what": f.what, "health": f.health, "detail": f.detail, "next": f.next_} for f in found],
    }
    lines = [as_typed(line, said_home()) for one in found for line in _lines(one)]
    show(document, lines, as_json=as_json)
    return UNAVAILABLE if failing else OK


def _look(house: House) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok", version)
    there = house.settings.file.is_file()
    hint = "" if there else "kontora init"
    yield Finding(
        "settings", "ok" if there else "warning", f"{house.settings.file}{'' if there else ' is not there'}", hint
    )
    yield from _ledger(house)
    yield _broker(house)
    yield from _workflows(house)
    yield from _connectors(house)
    yield from _models(house)
    yield from _outside(house)


def _ledger(house: House) -> Iterator[Finding]:
    try:
        workers = house.ledger.workers.alive()
    except Exception as error:
        said = explain(error, house.settings.home)
        yield Finding("ledger", "fails", said.why, "" if said.code == "ledger_unavailable" else said.next_)
        return
    yield Finding("ledger", "ok", f"{house.ledger.database.dialect}, schema {house.ledger.database.revision()}")
    if workers:
        yield Finding("workers", "ok", ", ".join(worker.id for worker in workers))
    else:
        yield Finding("workers", "warning", "none is running: runs are accepted and wait", "kontora worker")


def _broker(house: House) -> Finding:
    if house.settings.broker_url is None:
        return Finding("broker", "ok", f"files in {house.settings.home / 'broker'}")
    if house.sender.answers():
        return Finding("broker", "ok", "Redis answers")
    return Finding(
        "broker", "fails", "Redis does not answer; runs are accepted and sent when it is back", "Start Redis."
    )


def _workflows(house: House) -> Iterator[Finding]:
    yield Finding("workflows", "ok", ", ".join(house.catalog.names()) or "none")
    for broken in house.catalog.broken():
        next_ = f"kontora workflows validate {broken.path}"
        yield Finding("workflow", "fails", f"{broken.path} cannot be used", next_)


def _connectors(house: House) -> Iterator[Finding]:
    from kontora_api.configured import connector_health

    if not house.doors.names():
        yield Finding("connectors", "warning", "none is configured", _settings_hint(house))
    for name in house.doors.names():
        next_ = f"kontora connectors check {name}"
        try:
            said = connector_health(house.doors, name)
        except Exception as error:
            explained = explain(error, house.settings.home)
            yield Finding(f"connector {name}", "fails", explained.why, explained.next_)
            continue
        yield Finding(f"connector {name}", "ok" if said.ok else "fails", said.detail, "" if said.ok else next_)


def _models(house: House) -> Iterator[Finding]:
    from kontora_api.configured import models

    if "default" not in house.settings.models:
        yield Finding("models", "warning", "no default model is configured: agents cannot work", _settings_hint(house))
    for one in models(house.settings, house.model_records):
        names = ", ".join(model.name for model in one.installed)
        next_ = "" if one.ok else "kontora models list"
        yield Finding(f"model {one.name}", "ok" if one.ok else "fails", one.detail or names, next_)
        if one.remark:
            yield Finding(f"model {one.name}", "warning", one.remark, "kontora models licence NAME")


def _outside(house: House) -> Iterator[Finding]:
    """Whether anything went to models outside of the house, and whether it was meant to."""
    try:
        count = house.ledger.entries.questions_outside(_DAYS)
    except Exception:  # what is wrong with the ledger was said above
        return
    meant = house.settings.external_models
    detail = f"{count} questions in {_DAYS} days; external_models = {str(meant).lower()}"
    yield Finding("models outside", "ok" if meant or not count else "warning", detail)


def _settings_hint(house: House) -> str:
    """Where something is missing in the settings: begin a file, or go on in the one that is there."""
    return f"Add it to {house.settings.file}." if house.settings.file.is_file() else "kontora init"


#: How far back questions to models outside are counted.
_DAYS = 30
_SIGNS = {"ok": ("ok  ", "32"), "warning": ("note", "33"), "fails": ("FAIL", "31")}


def _lines(one: Finding) -> Iterator[str]:
    sign, colour = _SIGNS[one.health]
    painted = f"\x1b[{colour}m{sign}\x1b[0m" if fancy(sys.stdout) else sign
    yield f"{painted}  {one.what:<18} {one.detail}"
    if one.next_:
        yield f"{'':<25}next: {one.next_}"
