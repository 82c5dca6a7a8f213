"""A small model server whose models a test lays out: licences, claims, what they answer, and how they are fetched.

It speaks Ollama's protocol, and OpenAI's below `/v1`.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kontora_agents.trials.exercise import Exercise, exercises

from tests.house import ROOT

APACHE = (ROOT / "LICENSE").read_text(encoding="utf-8")
MIT = """MIT License

Copyright (c) [year] [fullname]

Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal in it.
The above copyright notice and this permission notice shall be included in all copies or substantial portions of it.
"""
COHERE = """Attribution-NonCommercial 4.0 International

The C4AI Acceptable Use Policy of https://docs.cohere.com/docs/c4ai-acceptable-use-policy is part of this licence.
"""

#: From the request to (text, calls).
Answers = Callable[[dict[str, Any]], tuple[str, list[dict[str, Any]]]]


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"function": {"name": tool, "arguments": arguments}}


def able(request: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Calls the tool of the probe, and reads long prompts."""
    asked = request["messages"][-1]["content"]
    if request.get("tools"):
        return "", [call("stock_level", item="Q-417")]
    if request.get("response_format"):  # told of the tool in writing
        return json.dumps({"tool": "stock_level", "arguments": {"item": "Q-417"}}), []
    return ("heron-58" if "word of the day" in asked else "1, 2, 3"), []


def talks(request: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Talks about tools and calls none."""
    return "I would look that up now.", []


def clerk(request: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Does every exercise of the bench right, one call after the other."""
    asked = next(one["content"] for one in request["messages"] if one["role"] == "user")
    exercise = next(one for one in exercises() if one.asks == asked)
    made = sum(one["role"] == "tool" for one in request["messages"])
    steps = [*map(_read(exercise), exercise.reads), *(call("create_reminder", **one) for one in exercise.writes)]
    if made < len(steps):
        return "", [steps[made]]
    return " ".join(choices[0] for choices in exercise.says) or "Done.", []


def _read(exercise: Exercise) -> Callable[[Any], dict[str, Any]]:
    name = "Север" if exercise.language == "ru" else "Nordwind"
    return lambda read: call(
        read.tool, **(read.arguments or {"name": name if exercise.id == "two-steps" else "Nobody"})
    )


@dataclass
class Model:
    """One model of the shop."""

    licence: str = APACHE
    tools: bool = True
    digest: str = "d1"
    context: int = 40960
    answers: Answers = able


@dataclass
class Shop:
    """What is installed, what can be fetched, and what was asked."""

    models: dict[str, Model]
    library: dict[str, Model] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    last: dict[str, Any] = field(default_factory=dict)
    running: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    url: str = ""


@contextmanager
def model_shop(models: dict[str, Model], library: dict[str, Model] | None = None) -> Iterator[Shop]:
    shop = Shop(models, library or {})
    handler = type("Handler", (_Handler,), {"shop": shop})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    shop: Shop

    def do_GET(self) -> None:
        self.shop.asked[self.path] += 1
        tags = [
            {"name": name, "model": name, "size": 42, "digest": model.digest, "details": {"parameter_size": "8B"}}
            for name, model in self.shop.models.items()
        ]
        answers: dict[str, dict[str, Any]] = {
            "/api/tags": {"models": tags},
            "/api/ps": {"models": self.shop.running},
            "/v1/models": {"object": "list", "data": [{"id": name} for name in self.shop.models]},
            "/api/version": {"version": "0.33.0"},
        }
        self._send(200, [answers[self.path]])

    def do_POST(self) -> None:
        self.shop.asked[self.path] += 1
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = request["model"]
        if self.path == "/api/pull":
            self._pull(name)
        elif (model := self._installed(name)) is None:
            self._send(404, [{"error": f"model '{name}' not found"}])
        elif self.path == "/api/show":
            capabilities = ["completion", "tools"] if model.tools else ["completion"]
            facts = {"general.architecture": "qwen3", "qwen3.context_length": model.context}
            shown = {"capabilities": capabilities, "model_info": facts, "details": {"parameter_size": "8B"}}
            self._send(200, [shown | ({"license": model.licence} if model.licence else {})])
        elif self.path == "/v1/chat/completions":
            self.shop.keys.add(self.headers.get("authorization"))
            self._complete(name, model, request)
        else:
            self.shop.last = request
            text, calls = model.answers(request)
            message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
            counts = {"prompt_eval_count": 6000, "eval_count": 40, "done": True, "done_reason": "stop"}
            self._send(200, [{"model": name, "message": message, **counts}])

    def _complete(self, name: str, model: Model, request: dict[str, Any]) -> None:
        if request.get("tools") and not model.tools:
            message = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
            self._send(400, [{"error": {"message": message, "type": "BadRequestError"}}])
            return
        text, made = model.answers(request)
        calls = []
        for number, wish in enumerate(made):
            tool, arguments = wish["function"]["name"], json.dumps(wish["function"]["arguments"], ensure_ascii=False)
            function = {"name": tool, "arguments": arguments}
            calls.append({"id": f"call_{number}", "type": "function", "function": function})
        said = {"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})}
        choice = {"index": 0, "message": said, "finish_reason": "tool_calls" if calls else "stop"}
        usage = {"prompt_tokens": 6000, "completion_tokens": 40}
        self._send(200, [{"object": "chat.completion", "model": name, "choices": [choice], "usage": usage}])

    def _installed(self, name: str) -> Model | None:
        return self.shop.models.get(name) or self.shop.models.get(f"{name}:latest")

    def _pull(self, name: str) -> None:
        if name not in self.shop.library:
            self._send(200, [{"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}])
            return
        self.shop.models[name] = self.shop.library[name]
        part = {"status": "pulling d1", "digest": "sha256:d1", "total": 1000}
        done = [{**part, "completed": n} for n in (0, 500, 1000)]
        self._send(200, [{"status": "pulling manifest"}, *done, {"status": "success"}])

    def _send(self, status: int, lines: list[dict[str, Any]]) -> None:
        data = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests read what is asked, not a log."""
