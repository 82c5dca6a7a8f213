"""How the user called us, so that a command we print works as printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

#: `kontora` before a word: a command in somebody's message, and not the name of a file. What is typed already stays.
_COMMAND = re.compile(r"(?<![\w./-])(?:KONTORA_HOME=(?:'[^']*'|\S+) )?(?<![\w./-])kontora (?=[a-z])")


def program() -> str:
    """`kontora` if that is us on PATH, else our path as seen from here."""
    called = Path(sys.argv[0])
    if called.name != "kontora":
        return f"{shlex.quote(from_here(Path(sys.executable)))} -m kontora_cli.main"
    found = shutil.which("kontora")
    if found and called.exists() and os.path.samefile(found, called):
        return "kontora"
    return shlex.quote(from_here(called.absolute()))


def command(home: Path | None = None) -> str:
    """What to type before the name of a command, to reach the data folder `home`."""
    if home is None or home == _usual_home():
        return program()
    return f"KONTORA_HOME={shlex.quote(from_here(home))} {program()}"


def as_typed(text: str, home: Path | None = None) -> str:
    """Put our way of being called into commands that a message names."""
    return _COMMAND.sub(lambda _: f"{command(home)} ", text)


def _usual_home() -> Path | None:
    """The data folder of somebody who says nothing about it; None where saying nothing means other settings."""
    here = Path.cwd()
    return None if said_home() and (here / "kontora.toml").is_file() else here / ".kontora"


def said_home() -> Path | None:
    """The data folder that the user named, on the command line or in KONTORA_HOME."""
    given = os.environ.get("KONTORA_HOME")
    for position, argument in enumerate(sys.argv):
        if argument.startswith("--home="):
            given = argument.removeprefix("--home=")
        elif argument == "--home" and position + 1 < len(sys.argv):
            given = sys.argv[position + 1]
    return Path(given).absolute() if given else None


def from_here(path: Path) -> str:
    """A path as it is typed here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
