"""FAKE: a server that speaks Ollama's protocol and plays a script; no language model.

`python -m tests.faults.fake_model DIARY PORT`. Asked first, it wants the first tool called for the `reference` of the
task; shown that result, the second tool; then it says that it is done. What it was asked stands in its diary. How it
misbehaves is ordered by `POST /faults`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from itertools import count, islice
from pathlib import Path
from typing import Any

from tests.faults.diary import Diary
from tests.faults.loopback import Exchange, serve

NAME = "scripted:1b"
#: No fault lasts longer than this, in seconds.
LONGEST_S = 60.0
_COUNTS = {"done": True, "done_reason": "stop", "total_duration": 9, "prompt_eval_count": 90, "eval_count": 9}
_HEAD = {"model": NAME, "created_at": "2026-01-01T00:00:00Z"}
_KNOWN: dict[str, dict[str, Any]] = {
    "/api/version": {"version": "0.0.0-fake"},
    "/api/tags": {"models": [{"name": NAME, "model": NAME, "size": 1}]},
    "/api/ps": {"models": [{"name": NAME, "context_length": 131_072}]},
    "/api/show": {"capabilities": ["completion", "tools"], "details": {}, "model_info": {}},
}


class Mouth(Exchange):
    """Where questions are answered."""

    diary: Diary
    lock = threading.Lock()
    #: What goes wrong next where a reference holds `match`: `{"do": "slow", "match": "", "times": 1, "seconds": 1.0}`.
    #: `slow` and `drip` answer in the end, `endless` and `flood` break off, `hang` drops; `status`, `garbage`.
    faults: list[dict[str, Any]] = []  # noqa: RUF012  # one server, one list
    _begun = False

    def do_GET(self) -> None:
        self.answer(200, _KNOWN[self.path])

    def do_POST(self) -> None:
        sent = self.body()
        if self.path == "/faults":
            type(self).faults = sent["faults"]
            self.answer(200, {})
        elif self.path == "/api/chat":
            self._chat(sent)
        else:
            self.answer(200, _KNOWN[self.path])

    def _chat(self, request: dict[str, Any]) -> None:
        turn = sum(message["role"] == "assistant" for message in request["messages"])
        reference = _reference(request)
        self.diary.write("asked", reference=reference, turn=turn)
        fault = self._fault(reference)
        if fault is not None and not self._misbehaved(fault, reference):
            return
        message = {"role": "assistant", **_said(request, turn, reference)}
        nothing = {"role": "assistant", "content": ""}
        self._stream([{**_HEAD, "message": message, "done": False}, {**_HEAD, "message": nothing, **_COUNTS}])
        self.diary.write("answered", reference=reference, turn=turn)

    def _fault(self, reference: str) -> dict[str, Any] | None:
        with self.lock:
            mine = (one for one in self.faults if one.get("match", "") in reference)
            fault = next((one for one in mine if one.setdefault("times", 1)), None)
            if fault is not None:
                fault["times"] -= 1
            return fault

    def _misbehaved(self, fault: dict[str, Any], reference: str) -> bool:
        """Do what was ordered. True if the answer comes after it all the same."""
        self.diary.write("fault", do=fault["do"], reference=reference)
        seconds = min(float(fault.get("seconds", 1.0)), LONGEST_S)
        if fault["do"] == "status":
            self.answer(int(fault.get("status", 500)), {"error": "the runner has terminated"})
        elif fault["do"] == "garbage":
            self._stream(["<html>Bad gateway</html>"])
        elif fault["do"] in ("drip", "endless", "flood"):
            self._drip(seconds, flood=fault["do"] == "flood")
        elif fault["do"] == "hang":
            time.sleep(seconds)
            self.drop()
        else:
            time.sleep(seconds)
        return fault["do"] in ("slow", "drip")

    def _drip(self, seconds: float, *, flood: bool) -> None:
        """A word every now and then, or (`flood`) as many as the line takes. None comes twice, as that is noticed."""
        end, said = time.monotonic() + seconds, count(1)
        while time.monotonic() < end:
            words = " ".join(f"well {number}," for number in islice(said, 1000 if flood else 1))
            self._stream([{**_HEAD, "message": {"role": "assistant", "content": words}, "done": False}])
            time.sleep(0 if flood else 0.1)

    def _stream(self, lines: list[Any]) -> None:
        if not self._begun:
            self._begun = True
            self.send_response_only(200)
            self.send_header("Content-Type", "application/x-ndjson")
            self.end_headers()
        for line in lines:
            self.wfile.write((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")


def _reference(request: dict[str, Any]) -> str:
    """What the task names as `reference`."""
    task = next(message["content"] for message in request["messages"] if message["role"] == "user")
    data, _ = json.JSONDecoder().raw_decode(task.partition("\n\n")[2])  # what was looked up may stand behind it
    return str(data["reference"])


def _said(request: dict[str, Any], turn: int, reference: str) -> dict[str, Any]:
    tools = [tool["function"]["name"] for tool in request.get("tools", [])]
    if turn >= len(tools):
        return {"content": "Done."}
    arguments = {"reference": reference} if turn == 0 else {"reference": reference, "text": "as asked"}
    return {"content": "", "tool_calls": [{"id": "1", "function": {"name": tools[turn], "arguments": arguments}}]}


def main() -> None:
    print("FAKE MODEL SERVER, scripted, written for the tests of Kontora.", file=sys.stderr, flush=True)
    Mouth.diary = Diary(Path(sys.argv[1]))
    serve(Mouth, int(sys.argv[2]))


if __name__ == "__main__":
    main()
