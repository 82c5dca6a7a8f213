"""The benchmark measures, checks what it measured, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.leftovers import running

RUN = [sys.executable, str(Path(__file__).parent.parent / "bench" / "run.py"), "--quick", "--rounds=1", "--seconds=0.1"]

pytestmark = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="the benchmark reads CPU times from /proc")


def test_a_plain_loop_and_a_pool_do_the_same_work_and_are_compared(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [*RUN, "--only=embedded", "--json"], env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    plain, embedded = json.loads(done.stdout)["runs"]
    assert embedded["baseline"] == plain["name"] == "plain loop, 2 processes"
    assert plain["x_runs_per_s"] == 1
    assert embedded["x_runs_per_s"] == pytest.approx(embedded["runs_per_s"] / plain["runs_per_s"])
    assert embedded["peak_mb"] > 20
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_everything_that_was_started(tmp_path: Path) -> None:
    before = running()
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen([*RUN, "--only=embedded"], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process.stderr:
        line = next(line for line in process.stderr if "warming up" in line)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.wait(30) == 130, line + rest
    assert process.pid not in running() - before
    assert list(tmp_path.iterdir()) == []
