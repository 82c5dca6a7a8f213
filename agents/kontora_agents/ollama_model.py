"""A model behind an Ollama server, asked over its own protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

from kontora_agents import ollama_errors, prompt_mode
from kontora_agents.catalogue import catalogue
from kontora_agents.errors import ModelError, ModelMissing, ModelMisspoke
from kontora_agents.model import ModelInfo, context_length
from kontora_agents.model_http import DEADLINES, Deadlines, ModelHttp, Passing
from kontora_agents.ollama_wire import Reply, write_request
from kontora_agents.seams import ModelAnswer, ModelRequest
from kontora_agents.tokens import ANSWER, Estimates, plan_context, seems_cut, with_estimates


class OllamaModel:
    """The models of one Ollama server.

    One instance serves a process. Each event loop that asked must `aclose()` before it ends (`async with` does).
    `stream=False` asks for answers in one piece; deadlines then only see the first byte of the whole. `corrected` puts
    right what a server says about a model, by what was tried. A model that cannot call tools is told of them in writing
    (see `prompt_mode`).
    """

    def __init__(
        self,
        url: str,
        *,
        deadlines: Deadlines = DEADLINES,
        stream: bool = True,
        pause: float = 0.5,
        corrected: Callable[[ModelInfo], ModelInfo] = lambda info: info,
        keep_alive: str = "",
    ) -> None:
        """`keep_alive`: how long the server keeps a model after a question (`30m`); empty: as it is set."""
        self._http = ModelHttp(url, deadlines=deadlines, pause=pause)
        self._stream = stream
        self._corrected, self._keep_alive = corrected, keep_alive
        self._known: dict[str, ModelInfo] = {}
        self._estimates = Estimates()
        self._in_writing: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._http.aclose()

    async def show(self, name: str) -> ModelInfo:
        """Return what the server says about a model; asked once. Raises `ModelError`."""
        if name not in self._known:
            try:
                async with asyncio.timeout(self._http.deadlines.first_byte):
                    asked = {"model": name}
                    shown = await self._http.again(lambda: self._http.json("POST", "/api/show", asked))
            except ModelMissing:
                raise ollama_errors.missing(name, await self._installed()) from None
            except TimeoutError:
                seconds = self._http.deadlines.first_byte
                raise self._http.too_slow("said nothing about the model", seconds) from None
            self._known[name] = self._corrected(_info(name, shown))
        return self._known[name]

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Ask a model. Asks again by itself only where nothing ran. Raises `ModelError`."""
        info = await self.show(request.model)
        turn = sum(message.role == "assistant" for message in request.messages)
        if not request.tools or (info.calls_tools and request.model not in self._in_writing):
            try:
                return await self._ask(request, info, turn)
            except ollama_errors.NoTools:  # the server had said otherwise
                self._in_writing.add(request.model)
        form = prompt_mode.answer_format(request.tools)
        return prompt_mode.read(await self._ask(prompt_mode.in_writing(request), info, turn, form), turn)

    def writes(self, name: str) -> bool:
        """Whether a model that was asked is told of its tools in writing: it cannot call any."""
        return name in self._in_writing or not self._known[name].calls_tools

    async def warm(self, name: str) -> None:
        """Let the server load a model, in the context that most questions need. Raises `ModelError`."""
        info = await self.show(name)
        options = {"num_ctx": plan_context(0, ANSWER, info.context_length)}
        body = {"model": name, "messages": [], "stream": False, "options": options}
        body |= {"keep_alive": self._keep_alive} if self._keep_alive else {}
        seconds = self._http.deadlines.first_byte
        try:
            async with asyncio.timeout(seconds):
                await self._http.again(lambda: self._http.json("POST", "/api/chat", body))
        except TimeoutError:
            raise self._http.too_slow(f"did not load {name}", seconds) from None

    async def _ask(
        self, request: ModelRequest, info: ModelInfo, turn: int, form: dict[str, Any] | None = None
    ) -> ModelAnswer:
        prompt = self._estimates.of(request)
        most = request.options.get("num_predict", ANSWER)
        planned = {"temperature": 0, "num_predict": most, "num_ctx": plan_context(prompt, most, info.context_length)}
        options = planned | request.options
        thinks = "thinking" in info.capabilities
        body = write_request(
            request,
            options,
            stream=self._stream,
            thinks=thinks,
            answer_format=form,
            keep_alive=self._keep_alive,
        )
        try:
            answer = await self._http.ask(request.model, "/api/chat", body, lambda: Reply(turn))
        except ModelMissing:
            self._known.pop(request.model, None)
            raise
        if answer.finish == "endless":
            return with_estimates(answer, prompt)
        await self._check_cut(request.model, prompt, answer.prompt_tokens, options["num_ctx"])
        self._estimates.learn(request, answer.prompt_tokens)
        return answer

    async def _installed(self) -> list[str]:
        """Return the names of installed models, or none if the server will not say: this only serves a hint."""
        try:
            listed = await self._http.json("GET", "/api/tags")
        except (ModelError, Passing):
            return []
        return [str(entry.get("name", "")) for entry in listed.get("models") or ()]

    async def _check_cut(self, model: str, estimated: int, counted: int, planned: int) -> None:
        """Raise `ModelMisspoke` if the server read far less than was sent, because its context is smaller than asked.

        Some versions do not count what they had cached, so the size of the loaded context decides.
        """
        if not seems_cut(estimated, counted):
            return
        try:
            running = (await self._http.json("GET", "/api/ps")).get("models") or []
        except (ModelError, Passing):
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
