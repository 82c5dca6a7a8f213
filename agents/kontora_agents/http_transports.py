"""One HTTP transport per event loop: making one is dear, and connections cannot change loops.

A client on top of it would add redirects, cookies, authentication and proxies, none of which a model server is given:
prompts go to the named server only. It would also cost time at every question.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from weakref import WeakKeyDictionary

import httpx


class HttpTransports:
    """Transports to one server. Only to connect has a deadline here, in seconds."""

    def __init__(self, url: str, *, connect: float) -> None:
        self._url = url
        self._extensions = {"timeout": {"connect": connect}}
        self._transports: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncHTTPTransport] = WeakKeyDictionary()

    @asynccontextmanager
    async def ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        """Send a request; inside the block its answer can be read. Raises `httpx.TransportError`."""
        request = httpx.Request(method, self._url + path, content=body, headers=headers, extensions=self._extensions)
        response = await self._here().handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    def _here(self) -> httpx.AsyncHTTPTransport:
        """The transport of the running event loop."""
        loop = asyncio.get_running_loop()
        transport = self._transports.get(loop)
        if transport is None:
            tls = _tls() if self._url.startswith("https:") else False
            transport = self._transports[loop] = httpx.AsyncHTTPTransport(verify=tls, trust_env=False)
        return transport

    async def aclose(self) -> None:
        """Close the transport of the running event loop."""
        transport = self._transports.pop(asyncio.get_running_loop(), None)
        if transport is not None:
            await transport.aclose()


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
