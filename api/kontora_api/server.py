"""Serving REST: where it listens, and how it ends."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from kontora_worker.house import House

from kontora_api.access import is_loopback, tokens_of
from kontora_api.app import make_app

#: How long requests under way may take once the server was asked to end, in seconds.
_GRACE_S = 3
_OWN = "Use 127.0.0.1, or an address that this machine has."
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class CannotListen(Exception):
    """The API cannot listen there. `message` says why, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message} {hint}")


class NotLoopback(CannotListen):
    """Others could reach the API, and no token keeps them out."""


def serve(house: House, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. `ready` is given the URL once requests are taken; port 0 takes a free one.

    Raises, before anything starts: `NotLoopback`, `CannotListen`, `SettingsInvalid`, OSError (EADDRINUSE) when the port
    is taken.
    """
    with listening(house, host, port) as listener:
        Server(house, ready).run([listener])


@contextmanager
def listening(house: House, host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens. Raises what `serve` raises."""
    family, address = _resolved(host)
    if not tokens_of(house.settings) and not is_loopback(address):
        raise NotLoopback(
            f"Others can reach {host}, and no token is set.",
            "Set KONTORA_API_TOKEN to a long random text (openssl rand -hex 24), or listen on 127.0.0.1.",
        )
    # asyncio sends without delay only on sockets that say they are TCP.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        # A server that ended a moment ago does not keep the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except PermissionError:
            raise CannotListen(f"Port {port} is reserved for the system.", "Take one above 1023.") from None
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise CannotListen(f"This machine does not have the address {host}.", _OWN) from None
            raise
        listener.listen(1024)
        yield listener


def _resolved(host: str) -> tuple[socket.AddressFamily, str]:
    """The first address of a host; IPv4 where it has both."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise CannotListen(f"There is no host {host!r}.", _OWN) from None
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, str(address[0])


class Server(uvicorn.Server):
    """uvicorn, ending in order: streams and waiting requests first, and without a signal for whoever started it."""

    def __init__(self, house: House, ready: Callable[[str], None]) -> None:
        self.app, self._ready = make_app(house), ready
        super().__init__(
            uvicorn.Config(
                self.app,
                access_log=False,  # URLs and headers are nobody's business
                lifespan="off",
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_S,
                ws="none",
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and tell where."""
        await super().startup(sockets)
        self._ready(_url((sockets or [])[0]))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams and waiting requests, then the server."""
        self.app.state.stopping.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let signals end the server, and nothing else."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _ENDING}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _url(listener: socket.socket) -> str:
    """Where this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
