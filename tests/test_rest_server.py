"""The server as a process: it ends when it is asked to, whoever still listens, and takes no port that is taken."""

from __future__ import annotations

import errno
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from kontora_api.server import listening, serve

from tests.rest_events import events
from tests.rest_office import API, RestOffice, furnished, rest_office
from tests.services import free_port

SERVE = """
from kontora_api.server import serve
from kontora_worker.house import House
from kontora_worker.settings import load_settings

house = House(load_settings())
serve(house, host="localhost", port=0, ready=lambda url: print(url, flush=True))
house.close()
print("ended", flush=True)
"""

WAITING = """
apiVersion: kontora/v1
name: waiting
title: Nobody works on it
agents: {clerk: {instructions: Work.}}
steps: [{id: work, agent: clerk}]
"""


@contextmanager
def process(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own; gives its URL."""
    (home / "workflows").mkdir()
    (home / "workflows" / "waiting.yaml").write_text(WAITING, encoding="utf-8")
    started = subprocess.Popen(
        [sys.executable, "-c", SERVE],
        env={"KONTORA_HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None
        yield started, started.stdout.readline().strip()
    finally:
        started.kill()
        started.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_server_in_order_while_streams_are_open(number: signal.Signals, tmp_path: Path) -> None:
    with process(tmp_path) as (started, url), httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        run = client.post(f"{API}/workflows/waiting/runs").json()
        with client.stream("GET", run["links"]["events"]) as one, client.stream("GET", run["links"]["events"]) as two:
            streams = [events(one), events(two)]
            assert [next(stream).name for stream in streams] == ["run.created"] * 2
            began = time.monotonic()
            started.send_signal(number)
            assert [list(stream) for stream in streams] == [[], []]
        stdout, stderr = started.communicate(timeout=20)
        assert time.monotonic() - began < 5
        assert (started.returncode, stdout, stderr) == (0, "ended\n", "")


def test_a_signal_ends_requests_that_wait(tmp_path: Path) -> None:
    with process(tmp_path) as (started, url), httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        asked = threading.Timer(1, started.terminate)
        asked.start()
        began = time.monotonic()
        answer = client.post(f"{API}/workflows/waiting/runs", headers={"Prefer": "wait=60"})
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        started.communicate(timeout=20)
        asked.join()
        assert time.monotonic() - began < 8
        assert started.returncode == 0


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        port = httpx.URL(here.url).port or 0
        with pytest.raises(OSError, match="in use") as taken:
            serve(here.house, host="127.0.0.1", port=port, ready=lambda _: pytest.fail("it must not start"))
        assert taken.value.errno == errno.EADDRINUSE


def test_a_port_is_free_again_at_once(tmp_path: Path) -> None:
    house, port = furnished(tmp_path), free_port()
    for _ in range(2):
        with listening(house, "127.0.0.1", port) as listener:
            assert listener.getsockname()[1] == port


def test_a_client_that_goes_away_in_the_middle_of_a_stream_disturbs_nobody(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        run_id = here.start("reading")
        for _ in range(20):
            with here.client.stream("GET", f"{API}/runs/{run_id}/events") as answer:
                next(events(answer))
        _wait_for(here)
        assert here.client.get("/healthz").status_code == 200


def _wait_for(here: RestOffice) -> None:
    """Wait until the server has noticed that the streams are gone."""
    deadline = time.monotonic() + 5
    while len(here.server.server_state.tasks) > 1:
        assert time.monotonic() < deadline, "streams go on that nobody reads"
        time.sleep(0.05)


def test_importing_the_room_or_its_documents_loads_no_web_framework() -> None:
    look = (
        "import sys, kontora_api{}; print(sorted({{'fastapi', 'starlette', 'uvicorn', 'jinja2'}} & set(sys.modules)))"
    )
    for name in ("", ".documents", ".whole_run", ".problem_kinds"):
        said = subprocess.run([sys.executable, "-c", look.format(name)], capture_output=True, text=True, check=True)
        assert said.stdout == "[]\n", name


def test_an_answer_is_sent_without_delay(tmp_path: Path) -> None:
    with rest_office(tmp_path) as here:
        took = [here.client.get("/healthz").elapsed.total_seconds() for _ in range(30)]
        assert statistics.median(took) < 0.03  # a delayed acknowledgement makes it 0.04
