"""A Kontora of the first revision of the ledger: this one, without what later ones brought."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kontora_workflows

ROOT = Path(__file__).parent.parent

_INDEXES = ("runs_on_a_timer", "runs_to_stop", "runs_of_loops", "approvals_by_end")

#: What is taken out of a copy of the package: file, what stands there, what takes its place.
UNDONE = (
    ("ledger/database.py", r'^REVISION = "0003"$', 'REVISION = "0001"'),
    ("ledger/tables.py", r'^    Column\("queue".*\n', ""),
    *(("ledger/tables.py", rf'^    Index\("{name}".*\n', "") for name in _INDEXES),
    ("ledger/run.py", r"^    queue: str$", '    queue = "kontora"'),
)


class OlderKontora:
    """Its package in a folder. What runs in it gets the database URL and `arguments`, as `python -m tests.MODULE`."""

    def __init__(self, folder: Path) -> None:
        package = folder / "older" / "kontora_workflows"
        shutil.copytree(Path(kontora_workflows.__path__[0]), package, ignore=shutil.ignore_patterns("__pycache__"))
        for name, new, old in UNDONE:
            text = (package / name).read_text(encoding="utf-8")
            changed, times = re.subn(new, old, text, flags=re.MULTILINE)
            assert times == 1, f"{name} has {new!r} {times} times"
            (package / name).write_text(changed, encoding="utf-8")
        for path in (package / "ledger" / "migrations" / "versions").glob("000[23]_*.py"):
            path.unlink()
        #: Where Python has to look first.
        self.path = str(package.parent)

    def start(self, module: str, url: str, *arguments: str) -> subprocess.Popen[str]:
        """Let it begin; the caller speaks with it, and waits for its end."""
        return subprocess.Popen(
            [sys.executable, "-m", f"tests.{module}", url, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": self.path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, module: str, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Let it begin and end."""
        with self.start(module, url, *arguments) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)
