"""What a worker does with a message, whatever is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kontora_worker.celery_worker import work_on
from kontora_worker.house import House
from kontora_worker.settings import Settings
from pydantic import SecretStr

from tests.services import free_port


def test_a_ledger_that_does_not_answer_is_told_in_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    away = SecretStr(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/kontora")
    file, workflows = tmp_path / "kontora.toml", tmp_path / "workflows"
    house = House(Settings(home=tmp_path, file=file, database_url=away, workflows=workflows))
    work_on(house, "run_1")
    (record,) = caplog.records
    assert "run_1" in record.message
    assert "does not answer" in record.message
    assert record.exc_info is None
    house.close()


def test_a_pool_whose_supervisor_is_gone_before_it_is_ready_ends(tmp_path: Path) -> None:
    nobody = "0"
    command = [sys.executable, "-m", "kontora_worker.celery_worker", nobody]
    pool = subprocess.Popen(command, env={**os.environ, "KONTORA_HOME": str(tmp_path)}, stderr=subprocess.PIPE)
    try:
        _, said = pool.communicate(timeout=60)
    finally:
        pool.kill()
    assert b"Traceback" not in said
