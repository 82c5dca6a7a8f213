"""`python -m kontora_agents.rehearsal --port P script.yaml ...`: serve scripts until interrupted.

`--misbehave scenario.yaml ...` serves models that misbehave instead.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kontora_agents.errors import RehearsalMismatch
from kontora_agents.rehearsal.misbehaving.model import MisbehavingModels
from kontora_agents.rehearsal.misbehaving.scenario import PERSISTENCE, load_scenarios
from kontora_agents.rehearsal.misbehaving.server import serve as misbehave
from kontora_agents.rehearsal.script import load_script
from kontora_agents.rehearsal.server import NOTICE, Rehearsal


def main() -> int:
    """Serve until SIGINT or SIGTERM. The first line on stdout says where."""
    parser = argparse.ArgumentParser(prog="python -m kontora_agents.rehearsal", description=f"Rehearsal: {NOTICE}.")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("scripts", nargs="*", type=Path, metavar="script.yaml")
    parser.add_argument(
        "--misbehave", nargs="+", type=Path, metavar="scenario.yaml", help="models that misbehave, in place of scripts"
    )
    options = parser.parse_args()
    if bool(options.scripts) == bool(options.misbehave):
        parser.error("name scripts, or scenarios with --misbehave")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _serving(options) as (url, played):
            print(f"rehearsal ({NOTICE}) at {url}{played}", flush=True)
            stop.wait()
    except RehearsalMismatch as error:
        print(error.message, file=sys.stderr)
        return 4
    except OSError as error:
        print(f"Port {options.port} cannot be used: {error.strerror}. Choose another with --port.", file=sys.stderr)
        return 5
    return 0


@contextmanager
def _serving(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Serve what was asked for. Gives the address, and what there is to be known of the models' names."""
    if options.misbehave:
        models = MisbehavingModels(load_scenarios(options.misbehave))
        with misbehave(models, options.port) as misbehaving:
            names = ", ".join(models.scenarios)
            yield misbehaving.url, f"; models are SCENARIO/PERSISTENCE/RUN ({'|'.join(PERSISTENCE)}) of: {names}"
        return
    scripts = {script.key: script for script in map(load_script, options.scripts)}
    with Rehearsal(scripts).serve(options.port) as server:
        yield server.url, ""


if __name__ == "__main__":
    sys.exit(main())
