"""Where the log of long-running processes goes: a reader who stops reading must not hold the work up."""

from __future__ import annotations

import os
import select
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: A pipe that is ready takes so much without waiting, in bytes.
_PIECE = select.PIPE_BUF
#: How long a reader may be slow before what is written is dropped, and how long the rest may take, in milliseconds.
_PATIENCE_MS, _REST_MS = 200, 1000


@contextmanager
def never_stuck(fd: int = 2) -> Iterator[None]:
    """Let nobody who writes to a pipe or socket `fd` wait for its reader, here and in processes started meanwhile.

    What the reader does not take is dropped, and how much that was is said once it reads again. Files and terminals
    are left as they are: the first never wait, and at the others somebody sits.
    """
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        yield
        return
    target = os.dup(fd)
    source, inlet = os.pipe()
    os.dup2(inlet, fd)
    os.close(inlet)
    thread = threading.Thread(target=_pass_on, args=(source, target), name="log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.dup2(target, fd)  # the end of what is passed on, unless a process below us lives on
        thread.join(_REST_MS / 1000)


def _pass_on(source: int, target: int) -> None:
    """Pass bytes on until nobody can write any more."""
    ready = select.poll()
    ready.register(target, select.POLLOUT)
    dropped = 0
    with suppress(OSError):
        while piece := os.read(source, _PIECE):
            if not ready.poll(0 if dropped else _PATIENCE_MS):
                dropped += len(piece)
                continue
            with suppress(OSError):  # the reader is gone, or its disk is full
                if dropped:
                    os.write(target, f"[{dropped} bytes of this log were not read, and are lost]\n".encode())
                    dropped = 0
                    ready.poll(_PATIENCE_MS)
                os.write(target, piece)
    os.close(source)
    os.close(target)
