"""A program under test, or beside it: a process group of its own that can be killed, frozen and asked to end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
#: How long a program may take to end in order, in seconds.
GRACE_S = 15.0


class Silent(Exception):
    """A program ended or said nothing; the message holds the end of its log."""


class Program:
    """`command`, writing to a log. Leaving the block kills it with everything below it."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str], *, speaks: bool = False) -> None:
        self.log, self._speaks = log, speaks
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if speaks else stream,
                stderr=stream,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @classmethod
    def module(cls, name: str, *arguments: str, log: Path, environment: dict[str, str]) -> Program:
        """`python -m NAME`, which says where it listens on its first line and ends with its standard input."""
        return cls([sys.executable, "-m", name, *arguments], log, environment, speaks=True)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def alive(self) -> bool:
        """Whether the process itself still runs."""
        return self.process.poll() is None

    def hear(self, seconds: float = 30.0) -> dict[str, Any]:
        """Wait for a JSON line on its standard output. Raises `Silent`."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], seconds)[0] or not (line := self.process.stdout.readline()):
            raise Silent(f"{self.process.args!r} said nothing:\n{self.end_of_log()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def below(self) -> set[int]:
        """The process and everything below it."""
        return tree({self.pid})

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process and to everything below it."""
        send(number, self.below())

    def kill(self) -> None:
        """End it and everything below it at once."""
        everything = self.below()
        send(signal.SIGKILL, everything)
        self.process.wait()
        send(signal.SIGKILL, {pid for pid in everything if pid in tree({pid})})
        self._let_go()

    def terminate(self) -> float:
        """Ask it to end; return the seconds that it took. What does not end in time is killed."""
        started = time.monotonic()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GRACE_S)
        seconds = time.monotonic() - started
        self.kill()
        return seconds

    def end_of_log(self, characters: int = 2000) -> str:
        """What it wrote last."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-characters:]

    def _let_go(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def send(number: signal.Signals, pids: set[int]) -> None:
    """Send a signal to processes, of which some may be gone."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def tree(pids: set[int]) -> set[int]:
    """These processes, as far as they live, and everything below them."""
    parents = {int(name): _parent(int(name)) for name in os.listdir(_PROC) if name.isdigit()}
    found = {pid for pid in pids if parents.get(pid)}
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def _parent(pid: int) -> int:
    """0 for a process that is gone or only waits to be looked at."""
    with suppress(OSError):
        line = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        state, parent = line.rpartition(")")[2].split()[:2]
        return 0 if state == "Z" else int(parent)
    return 0
