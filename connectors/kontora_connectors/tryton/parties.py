"""Parties of Tryton: names, and what is known about one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, inspect, select

from kontora_connectors.canonical import Party
from kontora_connectors.errors import NotFound
from kontora_connectors.tryton.tables import address, contact, country, identifier, invoice, party

#: Ids that one statement may name: SQLite allows 32,766 parameters.
CHUNK = 10_000


def known(connection: Connection, party_id: str) -> int:
    """Return the number behind an id. Raises `NotFound`."""
    # isdecimal() also takes digits of other scripts, and Tryton's ids are four-byte integers.
    number = int(party_id) if party_id.isascii() and party_id.isdecimal() and len(party_id) < 10 else None
    if number is None or connection.scalar(select(party.c.id).where(party.c.id == number)) is None:
        raise NotFound(f"Tryton has no party with the id {party_id!r}.")
    return number


def names(connection: Connection, ids: Iterable[int]) -> dict[int, str]:
    """Return the names of parties; Tryton allows a party without one, which then goes by its code."""
    wanted, found = sorted(ids), dict[int, str]()
    for start in range(0, len(wanted), CHUNK):
        chunk = party.c.id.in_(wanted[start : start + CHUNK])
        rows = connection.execute(select(party.c.id, party.c.name, party.c.code).where(chunk))
        found.update((row.id, _name(row)) for row in rows)
    return found


def read(connection: Connection, party_id: str) -> Party:
    """Return what Tryton knows about a party. Raises `NotFound`."""
    number = known(connection, party_id)
    row = connection.execute(select(party).where(party.c.id == number)).one()
    extra = {"code": row.code, "active": bool(row.active)}
    if row.replaced_by is not None:
        extra["replaced_by"] = str(row.replaced_by)
    return Party(
        id=str(number),
        name=_name(row),
        tax_id=_tax_id(connection, number),
        country=_country(connection, number),
        email=connection.scalar(_in_use(contact, number, contact.c.value).where(contact.c.type == "email")),
        phone=connection.scalar(
            _in_use(contact, number, contact.c.value).where(contact.c.type.in_(("phone", "mobile")))
        ),
        extra=extra,
    )


def _name(row: Any) -> str:
    return row.name or f"[{row.code}]"


def _in_use(table: Table, party_id: int, column: Any) -> Any:
    """Select from the first of a party's records that is not archived, in the order Tryton shows them."""
    return (
        select(column)
        .select_from(table)
        .where(table.c.party == party_id, table.c.active.is_(True))
        .order_by(table.c.sequence.nulls_first(), table.c.id)
        .limit(1)
    )


def _country(connection: Connection, party_id: int) -> str | None:
    """Countries are a module of their own: a copy of the books for reporting may come without its table."""
    if not inspect(connection).has_table(country.name):
        return None
    first = _in_use(address, party_id, country.c.code).join(country, country.c.id == address.c.country)
    found: str | None = connection.scalar(first)
    return found


def _tax_id(connection: Connection, party_id: int) -> str | None:
    """Which identifier is the one for taxes only Tryton's code knows: take what it put on the latest invoice."""
    on_invoice = (
        select(identifier.c.code)
        .join_from(identifier, invoice, invoice.c.party_tax_identifier == identifier.c.id)
        .where(identifier.c.party == party_id, identifier.c.active.is_(True))
        .order_by(invoice.c.invoice_date.desc(), invoice.c.id.desc())
        .limit(1)
    )
    first = _in_use(identifier, party_id, identifier.c.code).where(identifier.c.type.is_not(None))
    found: str | None = connection.scalar(on_invoice) or connection.scalar(first)
    return found
