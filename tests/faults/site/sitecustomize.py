"""Arms the failpoints of a process under test. On PYTHONPATH of the processes that the harness starts, nowhere else.

FAULTS_ARM is a JSON list of `{"place", "do", "times", "skip", "seconds", "program"}`, FAULTS_MARKS a folder in which
the processes of a scenario count together. `do`: `kill` this process, `kill group` with everybody beside it, `freeze`
it, `sleep`, `eat` all the memory that there is. With `told` it does so only while a file of this name is in the
folder. Standard library only.
"""

import json
import os
import signal
import sys
import time
from typing import Any

#: Memory that is asked for at a time, and at most, in bytes.
_MOUTHFUL, _MOST = 2**24, 2**31


def _first(marks: str, name: str, most: int) -> bool:
    """Whether this is one of the first `most` passings, over all processes."""
    for number in range(most):
        try:
            os.close(os.open(os.path.join(marks, f"{name}-{number}"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        return True
    return False


def _act(order: dict[str, Any], marks: str, name: str) -> None:
    with open(os.path.join(marks, "times"), "a", encoding="utf-8") as file:
        file.write(f"{time.time() * 1000:.0f} {name}\n")
    if order["do"] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif order["do"] == "kill group":
        os.killpg(os.getpgid(0), signal.SIGKILL)
    elif order["do"] == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif order["do"] == "eat":
        _eat()
    else:
        time.sleep(order["seconds"])


def _eat() -> None:
    """Ask for memory until there is none: whoever bounds it kills this process, or it raises `MemoryError`."""
    eaten = [bytes([1]) * _MOUTHFUL for _ in range(_MOST // _MOUTHFUL)]
    raise RuntimeError(f"nobody has bounded the memory of this process: it has {len(eaten)} mouthfuls")


def _arm(orders: list[dict[str, Any]], marks: str) -> None:
    from kontora_workflows.failpoints import arm

    mine = {order["place"]: order for order in orders if order.get("program", "") in " ".join(sys.orig_argv)}

    def hook(name: str) -> None:
        order = mine.get(name)
        if order is None or not os.path.exists(os.path.join(marks, order.get("told", ""))):
            return
        if order.get("skip") and _first(marks, f"skipped-{name}", order["skip"]):
            return
        if _first(marks, name, order.get("times", 1)):
            _act(order, marks, name)

    arm(hook)


if os.environ.get("FAULTS_ARM"):
    _arm(json.loads(os.environ["FAULTS_ARM"]), os.environ["FAULTS_MARKS"])
