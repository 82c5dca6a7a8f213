"""Telling what happens in a run while it happens: a line for each step, tool call, answer and file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kontora_cli.output import fancy, note

#: An entry of the ledger as `/runs/{id}/events` sends it: run, item, kind, key, body.
Event = Mapping[str, Any]

_STATES = {
    "queued": "waits for a worker",
    "failed": "failed",
    "needs_review": "waits for a person: nobody knows whether a write was done",
    "timed_out": "ran out of time",
    "cancelled": "was cancelled",
}


class Teller:
    """Prints events to stderr. `titles` are the titles of the run's steps by id."""

    def __init__(self, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._colour = fancy(sys.stderr)
        self._bullet = "▸" if (sys.stderr.encoding or "").lower().startswith("utf") else ">"

    def tell(self, event: Event) -> None:
        """Print one event; most kinds are worth no line."""
        say = _TOLD.get(str(event["kind"]))
        if say is not None:
            say(self, event, event["body"])

    def _step(self, event: Event, body: Mapping[str, Any]) -> None:
        if event["item"] is None:
            title = self._titles.get(str(event["key"]), event["key"])
            note(self._paint(f"{self._bullet} {title}", "1"))

    def _call(self, event: Event, body: Mapping[str, Any]) -> None:
        outcome = body["outcome"]
        ended = f"{body['ms']} ms" if "ms" in body else body.get("error", {}).get("message", "")
        good = outcome in ("ok", "reconciled")
        self._line(event, body["tool"], self._paint(f"{outcome:<8}", "32" if good else "33"), ended)

    def _unknown(self, event: Event, body: Mapping[str, Any]) -> None:
        self._line(event, body["tool"], self._paint("unknown ", "31"), body["why"])

    def _answer(self, event: Event, body: Mapping[str, Any]) -> None:
        agent = str(event["key"]).split("/")[1]
        if agent.startswith("_"):
            return  # a model that picks who speaks: what became of it is told
        calls = len(body["calls"])
        said = f"asks for {calls} tool call{'s' if calls > 1 else ''}" if calls else "answers"
        self._line(event, f"{agent} {said}", "", "rehearsal" if body["rehearsal"] else body["model"])

    def _speaker(self, event: Event, body: Mapping[str, Any]) -> None:
        self._line(event, f"{body['speaker']} speaks", "", "picked" if body["by"] == "model" else "next in order")

    def _limit(self, event: Event, body: Mapping[str, Any]) -> None:
        self._line(event, str(event["key"]).split("/")[1], self._paint("limit   ", "33"), f"{body['limit']} used up")

    def _repaired(self, event: Event, body: Mapping[str, Any]) -> None:
        for repair in body["repairs"]:
            self._line(event, repair["tool"], self._paint("repaired", "33"), f"{repair['what']}: {repair['why']}")

    def _approval(self, event: Event, body: Mapping[str, Any]) -> None:
        self._line(event, body["tool"], self._paint("waits   ", "33"), f"for a person: {body['approval']}")

    def _escalated(self, event: Event, body: Mapping[str, Any]) -> None:
        where = f"{body['model']} at {body['server']} ({body['zone']})"
        self._line(event, f"{str(event['key']).split('/')[1]} escalates", self._paint("approved", "33"), where)

    def _unescalated(self, event: Event, body: Mapping[str, Any]) -> None:
        self._line(event, f"{str(event['key']).split('/')[1]} escalates", self._paint("not     ", "33"), body["why"])

    def _file(self, event: Event, body: Mapping[str, Any]) -> None:
        self._line(event, body["name"], "", f"{body['size'] / 1000:,.0f} kB")

    def _state(self, event: Event, body: Mapping[str, Any]) -> None:
        if body["state"] in _STATES and (body["state"] != "queued" or "error" in body):
            why = body.get("error", {}).get("message", "")
            self._line(event, "the run", self._paint(_STATES[body["state"]], "33"), why)

    def _line(self, event: Event, what: str, how: str, rest: str) -> None:
        about = f"{event['item']}  {what}" if event["item"] else what
        note(f"    {about:<46} {how}{' ' if how else ''}{rest}".rstrip())

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


_TOLD: dict[str, Callable[[Teller, Event, Mapping[str, Any]], None]] = {
    "step.started": Teller._step,
    "tool.outcome": Teller._call,
    "tool.unknown": Teller._unknown,
    "model.answered": Teller._answer,
    "model.repaired": Teller._repaired,
    "speaker.chosen": Teller._speaker,
    "limit.reached": Teller._limit,
    "approval.requested": Teller._approval,
    "model.escalated": Teller._escalated,
    "escalation.refused": Teller._unescalated,
    "artifact.written": Teller._file,
    "run.state": Teller._state,
}


def titles_of(steps: Sequence[Mapping[str, Any]], language: str = "en") -> dict[str, str]:
    """The titles of steps by id, in one language; a step without a title is called by its id."""
    return {step["id"]: in_language(step["title"] or step["id"], language) for step in steps}


def in_language(text: str | Mapping[Any, str], language: str = "en") -> str:
    """A text of a workflow in one language, else in one that it has."""
    return text if isinstance(text, str) else text.get(language) or next(iter(text.values()), "")
