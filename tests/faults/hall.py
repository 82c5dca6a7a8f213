"""The servers of one lane: a fake ERP, a fake model server, and PostgreSQL and Redis once they are needed."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.place import environment
from tests.faults.program import Program
from tests.faults.servers import Postgres, Redis


class Hall:
    """Servers in a folder, started when they are first asked for; the stack ends them."""

    def __init__(self, folder: Path, plugin: Path, stack: ExitStack) -> None:
        self.folder, self.plugin, self._stack = folder, plugin, stack
        self.erp_diary, self.model_diary = folder / "erp.diary", folder / "model.diary"
        self.erp = self._start("fake_erp", self.erp_diary, 0)
        self.model = self._start("fake_model", self.model_diary, 0)

    @cached_property
    def postgres(self) -> Postgres:
        """The PostgreSQL server. Raises `Missing`, `Broken`."""
        server = Postgres()
        self._stack.callback(server.stop)
        return server

    @cached_property
    def redis(self) -> Redis:
        """The Redis server. Raises `Missing`, `Broken`."""
        server = Redis()
        self._stack.callback(server.stop)
        return server

    @contextmanager
    def pair(self) -> Iterator[tuple[str, str]]:
        """URLs of an empty database and an empty broker."""
        self.redis.flush()
        with self.postgres.database() as url:
            yield url, self.redis.url(0)

    def open_erp_again(self) -> None:
        """Start the ERP on the port and the diary that it had, after it has crashed."""
        self._start("fake_erp", self.erp_diary, urlsplit(self.erp).port or 0)

    def order_faults(self, url: str, faults: list[dict[str, Any]]) -> None:
        """Let a server go wrong from now on; the orders before are forgotten."""
        request = urllib.request.Request(f"{url}/faults", json.dumps({"faults": faults}).encode(), method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def _start(self, name: str, diary: Path, port: int) -> str:
        log = self.folder / f"{name}.log"
        program = Program.module(
            f"tests.faults.{name}", str(diary), str(port), log=log, environment=environment(self.plugin)
        )
        self._stack.callback(program.kill)
        url: str = program.hear()["url"]
        return url
