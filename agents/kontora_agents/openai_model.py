"""A model behind an OpenAI-compatible server: vLLM, LM Studio, llama.cpp, FastChat, or a hosted service."""

from __future__ import annotations

import asyncio
import difflib
from typing import Any, Self

from kontora_agents import openai_errors, prompt_mode
from kontora_agents.errors import ModelError, ModelMissing, ModelMisspoke
from kontora_agents.model import ModelInfo
from kontora_agents.model_http import DEADLINES, Deadlines, ModelHttp
from kontora_agents.ollama_errors import NoTools
from kontora_agents.openai_errors import Quirk
from kontora_agents.openai_wire import QUIRKS, Events, write_request
from kontora_agents.seams import ModelAnswer, ModelRequest
from kontora_agents.tokens import ANSWER, Estimates, check_fit, seems_cut, with_estimates


class OpenAIModel:
    """The models of one server. `url` ends before `/chat/completions`, mostly in `/v1`.

    What the server does not take is found out by its refusal and left out from then on; a model that it takes no tools
    for is told of them in writing (see `prompt_mode`).
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        deadlines: Deadlines = DEADLINES,
        stream: bool = True,
        pause: float = 0.5,
        writes: bool = False,
    ) -> None:
        """`key`: bearer token; `writes`: tools are told in writing from the start."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._http = ModelHttp(url, deadlines=deadlines, pause=pause, explain=openai_errors.explain, headers=headers)
        self._stream, self._writes = stream, writes
        self._known: dict[str, ModelInfo] | None = None
        self._in_writing: set[str] = set()
        self._quirks: set[str] = set()
        self._estimates = Estimates()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of the running event loop."""
        await self._http.aclose()

    async def models(self) -> dict[str, ModelInfo]:
        """The models of the server by name; asked once. Raises `ModelError`."""
        if self._known is None:
            try:
                async with asyncio.timeout(self._http.deadlines.first_byte):
                    listed = await self._http.again(lambda: self._http.json("GET", "/models"))
            except TimeoutError:
                seconds = self._http.deadlines.first_byte
                raise self._http.too_slow("did not list its models", seconds) from None
            entries = listed.get("data")
            if not isinstance(entries, list):
                raise ModelMisspoke(f"What answers at {self._http.url} is not an OpenAI-compatible server.")
            self._known = {info.name: info for entry in entries if (info := _info(entry)) is not None}
        return self._known

    async def show(self, name: str) -> ModelInfo:
        """What the server says about a model, which is little; of one that it does not list, nothing.

        Servers know models under other names, and some list none: what they do not have they refuse when asked.
        Raises `ModelError`.
        """
        try:
            known = await self.models()
        except ModelMisspoke:
            known = {}
        return known.get(name) or ModelInfo(name=name)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Ask a model. Asks again by itself only where nothing ran. Raises `ModelError`."""
        context = (await self.show(request.model)).context_length
        turn = sum(message.role == "assistant" for message in request.messages)
        try:
            if not request.tools or not (self._writes or request.model in self._in_writing):
                try:
                    return await self._ask(request, context, turn)
                except NoTools:
                    if not request.tools:
                        raise
                    self._in_writing.add(request.model)
            return await self._answer_in_writing(request, context, turn)
        except ModelMissing:
            raise self._missing(request.model) from None

    def writes(self, name: str) -> bool:
        """Whether a model is told of its tools in writing: its server takes none."""
        return self._writes or name in self._in_writing

    def _missing(self, name: str) -> ModelMissing:
        known, self._known = self._known or {}, None
        near = difflib.get_close_matches(name, known, 1, 0.4)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        served = ", ".join(list(known)[:5]) or "none"
        return ModelMissing(f"The model server has no model {name!r}.", hint=f"{meant}It serves: {served}.")

    async def _answer_in_writing(self, request: ModelRequest, context: int | None, turn: int) -> ModelAnswer:
        form = prompt_mode.answer_format(request.tools)
        answer = await self._ask(prompt_mode.in_writing(request), context, turn, form)
        return prompt_mode.read(answer, turn)

    async def _ask(
        self, request: ModelRequest, context: int | None, turn: int, form: dict[str, Any] | None = None
    ) -> ModelAnswer:
        estimated, most = self._estimates.of(request), request.options.get("num_predict", ANSWER)
        check_fit(estimated, context)
        for _ in range(len(QUIRKS) + 1):
            body = write_request(request, most=most, stream=self._stream, without=self._quirks, answer_format=form)
            try:
                answer = await self._http.ask(request.model, "/chat/completions", body, lambda: Events(turn))
            except Quirk as quirk:
                if quirk.name in self._quirks:
                    raise
                self._quirks.add(quirk.name)
                continue
            if answer.finish == "endless":
                return with_estimates(answer, estimated)
            self._check_cut(estimated, answer.prompt_tokens)
            self._estimates.learn(request, answer.prompt_tokens)
            return answer
        raise ModelError("The model server refused the request in every form.")

    def _check_cut(self, estimated: int, counted: int) -> None:
        """Raise `ModelMisspoke` if the server read far less than was sent."""
        if seems_cut(estimated, counted):
            raise ModelMisspoke(
                f"The model server read {counted} tokens of a prompt of about {estimated}: it cut the prompt.",
                hint="Start the model with a longer context, and without cutting prompts.",
            )


def _info(entry: Any) -> ModelInfo | None:
    if not isinstance(entry, dict) or not entry.get("id"):
        return None
    meta = entry.get("meta") if isinstance(entry.get("meta"), dict) else {}
    lengths = (entry.get("max_model_len"), entry.get("context_length"), (meta or {}).get("n_ctx_train"))
    length = next((length for length in lengths if isinstance(length, int) and length > 0), None)
    return ModelInfo(name=str(entry["id"]), context_length=length)
