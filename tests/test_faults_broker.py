"""A broker that is away costs nobody any time: whoever accepts a run leaves its message to the sweeper."""

from __future__ import annotations

import time
from pathlib import Path

from kontora_worker.broker import CelerySender, make_celery
from kontora_worker.settings import Settings
from pydantic import SecretStr

from tests.services import free_port


def sender(home: Path, port: int) -> CelerySender:
    broker = SecretStr(f"redis://127.0.0.1:{port}/0")
    ledger = SecretStr(f"sqlite:///{home / 'ledger.db'}")
    file, workflows = home / "kontora.toml", home / "workflows"
    return CelerySender(
        make_celery(Settings(home=home, file=file, database_url=ledger, broker_url=broker, workflows=workflows))
    )


def test_a_broker_that_refuses_connections_is_not_waited_for(tmp_path: Path) -> None:
    port = free_port()
    assert not sender(tmp_path, port).send(["run_1"])  # what is imported at the first time is not what is measured
    started = time.monotonic()
    assert not sender(tmp_path, port).send(["run_2"])
    assert time.monotonic() - started < 1.5
