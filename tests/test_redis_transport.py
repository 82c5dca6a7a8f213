"""What lies in Redis and is no message costs nobody the connection."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import redis
from kontora_worker.broker import TASK, make_celery
from kontora_worker.settings import Settings
from kontora_workflows.engine.ports import QUEUE
from pydantic import SecretStr

NO_MESSAGES = (b"", b"garbage", b"\xff\xfe", b"[]", b"{}", b'{"body": 1, "properties": null}', b'{"properties": {}}')


def test_what_is_no_message_is_left_out_and_the_next_one_comes(
    tmp_path: Path, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    places = {"home": tmp_path, "file": tmp_path / "kontora.toml", "workflows": tmp_path / "workflows"}
    ledger = SecretStr(f"sqlite:///{tmp_path / 'ledger.db'}")
    app = make_celery(Settings(**places, database_url=ledger, broker_url=SecretStr(redis_url)))
    with redis.Redis.from_url(redis_url) as client:
        for raw in NO_MESSAGES:
            client.lpush(QUEUE, raw)
    app.send_task(TASK, args=["run_1"])
    taken: list[Any] = []

    def take(body: Any, message: Any) -> None:
        taken.append(body[0])
        message.ack()

    with (
        caplog.at_level(logging.WARNING, "kontora.broker"),
        app.connection_for_read() as connection,
        connection.Consumer([app.amqp.queues[QUEUE]], callbacks=[take], accept=["json"]),
    ):
        while not taken:
            connection.drain_events(timeout=10)
    app.close()
    assert taken == [["run_1"]]
    assert len(caplog.records) == len(NO_MESSAGES)
