"""A process that opens a ledger: `python -m tests.upgrading URL [PLACE]`. It dies at a place, or says what it did."""

from __future__ import annotations

import os
import signal
import sys

from kontora_workflows import failpoints
from kontora_workflows.ledger import Ledger


def main(url: str, place: str | None = None) -> None:
    """Wait to be spoken to, then open the ledger."""
    if place:
        failpoints.arm(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == place else None)
    print("ready", flush=True)
    sys.stdin.readline()
    ledger = Ledger(url)
    print(ledger.upgraded.before or "empty" if ledger.upgraded else "nothing")
    ledger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
