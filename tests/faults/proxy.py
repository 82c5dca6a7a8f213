"""A TCP proxy in this process: what stands between two programs can be cut, swallowed or held up."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit


class Proxy:
    """Listens on a free port of 127.0.0.1 and passes bytes on to `port`.

    `blackhole`: nothing goes through and nobody is told, as on a line that was unplugged; `silence` does so to the
    connections that are open now. `cut` resets them; `refuse`: new ones are reset as well. `watch` sees the bytes that
    a client sends, and may say that they are answered with a reset: they are passed on, and the server's answer is not.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self.blackhole = self.refuse = False
        self.watch: Callable[[bytes], bool] | None = None
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._silent: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(0.2)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.cut()
        for thread in list(self._threads):
            thread.join(5)
        self._listener.close()

    def url(self, url: str) -> str:
        """The same URL through this proxy."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{self.port}")))

    def cut(self) -> None:
        """Reset every connection."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            _reset(*pair)

    def silence(self) -> None:
        """Let nothing more through on the connections that are open now."""
        with self._lock:
            self._silent |= self._pairs

    @property
    def open(self) -> int:
        """How many connections there are."""
        with self._lock:
            return len(self._pairs)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        while self.blackhole and not self._over.is_set():
            time.sleep(0.05)
        try:
            if self.refuse or self._over.is_set():
                raise OSError
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            _reset(client)
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.settimeout(5)
        with self._lock:
            self._pairs.add((client, server))
        with suppress(OSError, ValueError):
            self._pass_on(client, server)
        with self._lock:
            self._pairs.discard((client, server))
        _reset(client, server) if self._over.is_set() else _close(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        doomed = False
        while not self._over.is_set():
            ready, _, _ = select.select([client, server], [], [], 0.1)
            if self.blackhole or (client, server) in self._silent:
                time.sleep(0.05)
                continue
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                if source is server and doomed:
                    _reset(client, server)
                    return
                (server if source is client else client).sendall(data)
                doomed = doomed or (source is client and self.watch is not None and self.watch(data))


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.close()


def _reset(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RDWR)
        _close(one)
