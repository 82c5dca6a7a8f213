"""What the demo says to the API, and hears from it: plain HTTP, as any program would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx

from kontora_cli.failures import RUN_FAILED, UNAVAILABLE, CliError


class DemoClient:
    """A client of one API. Raises `CliError` for what the API refuses."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30.0)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: str) -> Any:
        """Fetch one document."""
        return self._read(self._http.get(path, params=query))

    def start(self, workflow: str, inputs: dict[str, str]) -> dict[str, Any]:
        """Start a run over REST."""
        started: dict[str, Any] = self._read(
            self._http.post(f"/api/v1/workflows/{workflow}/runs", json={"inputs": inputs})
        )
        return started

    def events(self, run_id: str) -> Iterator[dict[str, Any]]:
        """What happens in a run, from its beginning; ends when the run has ended.

        Yields an empty event at every pause, so that the caller can look at other things.
        """
        after = ""
        while True:
            timeout = httpx.Timeout(30.0, read=0.5)
            headers = {"Last-Event-ID": after} if after else {}
            try:
                with self._http.stream(
                    "GET", f"/api/v1/runs/{run_id}/events", headers=headers, timeout=timeout
                ) as answer:
                    if answer.status_code != 200:
                        answer.read()
                        self._read(answer)
                    for name, id_, data in _messages(answer.iter_lines()):
                        if name == "end":
                            return
                        after = id_ or after
                        yield data
            except httpx.ReadTimeout:
                yield {}

    def _read(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json()
        try:
            problem = answer.json()
        except ValueError:
            problem = {"title": "The API refused.", "detail": f"It answered {answer.status_code}."}
        exit_code = UNAVAILABLE if answer.status_code >= 500 else RUN_FAILED
        next_ = problem.get("hint") or "kontora doctor"
        raise CliError(exit_code, problem.get("code", "refused"), problem["title"], problem.get("detail", ""), next_)


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Read a stream of server-sent events: name, id, data. Comments are passed over."""
    name, id_, data = "message", "", ""
    for line in lines:
        if line:
            field, _, value = line.partition(": ")
            name = value if field == "event" else name
            id_ = value if field == "id" else id_
            data = value if field == "data" else data
            continue
        if data:
            yield name, id_, json.loads(data)
        name, id_, data = "message", "", ""
