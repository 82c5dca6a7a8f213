"""One HTTP client per event loop: making one is dear, and connections cannot change loops."""

from __future__ import annotations

import asyncio
import ssl
from functools import cache
from weakref import WeakKeyDictionary

import httpx


class HttpClients:
    """Clients for one server. A client never asks the environment for a proxy: prompts go to the named server only."""

    def __init__(self, url: str, *, connect: float) -> None:
        self._url = url
        self._timeout = httpx.Timeout(None, connect=connect)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    def here(self) -> httpx.AsyncClient:
        """Return the client of the running event loop."""
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            tls = _tls() if self._url.startswith("https:") else False
            client = httpx.AsyncClient(base_url=self._url, timeout=self._timeout, verify=tls, trust_env=False)
            self._clients[loop] = client
        return client

    async def aclose(self) -> None:
        """Close the client of the running event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
