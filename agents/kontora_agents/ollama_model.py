"""A model behind an Ollama server, asked over its own protocol."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Self, TypeVar

import httpx

from kontora_agents import ollama_errors
from kontora_agents.catalogue import catalogue
from kontora_agents.errors import ModelError, ModelMissing, ModelMisspoke, ModelTimeout, ModelUnavailable
from kontora_agents.http_clients import HttpClients
from kontora_agents.model import ModelInfo, context_length
from kontora_agents.ollama_wire import MOST_BYTES, Reply, write_request
from kontora_agents.seams import ModelAnswer, ModelRequest
from kontora_agents.tokens import ANSWER, estimate_request, plan_context

T = TypeVar("T")

#: Prompts shorter than this are not compared with the server's count: the estimate is too coarse for them.
_CHECKED_FROM = 2000


@dataclass(frozen=True)
class Deadlines:
    """Seconds a server is given. The first byte may take long: a cold model is loaded before it."""

    connect: float = 5.0
    first_byte: float = 300.0
    total: float = 900.0


DEADLINES = Deadlines()


class _Passing(Exception):
    """A failure before which nothing ran, so that asking again is safe. `tries` says how often."""

    def __init__(self, error: ModelError, tries: int = 2) -> None:
        super().__init__(error.message)
        self.error = error
        self.tries = tries


class OllamaModel:
    """The models of one Ollama server.

    One instance serves a process. Each event loop that asked must `aclose()` before it ends (`async with` does).
    `stream=False` asks for answers in one piece; deadlines then only see the first byte of the whole. `corrected` puts
    right what a server says about a model, by what was tried.
    """

    def __init__(
        self,
        url: str,
        *,
        deadlines: Deadlines = DEADLINES,
        stream: bool = True,
        pause: float = 0.5,
        corrected: Callable[[ModelInfo], ModelInfo] = lambda info: info,
    ) -> None:
        self.url = url.rstrip("/")
        self._deadlines = deadlines
        self._stream = stream
        self._pause = pause
        self._clients = HttpClients(self.url, connect=deadlines.connect)
        self._corrected = corrected
        self._known: dict[str, ModelInfo] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._clients.aclose()

    async def show(self, name: str) -> ModelInfo:
        """Return what the server says about a model; asked once. Raises `ModelError`."""
        if name not in self._known:
            try:
                async with asyncio.timeout(self._deadlines.first_byte):
                    shown = await self._again(lambda: self._json("POST", "/api/show", {"model": name}))
            except ModelMissing:
                raise ollama_errors.missing(name, await self._installed()) from None
            except TimeoutError:
                raise self._too_slow("said nothing about the model", self._deadlines.first_byte) from None
            self._known[name] = self._corrected(_info(name, shown))
        return self._known[name]

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Ask a model. Asks again by itself only where nothing ran. Raises `ModelError`."""
        info = await self.show(request.model)
        if request.tools and not info.calls_tools:
            raise ollama_errors.cannot_call(request.model)
        prompt = estimate_request(request)
        most = request.options.get("num_predict", ANSWER)
        planned = {"temperature": 0, "num_predict": most, "num_ctx": plan_context(prompt, most, info.context_length)}
        options = planned | request.options
        body = write_request(request, options, stream=self._stream, thinks="thinking" in info.capabilities)
        turn = sum(message.role == "assistant" for message in request.messages)
        try:
            async with asyncio.timeout(self._deadlines.total):
                answer = await self._again(lambda: self._ask(request.model, body, turn))
        except TimeoutError:
            raise self._too_slow("was not done", self._deadlines.total) from None
        except ModelMissing:
            self._known.pop(request.model, None)
            raise
        await self._check_cut(request.model, prompt, answer.prompt_tokens, options["num_ctx"])
        return answer

    async def _again(self, attempt: Callable[[], Awaitable[T]]) -> T:
        for tried in range(3):
            try:
                return await attempt()
            except _Passing as failure:
                if tried >= failure.tries:
                    raise failure.error from None
            await asyncio.sleep(self._pause * 2**tried * random.uniform(0.5, 1.5))
        raise AssertionError("unreachable: the last failure was raised")

    async def _ask(self, model: str, body: bytes, turn: int) -> ModelAnswer:
        reply = Reply(turn)
        try:
            await self._receive(model, body, reply)
            return reply.finish()
        except httpx.TransportError as error:
            raise _Passing(self._lost(error)) from None
        except ModelUnavailable as error:  # said inside the stream
            raise _Passing(error) from None
        except ModelMisspoke as error:
            if reply.done:
                raise
            raise _Passing(error) from None  # a broken stream: nothing of it was used

    async def _receive(self, model: str, body: bytes, reply: Reply) -> None:
        """Feed the lines of an answer to `reply`. The first byte has a deadline of its own."""
        headers = {"content-type": "application/json"}
        asked = self._clients.here().stream("POST", "/api/chat", content=body, headers=headers)
        rest, read = b"", 0
        try:
            async with asyncio.timeout(self._deadlines.first_byte) as first_byte, asked as response:
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
        except TimeoutError:
            raise self._too_slow("sent nothing", self._deadlines.first_byte) from None
        if rest.strip():
            reply.take(rest)

    async def _json(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = await self._clients.here().request(method, path, json=body)
        except httpx.TransportError as error:
            raise _Passing(self._lost(error)) from None
        if response.status_code != 200:
            self._refuse(response.status_code, response.content, (body or {}).get("model", ""))
        try:
            parsed = response.json()
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise ModelMisspoke(f"What answers at {self.url} is not an Ollama server.")
        return parsed

    def _refuse(self, status: int, body: bytes, model: str) -> NoReturn:
        error = ollama_errors.explain(status, body, model)
        if status in (429, 502, 503, 504):
            raise _Passing(error)
        if status >= 500:
            raise _Passing(error, tries=1)
        raise error

    def _lost(self, error: httpx.TransportError) -> ModelUnavailable:
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return ollama_errors.unreachable(self.url, repr(error))
        return ModelUnavailable("The connection to the model server broke.", detail=repr(error))

    def _too_slow(self, what: str, seconds: float) -> ModelTimeout:
        return ModelTimeout(
            f"The model server {what} within {seconds:g} seconds.", hint="Choose a smaller model, or allow more time."
        )

    async def _installed(self) -> list[str]:
        """Return the names of installed models, or none if the server will not say: this only serves a hint."""
        try:
            listed = await self._json("GET", "/api/tags")
        except (ModelError, _Passing):
            return []
        return [str(entry.get("name", "")) for entry in listed.get("models") or ()]

    async def _check_cut(self, model: str, estimated: int, counted: int, planned: int) -> None:
        """Raise `ModelMisspoke` if the server read far less than was sent, because its context is smaller than asked.

        Some versions do not count what they had cached, so the size of the loaded context decides.
        """
        if estimated < _CHECKED_FROM or counted == 0 or counted * 2 >= estimated:
            return
        try:
            running = (await self._json("GET", "/api/ps")).get("models") or []
        except (ModelError, _Passing):
            running = []
        for entry in running:
            if entry.get("name") == model and (entry.get("context_length") or 0) >= planned:
                return
        raise ModelMisspoke(
            f"The model server read {counted} tokens of a prompt of about {estimated}: it cut the prompt.",
            hint="Update Ollama, or set OLLAMA_CONTEXT_LENGTH on the server.",
        )


def _info(name: str, shown: dict[str, Any]) -> ModelInfo:
    """Return what `/api/show` said about a model."""
    details = shown.get("details") or {}
    return ModelInfo(
        name=name,
        parameter_size=str(details.get("parameter_size") or ""),
        capabilities=[str(word) for word in shown.get("capabilities") or ()],
        context_length=context_length(shown.get("model_info") or {}),
        licence=catalogue().recognise(str(shown.get("license") or "")).licence,
    )
