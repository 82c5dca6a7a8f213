"""Fixtures of systems that no one here wrote. They take a minute: `make systems` runs them."""

from __future__ import annotations

import os

import pytest

from tests.services import Missing
from tests.systems.tryton_system import build_books


@pytest.fixture(scope="session")
def tryton_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The SQLAlchemy URL of books that Tryton keeps. Without the package index: skipped at home, a failure in CI."""
    try:
        return build_books(tmp_path_factory.mktemp("tryton"))
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
