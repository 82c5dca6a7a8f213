"""Tryton as a system of its own: an environment beside ours, books kept by its API, and its answers about them.

`what_tryton_says(build_books(folder), as_of)` is all that another test needs; the fixture `tryton_url` in conftest.py
does the building once per session.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.services import Missing

#: Where the environment is kept between sessions; not under version control.
HOME = Path(__file__).parents[2] / ".systems"
PACKAGES = ("trytond~=8.2.0", "proteus~=8.2.0", "trytond-account-invoice~=8.2.0")
SCRIPT = Path(__file__).with_name("tryton_books.py")
LIMIT_S = 600.0


def tryton_environment() -> Path:
    """Return the Python of an environment that holds Tryton; make it if needed. Raises `Missing`."""
    home = HOME / "tryton-venv"
    python, complete = home / "bin" / "python", home / "kontora-complete"
    if complete.exists() and complete.read_text(encoding="utf-8") == "\n".join(PACKAGES) and python.exists():
        return python
    shutil.rmtree(home, ignore_errors=True)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        make, install = [uv, "venv", "--python", sys.executable], [uv, "pip", "install", "--python", str(python)]
    else:
        make, install = [sys.executable, "-m", "venv"], [str(python), "-m", "pip", "install"]
    for command in ([*make, str(home)], [*install, *PACKAGES]):
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
        if made.returncode:
            shutil.rmtree(home, ignore_errors=True)
            why = (made.stderr.strip() or made.stdout.strip() or "no reason given").splitlines()[-1].strip()
            raise Missing(
                f"Tryton 8.2 could not be installed ({why}). "
                "To get it, once, run this with the package index within reach: make systems"
            )
    complete.write_text("\n".join(PACKAGES), encoding="utf-8")
    return python


def build_books(folder: Path) -> str:
    """Let Tryton keep a year of books in a SQLite database in `folder`; return its SQLAlchemy URL.

    What Tryton said on the days it was asked meanwhile is kept beside it. Takes about a minute. Raises `Missing`.
    """
    python, database = tryton_environment(), folder / "books.sqlite"
    database.touch()
    secret = folder / "password"
    secret.write_text("not used: the API runs in the same process\n", encoding="utf-8")
    activate = ["--database", "books", "--update", "account_invoice", "--activate-dependencies"]
    admin = [str(python.with_name("trytond-admin")), *activate, "--email", "books@example.com"]
    _run(admin, folder, TRYTONPASSFILE=str(secret))
    answers = _run([str(python), str(SCRIPT), "build"], folder)
    (folder / "answers.json").write_text(answers, encoding="utf-8")
    return f"sqlite:///{database}"


def days_asked(url: str) -> list[date]:
    """Return the days at whose end Tryton was asked while the books were kept; the last one is the end of the books."""
    return [date.fromisoformat(day) for day in _said(url)]


def what_tryton_says(url: str, as_of: date) -> dict[str, Any]:
    """Return Tryton's own figures about the books at a date; amounts are decimal strings.

    `customers`: per id the `name`, the `balance` and the buckets `aged` of its aged balance report, and `only_debits`
    (that report shows a payment in the bucket of its own date, so with credits the buckets are not those of invoices).
    On `days_asked` also `buckets` per customer, from what each invoice owed on that day, and `invoices` per id.
    """
    said = _said(url).get(as_of.isoformat())
    return dict(said or json.loads(_ask(_folder(url), as_of)))


def _folder(url: str) -> Path:
    return Path(make_url(url).database or "").parent


@cache
def _ask(folder: Path, as_of: date) -> str:
    """Ask the finished books; they do not change any more."""
    return _run([str(tryton_environment()), str(SCRIPT), "says", as_of.isoformat()], folder)


def _said(url: str) -> dict[str, Any]:
    return dict(json.loads((_folder(url) / "answers.json").read_text(encoding="utf-8")))


def _run(command: list[str], folder: Path, **more: str) -> str:
    """Run a program of Tryton on the books of a folder and return what it printed. It has ended when this returns."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TRYTON", "PYTHON"))}
    where = {"TRYTOND_DATABASE_URI": "sqlite://", "TRYTOND_DATABASE__PATH": str(folder), "DB_NAME": "books"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env={**clean, **where, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", **more},
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}"
    return done.stdout
