"""`make faults`: breaks everything on purpose, and says whether the promises held. See docs/faults.md."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.faults import lanes, sweeps, table
from tests.faults.document import Document
from tests.faults.place import install_plugin
from tests.faults.plan import Plan, Unknown, listing, plan
from tests.faults.row import Row
from tests.faults.scenarios import BOTH

#: How long everything goes wrong at random, in seconds.
CHAOS_S, QUICK_CHAOS_S = 45, 15


def options() -> argparse.ArgumentParser:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="make faults", description="Break everything on purpose; see docs/faults.md.")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="WORD",
        help="a scenario by its name (F3) or a word of its description; `sweep`, `sweep PART OF A CASE`",
    )
    parser.add_argument("--pair", choices=BOTH, help="on this ledger alone; postgres comes with Redis")
    parser.add_argument("--seed", type=int, help="for what is left to chance; drawn and printed if left out")
    parser.add_argument("--quick", action="store_true", help="the short proof")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything into a file")
    parser.add_argument("--list", action="store_true", help="list what there is, and play nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every promise held. 1: one was broken, or something gave no verdict. 2: the options are wrong."""
    given = options().parse_args(arguments)
    if given.list:
        print("\n".join(listing()))
        return 0
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    document = Document(seed, given.quick, strict=bool(os.environ.get("CI")))
    try:
        if given.json is not None:
            given.json.touch()
        planned = plan(given.only, [given.pair] if given.pair else BOTH, quick=given.quick)
    except (Unknown, OSError) as error:
        print(f"make faults: {error}", file=sys.stderr)
        return 2
    try:
        prove(planned, document)
    except KeyboardInterrupt:
        print("Interrupted; nothing is left behind.", file=sys.stderr)
        return 130
    if given.json is not None:
        given.json.write_text(json.dumps(document.as_json(), indent=1) + "\n", encoding="utf-8")
    return int(document.failed)


def prove(planned: Plan, document: Document) -> None:
    """Play everything, and print what comes of it."""
    began = time.monotonic()
    print(f"seed {document.seed}\n{table.HEAD}", flush=True)
    with _interruptible(), _folder(document) as folder, closing(_rows(planned, document, folder)) as rows:
        for row in rows:
            document.rows.append(row)
            print(table.line(row), *table.findings(row), sep="\n", flush=True)
    document.seconds = time.monotonic() - began
    print("", *table.promises(document), "", *table.wrong(document), sep="\n")
    if document.bad:
        print(f"Logs, diaries and ledgers are in {folder}")
    print(table.end(document), flush=True)


def _rows(planned: Plan, document: Document, folder: Path) -> Generator[Row, None, None]:
    plugin = folder / "plugin"
    install_plugin(plugin)
    yield from sweeps.sweep(planned.sweeps, folder, plugin, "quick" if document.quick else "usual")
    chaos = str(QUICK_CHAOS_S if document.quick else CHAOS_S)
    servers = folder / "servers"
    servers.mkdir(mode=0o711)
    more = {"CHAOS_SEED": str(document.seed), "CHAOS_SECONDS": chaos, "TMPDIR": str(servers)}
    yield from lanes.play(planned.scenes, folder, plugin, more)


@contextmanager
def _folder(document: Document) -> Iterator[Path]:
    """A folder for everything; it stays if something was wrong."""
    folder = Path(tempfile.mkdtemp(prefix="kontora-faults-"))
    folder.chmod(0o711)  # PostgreSQL may run as somebody else, and below it
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not document.bad:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C, a closed terminal and SIGTERM end it in order, and once."""
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: object) -> None:
        for number in asked:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in asked}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
