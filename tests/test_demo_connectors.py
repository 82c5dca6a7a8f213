"""Both doors to the demo company as the host sees them, and what can be wrong with a database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kontora_connectors.contract import Connector
from kontora_connectors.demo.company import generate
from kontora_connectors.demo.crm import DemoCrm
from kontora_connectors.demo.erp import DemoErp
from kontora_connectors.errors import Conflict, ConnectorError, Invalid, Unavailable
from kontora_connectors.labels import Label
from kontora_connectors.registry import load
from sqlalchemy import create_engine, text

from tests.demo_place import TODAY, Place, in_folder
from tests.services import free_port

pytest_plugins = ["tests.demo_fixtures"]


def test_both_kinds_are_found_through_their_entry_points() -> None:
    assert load("demo-erp") is DemoErp
    assert load("demo-crm") is DemoCrm
    assert {"companies", "receivables_ageing", "open_invoices", "payments", "get_party"} <= set(DemoErp.tools())
    assert {tool.effect for tool in DemoErp.tools().values()} == {"read"}
    assert [name for name, tool in DemoCrm.tools().items() if tool.effect == "write"] == ["create_activity"]


def test_what_strangers_wrote_is_labelled() -> None:
    tools = DemoCrm.tools()
    untrusted = frozenset({Label.UNTRUSTED})
    assert tools["list_activities"].labels == {"items[].subject": untrusted, "items[].body": untrusted}
    assert tools["create_activity"].labels == {"subject": untrusted, "body": untrusted}
    assert tools["list_opportunities"].labels == {"items[].title": untrusted}
    assert tools["find_accounts"].labels["items[].email"] == frozenset({Label.PII})


def test_the_write_can_be_looked_up_and_hides_its_key() -> None:
    tool = DemoCrm.tools()["create_activity"]
    assert (tool.mark.idempotency, tool.mark.lookup) == ("unique_reference", "activity_by_key")
    assert set(tool.parameters["properties"]) == {"account_id", "kind", "subject", "body", "due"}


def test_every_answer_is_of_the_type_that_was_declared(
    erp: DemoErp, crm: DemoCrm, request: pytest.FixtureRequest
) -> None:
    party_id = erp.receivables_ageing(TODAY).worsened[0].party_id
    account_id = crm.find_accounts(party_id).items[0].id
    day = TODAY.isoformat()
    calls: list[tuple[Connector[Any], str, dict[str, Any]]] = [
        (erp, "companies", {}),
        (erp, "receivables_ageing", {"as_of": day, "min_amount": "10.50"}),
        (erp, "open_invoices", {"party_id": party_id, "as_of": day}),
        (erp, "payments", {"party_id": party_id, "since": "2026-01-01", "until": day}),
        (erp, "get_party", {"party_id": party_id}),
        (erp, "list_products", {"name": "pump"}),
        (erp, "stock_levels", {"product_id": "P0001"}),
        (crm, "find_accounts", {"name": "ооо"}),
        (crm, "list_activities", {"account_id": account_id}),
        (crm, "list_opportunities", {"account_id": account_id}),
        (crm, "create_activity", {"account_id": account_id, "kind": "task", "subject": "Call", "due": day}),
    ]
    for connector, name, arguments in calls:
        tool = connector.tools()[name]
        key = {"key": request.node.name} if tool.effect == "write" else {}
        answer = tool.method(connector, **tool.validate(arguments), **key)
        plain = tool.result.dump_python(answer, mode="json", warnings="error")
        assert tool.result.validate_python(plain) == answer
    assert {name for _, name, _ in calls} == set(erp.tools()) | set(crm.tools())


def test_a_check_names_the_company_it_finds(erp: DemoErp, crm: DemoCrm) -> None:
    for health in (erp.check(), crm.check()):
        assert health.ok
        assert health.detail == "demo company: seed 9, 2026-11-23, 120 customers, 1500 invoices"


def test_a_check_notices_a_database_that_is_no_demo_company(place: Place) -> None:
    for swapped in (Place(place.crm_url, place.erp_url).erp(), Place(place.crm_url, place.erp_url).crm()):
        health = swapped.check()
        assert not health.ok
        assert "holds no demo company" in health.detail
        assert "kontora demo-data" in health.detail
        swapped.close()


def test_a_missing_database_is_unavailable_and_is_not_made(tmp_path: Path) -> None:
    for connector in (in_folder(tmp_path).erp(), in_folder(tmp_path).crm()):
        health = connector.check()
        assert not health.ok
        assert "is missing" in health.detail
    with pytest.raises(Unavailable):
        in_folder(tmp_path).crm().create_activity("A00001", "task", "Call", key="k")
    assert not list(tmp_path.iterdir())


def test_a_missing_table_is_an_error_of_the_family(place: Place) -> None:
    erp, crm = Place(place.crm_url, place.erp_url).erp(), Place(place.crm_url, place.erp_url).crm()
    calls: list[Callable[[], object]] = [
        erp.companies,
        lambda: erp.receivables_ageing(TODAY),
        lambda: crm.find_accounts("C00001"),
        lambda: crm.list_activities("A00001"),
        lambda: crm.create_activity("A00001", "task", "Call", key="k"),
    ]
    for call in calls:
        with pytest.raises(Invalid, match=r"has no table '(companies|accounts|activities)'"):
            call()
    erp.close()
    crm.close()


def test_a_server_that_is_away_is_unavailable() -> None:
    url = f"postgresql+psycopg://kontora:very-secret@127.0.0.1:{free_port()}/erp"
    erp = Place(url, url).erp()
    assert "does not answer" in erp.check().detail
    with pytest.raises(ConnectorError) as away:
        erp.companies()
    assert away.value.retryable
    assert "very-secret" not in f"{away.value.message} {away.value.hint} {away.value.detail}"
    erp.close()


def test_what_the_database_refuses_is_not_taken_for_a_repeat(tmp_path: Path) -> None:
    place = in_folder(tmp_path)
    generate(place.erp_url, place.crm_url, today=TODAY, customers=60, invoices=600)
    engine = create_engine(place.crm_url)
    with engine.begin() as connection:
        refuse = "CREATE TRIGGER refuse BEFORE INSERT ON activities BEGIN SELECT RAISE(ABORT, 'books are closed'); END"
        connection.execute(text(refuse))
    engine.dispose()
    crm = place.crm()
    account_id = crm.find_accounts(name="gmbh").items[0].id
    with pytest.raises(Conflict):
        crm.create_activity(account_id, "task", "Call", key="k")
    assert crm.activity_by_key("k") is None
    crm.close()


def test_a_replaced_company_is_read_and_written_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "50% of #7 "
    place = in_folder(folder)
    generate(place.erp_url, place.crm_url, today=TODAY, customers=60, invoices=600)
    erp, crm = place.erp(), place.crm()
    before, account_id = erp.receivables_ageing(TODAY), crm.find_accounts(name="gmbh").items[0].id
    crm.create_activity(account_id, "task", "Call", key="first")
    generate(place.erp_url, place.crm_url, today=TODAY, customers=60, invoices=600, seed=8, replace=True)
    assert erp.receivables_ageing(TODAY) != before
    assert crm.activity_by_key("first") is None
    crm.create_activity(crm.find_accounts(name="gmbh").items[0].id, "task", "Call", key="second")
    fresh = place.crm()
    assert fresh.activity_by_key("second") is not None
    for connector in (erp, crm, fresh):
        connector.close()
    assert sorted(path.name for path in folder.iterdir()) == ["crm.db", "erp.db"]
