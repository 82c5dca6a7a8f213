"""How fast REST accepts runs, with the broker up and with it down. `python -m bench.accepting`.

`kontora serve` on PostgreSQL (durable) and Redis; four clients that each wait for their 202 before they ask again.
With the broker down each accepted run stays in the ledger, for the sweeper to send; nobody works on them here.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

from bench.books import question, write_books
from bench.office import WORKFLOW, environment, furnish, install_plugin
from bench.services import DurablePostgres
from tests.services import Missing, RedisServer, free_port

_CLIENTS = 4
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Accepted:
    """What came out: runs per second, and how long a client waited for its 202, in milliseconds."""

    per_s: float
    p50_ms: float
    p99_ms: float


@contextmanager
def _api(environment: dict[str, str]) -> Iterator[int]:
    """The API on a port of its own, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "kontora_cli.main", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("kontora serve did not start")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
    except OSError:
        return False
    return True


def _measure(port: int, seconds: float) -> Accepted:
    numbers, path = count(), f"/api/v1/workflows/{WORKFLOW}/runs"

    def ask(until: float) -> list[float]:
        connection, took = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S), []
        while time.perf_counter() < until:
            body = json.dumps({"inputs": {"question": question(next(numbers))}})
            started = time.perf_counter()
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 202:
                raise RuntimeError(f"POST {path} answered {answer.status}: {said[:300]!r}")
            took.append(time.perf_counter() - started)
        connection.close()
        return took

    with ThreadPoolExecutor(_CLIENTS) as pool:
        started = time.perf_counter()
        laps = sorted(lap for laps in pool.map(ask, [started + seconds] * _CLIENTS) for lap in laps)
        spent = time.perf_counter() - started
    return Accepted(len(laps) / spent, laps[len(laps) // 2] * 1000, laps[int(len(laps) * 0.99)] * 1000)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.accepting", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of the two")
    seconds = parser.parse_args().seconds
    try:
        RedisServer.find()
        postgres, redis = DurablePostgres(), RedisServer()
    except Missing as missing:
        print(f"Not measured: {missing}")
        return 0
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="kontora-bench-"))
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        ledger = stack.enter_context(postgres.database())
        folder, home = Path(name), Path(name) / "home"
        write_books(folder / "books.db")
        install_plugin(folder)
        furnish(home, folder / "books.db", "http://127.0.0.1:9")
        pair = {"KONTORA_DATABASE_URL": ledger, "KONTORA_BROKER_URL": redis.url(0)}
        settings = environment(folder, KONTORA_HOME=str(home), **pair)
        with _api(settings) as port:
            _measure(port, min(1.0, seconds))
            up = _measure(port, seconds)
            redis.stop()
            down = _measure(port, seconds)
    for words, one in (("broker up", up), ("broker down", down)):
        print(
            f"{words:<12} {one.per_s:5.0f} runs/s accepted, {one.per_s / up.per_s:.2f} x up; "
            f"p50 {one.p50_ms:.1f} ms, p99 {one.p99_ms:.1f} ms"
        )
    print(f"{os.cpu_count()} cores; {_CLIENTS} clients beside the server")
    return 0


if __name__ == "__main__":
    sys.exit(main())
