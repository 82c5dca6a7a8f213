"""How long commands take from nothing: `kontora --help`, and `kontora serve` until it answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.services import free_port

_PATIENCE_S = 30.0
BASELINE = "python -c pass"
_KONTORA = [sys.executable, "-m", "kontora_cli.main"]


class Unfit(Exception):
    """A command does not do what is to be measured; the message says what it said."""


@dataclass(frozen=True)
class Time:
    """Median seconds of a command; `x` is the median of its ratios to `python -c pass` beside it."""

    name: str
    seconds: float
    x: float


def measure(times: int, environment: dict[str, str], say: Callable[[str], None]) -> tuple[list[Time], dict[str, str]]:
    """Time each command so often, alternating. Returns what could be measured, and why the rest could not."""
    commands: dict[str, Callable[[], float]] = {
        BASELINE: lambda: _finished([sys.executable, "-c", "pass"], environment),
        "kontora --help": lambda: _finished([*_KONTORA, "--help"], environment),
        "API start, until /healthz answers": lambda: _serving(
            environment, Path(environment["KONTORA_HOME"]) / "serve.log"
        ),
    }
    found: dict[str, list[float]] = {name: [] for name in commands}
    missing: dict[str, str] = {}
    for number in range(times + 1):  # the first round only fills the disk's cache
        say(f"commands, {number} of {times}")
        for name in [name for name in commands if name not in missing]:
            try:
                found[name].append(commands[name]())
            except Unfit as unfit:
                missing[name] = str(unfit)
    base = found[BASELINE][1:]
    rows = [
        Time(name, median(took[1:]), median(mine / its for mine, its in zip(took[1:], base, strict=True)))
        for name, took in found.items()
        if name not in missing
    ]
    return rows, missing


def _finished(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        raise Unfit((done.stderr or done.stdout).strip()[-300:])
    return took


def _serving(environment: dict[str, str], log: Path) -> float:
    url = f"http://127.0.0.1:{(port := free_port())}/healthz"
    started = time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*_KONTORA, "serve", "--port", str(port)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        while not _healthy(url):
            if process.poll() is not None or time.perf_counter() - started > _PATIENCE_S:
                raise Unfit(log.read_text(encoding="utf-8", errors="replace").strip()[-300:])
            time.sleep(0.005)
        return time.perf_counter() - started
    finally:
        _end(process)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        raise Unfit(f"/healthz answers {error.code}") from None
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
