"""Questions to one model server over HTTP: deadlines, repetition where nothing ran, one family of errors."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeVar

import httpx

from kontora_agents import ollama_errors
from kontora_agents.errors import ModelError, ModelMisspoke, ModelTimeout, ModelUnavailable
from kontora_agents.http_transports import HttpTransports
from kontora_agents.seams import ModelAnswer

T = TypeVar("T")

#: No answer of a model is this long; what is longer is not read to its end.
MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Deadlines:
    """Seconds a server is given. The first byte may take long: a cold model is loaded before it."""

    connect: float = 5.0
    first_byte: float = 300.0
    total: float = 900.0


DEADLINES = Deadlines()


class Growing(Protocol):
    """An answer as it grows, line by line."""

    @property
    def done(self) -> bool:
        """Whether the server said that the answer is complete."""
        ...

    @property
    def endless(self) -> bool:
        """Whether it says the same again and again, so that nobody need hear it to its end."""
        ...

    def take(self, line: bytes) -> None:
        """Add one line. Raises `ModelMisspoke`, `ModelUnavailable`."""
        ...

    def finish(self) -> ModelAnswer:
        """Return the whole answer. Raises `ModelMisspoke`."""
        ...


class Passing(Exception):
    """A failure before which nothing ran, so that asking again is safe. `tries` says how often."""

    def __init__(self, error: ModelError, tries: int = 2) -> None:
        super().__init__(error.message)
        self.error = error
        self.tries = tries


class ModelHttp:
    """One server. `explain` gives the error that an error answer (status, body, model) stands for."""

    def __init__(
        self,
        url: str,
        *,
        deadlines: Deadlines,
        pause: float,
        explain: Callable[[int, bytes, str], ModelError] = ollama_errors.explain,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.deadlines = deadlines
        self._pause, self._explain = pause, explain
        self._headers = {"content-type": "application/json", **(headers or {})}
        self._transports = HttpTransports(self.url, connect=deadlines.connect)

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._transports.aclose()

    async def again(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try, and try again after a pause as long as nothing ran. Raises `ModelError`."""
        for tried in range(3):
            try:
                return await attempt()
            except Passing as failure:
                if tried >= failure.tries:
                    raise failure.error from None
            await asyncio.sleep(self._pause * 2**tried * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable: the last failure was raised")

    async def json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask for one JSON object. Raises `Passing`, `ModelError`."""
        content = None if body is None else json.dumps(body).encode()
        try:
            async with self._transports.ask(method, path, content, self._headers) as response:
                answer = await response.aread()
        except httpx.TransportError as error:
            raise Passing(self._lost(error)) from None
        if response.status_code != 200:
            self._refuse(response.status_code, answer, (body or {}).get("model", ""))
        try:
            parsed = json.loads(answer)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise ModelMisspoke(f"What answers at {self.url} is not a model server.")
        return parsed

    async def ask(self, model: str, path: str, body: bytes, begin: Callable[[], Growing]) -> ModelAnswer:
        """Ask, as often as is safe, within the total deadline. Raises `ModelError`."""
        try:
            async with asyncio.timeout(self.deadlines.total):
                return await self.again(lambda: self._ask(model, path, body, begin()))
        except ollama_errors.UnreadCall:  # the same question would give the same again: who asks has to say so
            return ModelAnswer(model=model, finish="unread")
        except TimeoutError:
            raise self.too_slow("was not done", self.deadlines.total) from None

    async def _ask(self, model: str, path: str, body: bytes, reply: Growing) -> ModelAnswer:
        try:
            await self._receive(model, path, body, reply)
            return reply.finish()
        except httpx.TransportError as error:
            raise Passing(self._lost(error)) from None
        except ModelUnavailable as error:  # said inside the stream
            raise Passing(error) from None
        except ModelMisspoke as error:
            if reply.done:
                raise
            raise Passing(error) from None  # a broken stream: nothing of it was used

    async def _receive(self, model: str, path: str, body: bytes, reply: Growing) -> None:
        """Feed the lines of an answer to `reply`, as long as it says something new. The first byte has a deadline of
        its own."""
        asked = self._transports.ask("POST", path, body, self._headers)
        rest, read = b"", 0
        try:
            async with asyncio.timeout(self.deadlines.first_byte) as first_byte, asked as response:
                if response.status_code != 200:
                    self._refuse(response.status_code, await response.aread(), model)
                async for piece in response.aiter_bytes():
                    first_byte.reschedule(None)
                    read += len(piece)
                    if read > MOST_BYTES:
                        raise ModelMisspoke("The model server sent more than any answer can be.")
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in filter(bytes.strip, lines):
                        reply.take(line)
                    if reply.endless:  # leaving closes the connection, and the server stops
                        return
        except TimeoutError:
            raise self.too_slow("sent nothing", self.deadlines.first_byte) from None
        if rest.strip():
            reply.take(rest)

    def _refuse(self, status: int, body: bytes, model: str) -> NoReturn:
        error = self._explain(status, body, model)
        if status in (429, 502, 503, 504):
            raise Passing(error)
        if status >= 500 and not isinstance(error, ollama_errors.UnreadCall):
            raise Passing(error, tries=1)
        raise error

    def _lost(self, error: httpx.TransportError) -> ModelUnavailable:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ollama_errors.unreachable(self.url, repr(error))
        return ModelUnavailable("The connection to the model server broke.", detail=repr(error))

    def too_slow(self, what: str, seconds: float) -> ModelTimeout:
        """The error of a server that did not do `what` in time."""
        return ModelTimeout(
            f"The model server {what} within {seconds:g} seconds.", hint="Choose a smaller model, or allow more time."
        )
