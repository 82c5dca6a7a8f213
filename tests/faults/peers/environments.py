"""The peers' virtual environments, made on demand beside the project's own: `.venv-peers/NAME`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.faults.place import ROOT

FOLDER = Path(__file__).parent
#: Holds the requirements that an environment was made from.
_STAMP = "made-from.txt"


class NoEnvironment(Exception):
    """The environment of a peer could not be made; the message says why."""


def environment_of(name: str) -> Path:
    """The Python of a peer's environment, as its requirements are now. Raises `NoEnvironment`."""
    return environment(name, FOLDER / name / "requirements.txt")


def environment(name: str, wanted: Path) -> Path:
    """The Python of an environment for a file of requirements. Raises `NoEnvironment`."""
    place = ROOT / ".venv-peers" / name
    stamp, python = place / _STAMP, place / "bin" / "python"
    if not stamp.exists() or stamp.read_text("utf-8") != wanted.read_text("utf-8"):
        print(f"making .venv-peers/{name} from {wanted.relative_to(ROOT)}", file=sys.stderr, flush=True)
        _make(place, python, wanted)
        shutil.copy(wanted, stamp)
    return python


def versions(name: str) -> dict[str, str]:
    """The pinned packages of a peer and their versions."""
    lines = (FOLDER / name / "requirements.txt").read_text("utf-8").split()
    return {package.partition("[")[0]: version for package, _, version in (line.partition("==") for line in lines)}


def _make(place: Path, python: Path, wanted: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(place))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(wanted))
    else:
        _run(sys.executable, "-m", "venv", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted))


def _run(*command: str) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NoEnvironment(f"{' '.join(command)}:\n{(ran.stdout + ran.stderr)[-2000:]}")
