"""Fixtures of the small demo company, made once a session; `pytest_plugins = ["tests.demo_fixtures"]` takes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kontora_connectors.demo.company import generate
from kontora_connectors.demo.crm import DemoCrm
from kontora_connectors.demo.erp import DemoErp

from tests.demo_place import SMALL, Books, Place, in_folder, read_books
from tests.services import PostgresServer


@pytest.fixture(scope="session")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = in_folder(tmp_path_factory.mktemp("company"))
    generate(place.erp_url, place.crm_url, **SMALL)
    return place


@pytest.fixture(scope="session")
def on_postgresql(postgres: PostgresServer) -> Iterator[Place]:
    with postgres.database() as erp, postgres.database() as crm:
        generate(erp, crm, **SMALL)
        yield Place(erp, crm)


@pytest.fixture(params=["on_sqlite", "on_postgresql"], ids=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def erp(place: Place) -> Iterator[DemoErp]:
    connector = place.erp()
    yield connector
    connector.close()


@pytest.fixture
def crm(place: Place) -> Iterator[DemoCrm]:
    connector = place.crm()
    yield connector
    connector.close()


@pytest.fixture(scope="session")
def books(on_sqlite: Place) -> Books:
    return read_books(on_sqlite)
