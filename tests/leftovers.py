"""What a test may leave behind: processes and listening sockets.

Processes are found in Linux's /proc; on other systems none are.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

from tests.services import OWN

PROC = Path("/proc")
#: Inherited by every process that a test starts, so that those whose parent is gone are found as well.
MARK = "PYTEST_SESSION_MARK"
PATIENCE_S = 3.0


def mark_session() -> None:
    """Put a fresh mark into the environment."""
    os.environ[MARK] = secrets.token_hex(8)


def running() -> set[int]:
    """Return the ids of all processes of the machine."""
    return {int(name) for name in os.listdir(PROC) if name.isdigit()} if PROC.exists() else set()


def is_ours(pid: int) -> bool:
    """Say whether this session started a process, itself or through others, apart from the servers of all tests."""
    ancestor, parent = pid, _parent(pid)
    if not parent:
        return False
    while ancestor > 1:
        if ancestor in OWN:
            return False
        if parent == os.getpid():
            return True
        ancestor, parent = parent, _parent(parent)
    return _is_marked(pid)


def _parent(pid: int) -> int:
    """Return the parent's id; 0 for a process that has ended or is a zombie (whose parent has yet to look)."""
    with suppress(OSError):
        line = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
        state, parent = line.rpartition(")")[2].split()[:2]
        return 0 if state == "Z" else int(parent)
    return 0


def _is_marked(pid: int) -> bool:
    with suppress(OSError):
        return f"{MARK}={os.environ.get(MARK)}".encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    return False


def _command(pid: int) -> str:
    with suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:200]
    return "?"


def kill_new_processes(before: set[int]) -> dict[int, str]:
    """Kill our processes that were started since `before` and do not end within a moment; return their commands."""
    deadline = time.monotonic() + PATIENCE_S
    while (left := {pid for pid in running() - before if is_ours(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed = {pid: _command(pid) for pid in left}
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return killed


def listeners() -> set[str]:
    """Return the addresses on which this process listens."""
    found = set()
    for number in map(int, os.listdir("/dev/fd")):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as peer:
                    if peer.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        found.add(str(peer.getsockname()))
    return found
