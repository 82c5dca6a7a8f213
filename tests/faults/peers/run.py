"""`make faults-peers`: the same faults on other systems. Judged by what the foreign systems saw. See docs/faults.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.bound import CONFIDENCE
from tests.faults.peers import table
from tests.faults.peers.contender import CONTENDERS, Contender
from tests.faults.peers.environments import NoEnvironment
from tests.faults.peers.playing import play
from tests.faults.peers.strikes import STRIKES
from tests.faults.peers.tally import Tally


def options() -> argparse.ArgumentParser:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="make faults-peers", description="The same faults on other systems.")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a system or a fault, by its name")
    parser.add_argument("--seed", type=int, help="for what is left to chance; drawn and printed if left out")
    parser.add_argument("--lanes", type=int, default=2, help="how many systems are played side by side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything into a file")
    parser.add_argument("--list", action="store_true", help="list what there is, and play nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0: everything was played. 1: something was not. 2: the options are wrong."""
    given = options().parse_args(arguments)
    if given.list:
        print("\n".join(_listing()))
        return 0
    names = {one.name.lower(): one.name for one in (*CONTENDERS, *STRIKES)}
    unknown = [word for word in given.only if word.lower() not in names]
    if unknown:
        print(f"make faults-peers: nothing is called {', '.join(unknown)}; --list shows what there is", file=sys.stderr)
        return 2
    only = {names[word.lower()] for word in given.only}
    contenders = [one for one in CONTENDERS if one.name in only] or list(CONTENDERS)
    strikes = [one for one in STRIKES if one.name in only] or list(STRIKES)
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(*_facts(contenders, seed), table.HEAD, sep="\n", flush=True)
    tallies: list[Tally] = []
    interrupted = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with closing(play(contenders, strikes, seed, given.lanes)) as played:
            for tally in played:
                tallies.append(tally)
                print(table.line(tally), flush=True)
    except NoEnvironment as error:
        print(f"make faults-peers: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; what has ended is counted.", file=sys.stderr)
        interrupted = True
    print("", table.HEAD, *table.totals(tallies), sep="\n", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(document(contenders, tallies, seed), indent=1) + "\n", encoding="utf-8")
    return 130 if interrupted else int(not tallies or any(tally.not_run for tally in tallies))


def document(contenders: Sequence[Contender], tallies: Sequence[Tally], seed: int) -> dict[str, Any]:
    """Everything as plain JSON."""
    systems = {
        one.name: {
            "versions": one.versions,
            "settings": one.notes,
            **table.shares([tally for tally in tallies if tally.system == one.name]),
        }
        for one in contenders
    }
    date = datetime.now(UTC).date().isoformat()
    rows = [tally.as_json() for tally in tallies]
    return {"seed": seed, "date": date, "confidence": CONFIDENCE, "systems": systems, "rows": rows}


def _facts(contenders: Sequence[Contender], seed: int) -> Iterator[str]:
    yield f"seed {seed}, Python {platform.python_version()}, {os.cpu_count()} processors"
    for one in contenders:
        packages = ", ".join(f"{name} {version}" for name, version in one.versions.items())
        yield f"{one.name}: {one.notes} ({packages})"


def _listing() -> Iterator[str]:
    for contender in CONTENDERS:
        yield f"{contender.name:16} {contender.notes}"
    for strike in STRIKES:
        needs = f" (with {', '.join(strike.needs)})" if strike.needs else ""
        yield f"{strike.name:16} {strike.words}{needs}"


if __name__ == "__main__":
    sys.exit(main())
