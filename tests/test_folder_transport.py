"""The embedded broker: whole messages between processes, and nothing in its folder that ends a worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection
from kontora_worker.broker import make_celery
from kontora_worker.folder_transport import SCHEME
from kontora_worker.settings import load_settings


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Any]:
    options = {
        "data_folder_in": str(tmp_path / "queue"),
        "data_folder_out": str(tmp_path / "queue"),
        "control_folder": str(tmp_path / "control"),
    }
    (tmp_path / "queue").mkdir()
    with Connection(f"{SCHEME}://", transport_options=options) as opened:
        yield opened


def message(number: int) -> dict[str, Any]:
    return {"body": f"run_{number}" * 2000, "properties": {}}


def test_readers_and_writers_at_once_exchange_every_message_whole(connection: Any) -> None:
    taken: list[str] = []
    writers = [threading.Thread(target=write, args=(connection.channel(), range(n, 200, 2))) for n in range(2)]
    readers = [threading.Thread(target=read, args=(connection.channel(), writers, taken)) for _ in range(2)]
    for thread in [*writers, *readers]:
        thread.start()
    for thread in [*writers, *readers]:
        thread.join()
    assert sorted(taken) == sorted(message(number)["body"] for number in range(200))


def write(channel: Any, numbers: range) -> None:
    for number in numbers:
        channel._put("kontora", message(number))


def read(channel: Any, writers: list[threading.Thread], taken: list[str]) -> None:
    while True:
        over = not any(writer.is_alive() for writer in writers)
        try:
            taken.append(channel._get("kontora")["body"])
        except Empty:
            if over:
                return


@pytest.mark.parametrize("content", [b"", b'{"body": ', b'"text"', b"[]", b'{"body": 1}', b"\xff\xfe"])
def test_what_is_no_message_is_left_out_and_the_next_one_comes(connection: Any, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "queue" / "0_forged.kontora.msg").write_bytes(content)
    channel = connection.channel()
    channel._put("kontora", message(1))
    assert channel._get("kontora") == message(1)
    with pytest.raises(Empty):
        channel._get("kontora")


def test_a_table_of_queues_that_is_half_written_ends_nothing(connection: Any, tmp_path: Path) -> None:
    (tmp_path / "control").mkdir(exist_ok=True)
    (tmp_path / "control" / "kontora.exchange").write_bytes(b"[[")
    channel = connection.channel()
    assert channel.get_table("kontora") == []
    channel._queue_bind("kontora", "kontora", "", "kontora")
    assert channel.get_table("kontora")[0].queue == "kontora"


def test_the_embedded_broker_is_this_one(tmp_path: Path) -> None:
    app = make_celery(load_settings(str(tmp_path)))
    with app.connection_for_write() as made:
        assert type(made.transport).__module__ == "kontora_worker.folder_transport"
