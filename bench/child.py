"""A process of the benchmark, from outside: orders in, answers out, gone at the end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.measure import tree

#: No order takes longer than this, in seconds.
_PATIENCE_S = 90.0
#: How long a process may take to end by itself; a worker hands its runs back first.
_GRACE_S = 8.0


class Failed(Exception):
    """A process of the benchmark died, fell silent or gave a wrong answer. The message holds the end of its log."""


class Child:
    """`python -m MODULE` in a session of its own, so that Ctrl-C is for us and we end it in order."""

    def __init__(self, module: str, environment: dict[str, str], log: Path, python: str = sys.executable) -> None:
        self._module, self._log = module, log
        self._ready: dict[str, Any] | None = None
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [python, "-m", module],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        everything = tree([self.pid])
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            for pid in everything | tree([self.pid]):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()

    def ready(self) -> dict[str, Any]:
        """Wait for its first word, once, and return it. Raises `Failed`."""
        self._ready = self._ready or self.hear()
        return self._ready

    def tell(self, **order: Any) -> None:
        """Give an order. Raises `Failed`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise Failed(f"{self._module} is gone:\n{self._end_of_log()}") from None

    def hear(self) -> dict[str, Any]:
        """Wait for the answer to an order. Raises `Failed`."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _PATIENCE_S)[0]:
            raise Failed(f"{self._module} said nothing for {_PATIENCE_S:g} s:\n{self._end_of_log()}")
        line = self._process.stdout.readline()
        if not line:
            raise Failed(f"{self._module} ended:\n{self._end_of_log()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end_of_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
