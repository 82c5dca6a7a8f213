"""The demo company's CRM: accounts found although links are missing, and an activity once under one key."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from kontora_connectors.canonical import Activity
from kontora_connectors.demo.company import generate
from kontora_connectors.demo.crm import DemoCrm
from kontora_connectors.demo.erp import DemoErp
from kontora_connectors.errors import Invalid, NotFound, OutcomeUnknown
from sqlalchemy import Engine, create_engine, event, text

from tests.demo_place import TODAY, Books, Place, in_folder

pytest_plugins = ["tests.demo_fixtures"]

TWINS = {"A90001": "ACME AG", "A90002": "Acme AG", "A90003": "acme ag"}


def unlinked(crm: DemoCrm, books: Books) -> list[str]:
    return [id_ for id_ in books.customers if not crm.find_accounts(id_).items]


def test_an_account_is_found_by_the_customer_s_id(crm: DemoCrm, books: Books) -> None:
    missing = unlinked(crm, books)
    assert 1 <= len(missing) <= 15
    for id_ in set(books.customers) - set(missing):
        (account,) = crm.find_accounts(id_, books.customers[id_]["name"], 1).items
        assert account.extra["erp_party_id"] == id_


def test_whoever_worsened_most_is_found_with_one_row(erp: DemoErp, crm: DemoCrm) -> None:
    for company in ("", "RU01"):
        for debtor in erp.receivables_ageing(TODAY, company).worsened[:3]:
            page = crm.find_accounts(erp_party_id=debtor.party_id, limit=1)
            assert ([each.name for each in page.items], page.truncated) == ([debtor.name], False)


def test_an_account_that_nobody_linked_is_found_by_the_whole_name(crm: DemoCrm, books: Books) -> None:
    for id_ in unlinked(crm, books):
        name = books.customers[id_]["name"]
        (account,) = crm.find_accounts(id_, f"  {name.upper()} ", 1).items
        assert (account.name, account.extra["erp_party_id"]) == (name, None)
        assert crm.find_accounts(id_, name[:-3]).items == []


def test_an_account_of_another_customer_is_never_taken_for_this_one(crm: DemoCrm, books: Books) -> None:
    linked = next(id_ for id_ in books.customers if crm.find_accounts(id_).items)
    assert crm.find_accounts("C99999", books.customers[linked]["name"]).items == []


def test_accounts_are_found_by_a_part_of_the_name_in_any_case_and_script(crm: DemoCrm, books: Books) -> None:
    ours = next(row["name"] for row in books.customers.values() if row["name"].startswith("ООО"))
    for part in ("gmbh", "GMBH", "ооо «", "ООО  «", ours[3:12].upper(), ours[6:10].lower()):
        wanted = " ".join(part.split()).casefold()
        names = sorted(
            row["name"] for row in books.customers.values() if wanted in " ".join(row["name"].split()).casefold()
        )
        page = crm.find_accounts(name=part, limit=100)
        assert names
        assert sorted(each.name for each in page.items) == names
    assert crm.find_accounts(name="gmbh", limit=2).truncated
    assert crm.find_accounts(name="%").items == crm.find_accounts(name="_").items == []


def own_crm(folder: Path, *statements: str) -> DemoCrm:
    """A CRM of its own, with rows that no generator would make."""
    place = in_folder(folder)
    generate(place.erp_url, place.crm_url, today=TODAY, customers=60, invoices=600)
    engine = create_engine(place.crm_url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    return place.crm()


def test_of_two_accounts_that_differ_in_case_the_exact_name_comes_first(tmp_path: Path) -> None:
    rows = ", ".join(f"('{id_}', '{name}', 'acme ag', 'DE', '', '', '')" for id_, name in TWINS.items())
    columns = "id, name, name_folded, country, email, phone, desk"
    crm = own_crm(tmp_path, f"INSERT INTO accounts ({columns}) VALUES {rows}")
    for id_, name in TWINS.items():
        assert crm.find_accounts("C99999", name, 1).items[0].id == id_
        assert {each.id for each in crm.find_accounts(name=name).items} == set(TWINS)
    assert [each.id for each in crm.find_accounts("C99999", "aCME ag").items] == list(TWINS)
    crm.close()


def test_activities_of_one_moment_are_listed_in_a_fixed_order(tmp_path: Path) -> None:
    crm = own_crm(tmp_path, "UPDATE activities SET account_id = 'A00001', at = '2026-01-01 00:00:00.000000'")
    ids = [each.id for each in crm.list_activities("A00001", 20).items]
    crm.close()
    assert len(ids) == 20
    assert ids == sorted(ids, reverse=True)


def test_asking_for_nobody_is_refused(crm: DemoCrm) -> None:
    with pytest.raises(Invalid) as refused:
        crm.find_accounts(name="  ")
    assert set(refused.value.fields) == {"erp_party_id", "name"}


def test_activities_are_listed_newest_first(erp: DemoErp, crm: DemoCrm) -> None:
    party_id = erp.receivables_ageing(TODAY).worsened[0].party_id
    (account,) = crm.find_accounts(party_id).items
    every = crm.list_activities(account.id, 100)
    times = [each.at for each in every.items if each.at]
    assert len(times) == len(every.items) >= 3
    assert times == sorted(times, reverse=True)
    assert {time.tzinfo for time in times} == {UTC}
    assert {each.account_id for each in every.items} == {account.id}
    some = crm.list_activities(account.id, 2)
    assert (some.items, some.truncated, every.truncated) == (every.items[:2], True, False)


def test_opportunities_are_read(crm: DemoCrm) -> None:
    accounts = crm.find_accounts(name="г", limit=100).items + crm.find_accounts(name="g", limit=100).items
    found = [each for account in accounts for each in crm.list_opportunities(account.id).items]
    assert {each.status for each in found} == {"open", "won", "lost"}
    assert all(each.amount and each.amount.as_tuple().exponent == -2 for each in found)


def test_an_unknown_account_is_not_found(crm: DemoCrm) -> None:
    calls: list[Callable[[], object]] = [
        lambda: crm.list_activities("A99999"),
        lambda: crm.list_opportunities("A99999"),
        lambda: crm.create_activity("A99999", "task", "Call", key="kontora-unknown"),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="A99999"):
            call()
    assert crm.activity_by_key("kontora-unknown") is None


@pytest.fixture
def account_id(crm: DemoCrm) -> str:
    return crm.find_accounts(name="gmbh").items[0].id


def test_an_activity_is_created_as_it_was_asked_for(
    crm: DemoCrm, account_id: str, request: pytest.FixtureRequest
) -> None:
    key, due = request.node.name, TODAY + timedelta(days=3)
    assert crm.activity_by_key(key) is None
    made = crm.create_activity(account_id, "task", "Позвонить; 'DROP", "1.234,50 €\n\\N %s", due, key=key)
    assert (made.account_id, made.kind, made.subject) == (account_id, "task", "Позвонить; 'DROP")
    assert (made.body, made.due, made.done, made.author) == ("1.234,50 €\n\\N %s", due, False, "kontora")
    assert made.at is not None
    assert made.at.tzinfo is UTC
    assert crm.activity_by_key(key) == made == crm.list_activities(account_id, 1).items[0]
    assert crm.create_activity(account_id, "note", "Paid", key=f"{key}-note").done


def test_a_repeat_under_one_key_gives_the_first_activity(
    crm: DemoCrm, account_id: str, request: pytest.FixtureRequest
) -> None:
    key = request.node.name
    made = crm.create_activity(account_id, "task", "Call", key=key)
    before = crm.list_activities(account_id, 100).items
    assert crm.create_activity(account_id, "task", "Call", key=key) == made
    assert crm.create_activity(account_id, "email", "Something else", key=key) == made
    assert crm.list_activities(account_id, 100).items == before


def test_many_at_once_under_one_key_make_one_activity(
    place: Place, crm: DemoCrm, account_id: str, request: pytest.FixtureRequest
) -> None:
    key, found, start = request.node.name, list[Activity](), threading.Barrier(8)
    doors = [place.crm() for _ in range(8)]

    def write(door: DemoCrm) -> None:
        start.wait()
        found.append(door.create_activity(account_id, "task", "Call", key=key))

    threads = [threading.Thread(target=write, args=(door,)) for door in doors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for door in doors:
        door.close()
    assert len(found) == 8
    assert {each.id for each in found} == {found[0].id}


def test_a_connection_lost_at_the_end_of_a_write_leaves_the_outcome_unknown(on_postgresql: Place) -> None:
    crm = on_postgresql.crm()
    account_id = crm.find_accounts(name="gmbh").items[0].id
    other = create_engine(on_postgresql.crm_url, isolation_level="AUTOCOMMIT")

    def cut(connection: Any) -> None:
        pid = connection.connection.driver_connection.info.backend_pid
        if connection.engine is not other:
            with other.connect() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    event.listen(Engine, "commit", cut)
    try:
        with pytest.raises(OutcomeUnknown) as lost:
            crm.create_activity(account_id, "task", "Call", key="kontora-cut")
    finally:
        event.remove(Engine, "commit", cut)
        other.dispose()
    assert "'main-crm'" in lost.value.message
    assert crm.activity_by_key("kontora-cut") is None
    assert crm.create_activity(account_id, "task", "Call", key="kontora-cut").subject == "Call"
    crm.close()
