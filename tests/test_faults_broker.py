"""A broker that is away costs nobody any time: whoever accepts a run leaves its message to the sweeper."""

from __future__ import annotations

import time
from pathlib import Path

from kontora_worker.broker import TASK, CelerySender, make_celery
from kontora_worker.settings import Settings, load_settings
from pydantic import SecretStr

from tests.command_line import CommandLine
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


def test_messages_of_others_are_told_in_a_line_each_and_a_worker_ends_without_a_word_of_celery(tmp_path: Path) -> None:
    kontora = CommandLine(tmp_path)
    kontora.furnish()
    app = make_celery(load_settings(str(kontora.home)))
    app.send_task("some.task", args=["x"], queue="kontora")
    with app.connection_for_write() as connection, connection.Producer() as producer:
        # Straight to the queue: kombu remembers for a process, whatever its folder, to which exchange it is bound.
        sent = {"exchange": "", "routing_key": "kontora"}
        for headers in ({}, {"task": TASK, "id": "1"}, {"task": "other\nline", "id": "2"}):
            pickled = {"content_type": "application/x-python-serialize", "content_encoding": "binary"}
            producer.publish(b"cos\nsystem\n.", headers=headers, serializer=None, **pickled, **sent)
        producer.publish(b"{", headers={"task": TASK, "id": "3"}, content_type="application/json", **sent)
    running = kontora.start("worker", "--concurrency", "1")
    deadline = time.monotonic() + 60
    while list((kontora.home / "broker" / "queue").glob("*.msg")) and time.monotonic() < deadline:
        time.sleep(0.1)
    for words in ("'some.task'", "headers:{}", "invalid task message", "'id': '3'", "'other"):
        running.read_until(words)
    worker = running.interrupt()
    said = worker.stdout + worker.stderr
    assert "Received unregistered task of type 'some.task'" in said
    assert "Traceback" not in said
    assert "shutdown" not in said
    after = said.partition("hands its runs back and stops")[2].strip().splitlines()
    assert len([line for line in after if " celery." in line]) == len(after) - 1 == 5, said
