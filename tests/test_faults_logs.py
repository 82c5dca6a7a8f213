"""Logs that nobody reads, or that have no room, hold nothing up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: More than a pipe takes.
LINES = 20_000
SPEAKING = f"""
import subprocess, sys
from kontora_worker.log_pipe import never_stuck
with never_stuck():
    for number in range({LINES}):
        print("line", number, file=sys.stderr)
    subprocess.run([sys.executable, "-c", "print('from below')"], stdout=sys.stderr, check=True)
print("after", file=sys.stderr)
"""


def test_a_log_that_is_read_comes_whole_and_in_order() -> None:
    said = subprocess.run([sys.executable, "-c", SPEAKING], stderr=subprocess.PIPE, check=True, timeout=60).stderr
    assert said.decode().split("\n") == [*(f"line {number}" for number in range(LINES)), "from below", "after", ""]


def test_a_log_that_nobody_reads_stops_nobody_and_tells_who_comes_back_what_is_lost() -> None:
    code = SPEAKING.replace(
        "    subprocess.run", "    print('said', flush=True); sys.stdin.readline()\n    subprocess.run"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe) as speaking:
        assert speaking.stdin is not None
        assert speaking.stdout is not None
        assert speaking.stderr is not None
        assert speaking.stdout.readline() == b"said\n"
        read = os.read(speaking.stderr.fileno(), 2**20).decode()
        assert read.startswith("line 0\nline 1\n")
        speaking.stdin.write(b"\n")
        speaking.stdin.close()
        rest = read + speaking.stderr.read().decode()
        assert "bytes of this log were not read, and are lost]" in rest
        assert rest.endswith("from below\nafter\n")
    assert speaking.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_remark_for_which_there_is_no_room_is_left_out() -> None:
    code = "from kontora_cli.output import note; note('hello'); print('after', flush=True)"
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, check=False, timeout=60
        )
    assert (done.returncode, done.stdout) == (0, b"after\n")
