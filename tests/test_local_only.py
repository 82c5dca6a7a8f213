"""Where nothing outside is configured, no process of Kontora speaks to anything outside: the sockets are watched."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from tests.command_line import CommandLine

_WATCH = Path(__file__).parent / "watched_sockets"


def test_a_run_from_start_to_report_stays_on_this_machine(tmp_path: Path) -> None:
    log = tmp_path / "sockets.log"
    kontora = CommandLine(tmp_path, PYTHONPATH=str(_WATCH), WATCHED_SOCKETS=str(log))
    kontora.furnish()
    ran = kontora("run", "receivables-ageing", "--json")
    assert ran.exit_code == 3, ran.stderr  # it waits for approvals
    seen = log.read_text(encoding="utf-8").splitlines()
    assert any("socket.connect" in line for line in seen), "nothing was watched"
    assert len({line.split()[0] for line in seen}) > 1, "the pool was not watched"
    assert [line for line in seen if not _stays_here(line)] == []


def test_the_watch_sees_what_goes_out(tmp_path: Path) -> None:
    log = tmp_path / "sockets.log"
    kontora = CommandLine(tmp_path, PYTHONPATH=str(_WATCH), WATCHED_SOCKETS=str(log))
    kontora.home.mkdir()
    (kontora.home / "kontora.toml").write_text(
        '[models.default]\nurl = "http://gpu.nowhere.invalid:11434"\n', encoding="utf-8"
    )
    kontora("models", "list")
    outside = [line for line in log.read_text(encoding="utf-8").splitlines() if not _stays_here(line)]
    assert any("gpu.nowhere.invalid" in line for line in outside)


def _stays_here(line: str) -> bool:
    """Whether an address is of this machine: loopback, or a path."""
    host = re.search(r"\('?([^',]*)'?,", line) or re.search(r" '([^']*)'$", line)
    name = host[1] if host else line.split(" ", 2)[2].strip("'b")
    if name.startswith("/") or name in ("localhost", "None", ""):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
