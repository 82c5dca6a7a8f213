"""What is printed: the result on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from kontora_cli.invocation import as_typed, said_home


def show(document: Any, text: str | Iterable[str], *, as_json: bool) -> None:
    """Print a result: the document as JSON, or the text."""
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=2, default=str))
    else:
        print(text if isinstance(text, str) else "\n".join(text))


def note(text: str) -> None:
    """Print progress or a remark, if there is room for it; commands that it names work as printed."""
    with suppress(OSError):  # a log on a full disk is no reason to stop
        print(as_typed(text, said_home()), file=sys.stderr, flush=True)


def fancy(stream: TextIO) -> bool:
    """Whether colours and moving lines may go to a stream."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def table(headings: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> str:
    """Columns of text under headings; `empty` if there is no row."""
    lines = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not lines:
        return as_typed(empty, said_home())
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    first = "  ".join(cell.upper().ljust(width) for cell, width in zip(headings, widths, strict=True)).rstrip()
    if fancy(sys.stdout):
        first = f"\x1b[1m{first}\x1b[0m"
    rest = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([first, *rest])


def facts(pairs: Iterable[tuple[str, Any]]) -> str:
    """Names and values, one pair on a line; pairs without a value are left out."""
    kept = [(name, str(value)) for name, value in pairs if value not in (None, "")]
    width = max((len(name) for name, _ in kept), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in kept)


def instant(milliseconds: int | None) -> str | None:
    """An instant as RFC 3339 in UTC, for documents."""
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(milliseconds: int | None) -> str:
    """An instant in the zone of this machine, for people."""
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
