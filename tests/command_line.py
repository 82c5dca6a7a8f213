"""The command `kontora` as a test types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: A company that is made in a moment.
SMALL = ("--customers", "60", "--invoices", "600")

SETTINGS = """\
[connectors.erp]
kind = "demo-erp"
url = "sqlite:///{home}/demo/erp.db"

[connectors.crm]
kind = "demo-crm"
url = "sqlite:///{home}/demo/crm.db"

[models.default]
server = "rehearsal"
"""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout."""
        return json.loads(self.stdout)


class CommandLine:
    """A shell in a folder, with a data folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.home = folder, folder / ".kontora"
        # Bytecode is kept, so that the second command does not compile everything anew.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment = {**inherited, "TERM": "dumb", **environment}

    def __call__(self, *arguments: str, seconds: float = 60) -> Said:
        """Type `kontora ARGUMENTS` and wait for its end."""
        done = subprocess.run(
            self._command(arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> Running:
        """Type it and do not wait."""
        process = subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return Running(process)

    @staticmethod
    def _command(arguments: tuple[str, ...]) -> list[str]:
        return [str(Path(sys.executable).with_name("kontora")), *arguments]

    def furnish(self) -> None:
        """Make a small demo company and settings that name it."""
        self.home.mkdir(exist_ok=True)
        (self.home / "kontora.toml").write_text(SETTINGS.format(home=self.home), encoding="utf-8")
        assert self("demo-data", *SMALL).exit_code == 0


class Running:
    """A command under way, in a process group of its own as a terminal would give it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self._said.extend(self._process.stderr)

    def read_until(self, words: str, seconds: float = 60) -> None:
        """Wait until stderr holds some words."""
        deadline = time.monotonic() + seconds
        while not any(words in line for line in list(self._said)):
            assert time.monotonic() < deadline, self._said
            assert self._reader.is_alive() or any(words in line for line in self._said), self._said
            time.sleep(0.02)

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> Said:
        """Press Ctrl-C (or send another signal to the whole group) and wait for the end."""
        os.killpg(self._process.pid, number)
        return self.wait()

    def wait(self, seconds: float = 60) -> Said:
        """Wait for the end."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._process.wait(seconds)
        self._reader.join(seconds)
        stdout, stderr = self._process.stdout.read(), "".join(self._said)
        self._process.stdout.close()
        self._process.stderr.close()
        assert "Traceback" not in stderr + stdout, stderr
        return Said(self._process.returncode, stdout, stderr)
