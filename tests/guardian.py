"""A small process that owns a server of the tests: `guardian.py FOLDER UID GID STOP_SIGNAL COMMAND...`.

It lives as long as its standard input, whose other end the test session holds. When the session ends, in whatever
way (`kill -9` too), it stops the server and removes the folder. Standard library only.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

PATIENCE_S = 5.0
POLL_S = 0.1
PR_SET_PDEATHSIG = 1


def die_with_guardian() -> None:
    """Ask Linux to kill the server should the guardian itself be killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(folder: str, uid: int, gid: int, command: list[str]) -> "subprocess.Popen[bytes]":
    """Start the server as the given user; what it says goes to `server.log`."""
    other = uid != os.geteuid()
    with open(os.path.join(folder, "server.log"), "ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            preexec_fn=die_with_guardian,
            user=uid if other else None,
            group=gid if other else None,
            extra_groups=[] if other else None,
        )


def session_is_over() -> bool:
    """Wait a moment for the end of the input."""
    ready, _, _ = select.select([0], [], [], POLL_S)
    return bool(ready)


def main() -> None:
    """Keep the server until it or the session ends."""
    folder, uid, gid, stop_signal, *command = sys.argv[1:]
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, lambda *_: None)  # only the end of the input decides
    server = start(folder, int(uid), int(gid), command)
    while not session_is_over():
        if server.poll() is not None:
            sys.exit(f"ended by itself with code {server.returncode}")  # the session reads the log, then tidies up
    server.send_signal(int(stop_signal))
    try:
        server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
