"""Processes that a command starts beside itself, and ends with itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from kontora_worker.settings import Settings

#: A worker hands its runs back before it ends; then it is ended for it.
_GRACE_S = 25.0
_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Somebody asked this process to end, with a signal other than Ctrl-C."""

    def __init__(self, number: int) -> None:
        self.exit_code = 128 + number
        super().__init__(signal.Signals(number).name)


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into `Ended`, so that what was begun is tidied up."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise Ended(number)

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Children:
    """Commands of ours in processes and process groups of their own. Leaving the block ends them."""

    def __init__(self, settings: Settings) -> None:
        from kontora_worker.settings import for_child

        self._environment = for_child(settings)
        self._logs = settings.home / "logs"
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second Ctrl-C must not leave a process behind.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, *_ENDING)}
        try:
            self.end()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, *arguments: str, log: str | None = None) -> Child:
        """Start `kontora ARGUMENTS`; it writes to `logs/LOG` of the data folder, or to our stderr."""
        command = [sys.executable, "-m", "kontora_cli.main", *arguments, "--parent", str(os.getpid())]
        path = self._logs / log if log else None
        with _opened(path) as stream:
            process = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self._running.append(process)
        return Child(process, path)

    def end(self) -> None:
        """Ask all to end, wait, and end those that do not."""
        for process in self._running:
            with suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + _GRACE_S
        for process in self._running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._running.clear()


class Child:
    """One started process."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path | None) -> None:
        self._process, self.log = process, log

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The last line of its log."""
        if self.log is None or not self.log.is_file():
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[bytes] | int]:
    if path is None:
        yield sys.stderr.fileno()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        yield stream


def leave_with(parent: int | None) -> None:
    """End this process in order when the one that started it is gone, even if that was killed."""
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
