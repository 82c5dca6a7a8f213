"""Fixtures for every test: a clean environment, own servers, and a guard against what a test leaves behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests import leftovers
from tests.services import Missing, PostgresServer, RedisServer


def pytest_sessionstart() -> None:
    """Clean the environment before any test module is imported, and mark what this session starts."""
    for name in [name for name in os.environ if name.startswith(("KONTORA_", "OLLAMA_"))]:
        del os.environ[name]
    leftovers.mark_session()


@pytest.fixture(scope="session", autouse=True)
def _session_leaves_no_process() -> Iterator[None]:
    """Fail the last test if a fixture of a wider scope leaves a process."""
    before = leftovers.running()
    yield
    left = leftovers.kill_new_processes(before)
    assert not left, f"processes were left running by the session (and have been killed): {left}"


@pytest.fixture(autouse=True)
def _test_leaves_nothing() -> Iterator[None]:
    """Fail a test that leaves a process or a listening socket, or a KONTORA_* setting for the next one."""
    processes, listeners = leftovers.running(), leftovers.listeners()
    yield
    left = leftovers.kill_new_processes(processes)
    assert not left, f"processes were left running (and have been killed): {left}"
    assert not (sockets := leftovers.listeners() - listeners), f"sockets were left listening: {sockets}"
    leaked = [name for name in os.environ if name.startswith("KONTORA_")]
    for name in leaked:
        del os.environ[name]
    assert not leaked, f"set in the environment and not taken back: {leaked}"


def _do_without(service: Missing) -> NoReturn:
    """At home a test that needs the service is skipped; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(str(service))
    pytest.skip(str(service))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this session; `with postgres.database() as url` makes an empty database."""
    try:
        server = PostgresServer()
    except Missing as missing:
        _do_without(missing)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis server of this session."""
    try:
        server = RedisServer()
    except Missing as missing:
        _do_without(missing)
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty PostgreSQL database."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The URL of an empty Redis."""
    yield redis_server.url(0)
    redis_server.flush()


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The SQLAlchemy URL of an empty database, once in SQLite and once in PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url
