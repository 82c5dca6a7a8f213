"""`python -m kontora_agents.rehearsal --port P script.yaml ...`: serve scripts until interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from kontora_agents.errors import RehearsalMismatch
from kontora_agents.rehearsal.script import load_script
from kontora_agents.rehearsal.server import NOTICE, Rehearsal


def main() -> int:
    """Serve until SIGINT or SIGTERM. The first line on stdout says where."""
    parser = argparse.ArgumentParser(prog="python -m kontora_agents.rehearsal", description=f"Rehearsal: {NOTICE}.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("scripts", nargs="+", type=Path, metavar="script.yaml")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        scripts = {script.key: script for script in map(load_script, options.scripts)}
        with Rehearsal(scripts).serve(options.port) as server:
            print(f"rehearsal ({NOTICE}) at {server.url}", flush=True)
            stop.wait()
    except RehearsalMismatch as error:
        print(error.message, file=sys.stderr)
        return 4
    except OSError as error:
        print(f"Port {options.port} cannot be used: {error.strerror}. Choose another with --port.", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
