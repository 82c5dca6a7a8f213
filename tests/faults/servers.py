"""PostgreSQL and Redis that can be killed and started again on what they had kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.program import send, tree
from tests.services import GUARDIAN, OWN, START_S, Broken, PostgresServer, RedisServer, Service

#: The tests do without; of options given twice PostgreSQL takes the last.
_DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on", "autovacuum=on")


class Mortal(Service):
    """A server that dies when it is told to. What it says about it is not for the terminal."""

    _command: list[str]

    def start(self, command: list[str]) -> None:
        """Start the server and wait until it answers. Raises `Broken`."""
        self._command = command
        owner = [str(self.folder), str(self.uid), str(self.gid), str(int(self.stop_signal))]
        self._guardian = subprocess.Popen(
            [sys.executable, "-S", str(GUARDIAN), *owner, *command],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        OWN.add(self._guardian.pid)
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self._guardian.poll() is not None or time.monotonic() > deadline:
                raise Broken(f"{command[0]} did not start:\n{self._log()}")
            time.sleep(0.02)

    def die(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the server at once; its folder stays."""
        assert self._guardian is not None
        assert self._guardian.stdin is not None
        everything = tree({self._guardian.pid}) - {self._guardian.pid}
        top = {pid for pid in everything if _parent_is(pid, self._guardian.pid)}
        send(number, top)
        if number == signal.SIGKILL:
            send(number, everything)
        self._guardian.wait()
        self._guardian.stdin.close()
        OWN.discard(self._guardian.pid)
        deadline = time.monotonic() + 10
        while (left := everything & tree(everything)) and time.monotonic() < deadline:
            time.sleep(0.02)
        send(signal.SIGKILL, left)

    def live_again(self) -> None:
        """Start it on what it had kept. Raises `Broken`."""
        self.start(self._command)


def _parent_is(pid: int, parent: int) -> bool:
    return os.path.exists(f"/proc/{pid}") and f"PPid:\t{parent}\n" in Path(f"/proc/{pid}/status").read_text("utf-8")


class Postgres(Mortal, PostgresServer):
    """PostgreSQL that keeps what it has committed."""

    def start(self, command: list[str]) -> None:
        """Start it with its durability on."""
        extra = [part for option in _DURABLE for part in ("-c", option)]
        super().start(command if "fsync=on" in command else [*command, *extra])


class Redis(Mortal, RedisServer):
    """Redis without persistence, or (`remember`) with every command on disk."""

    def remember(self) -> None:
        """From the next start on, keep everything."""
        config = self.folder / "redis.conf"
        config.write_text(config.read_text("utf-8").replace("appendonly no", "appendonly yes\nappendfsync always"))
