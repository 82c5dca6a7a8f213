"""FAKE: an ERP that was written for these tests and resembles no product. `python -m tests.faults.fake_erp DIARY PORT`.

It books records, and each of its four doors treats the caller's key as one family of real systems does:
`native_key` a repeated key is answered with the first record; `unique_reference` it is refused; `lookup` it is stored
and can be searched, and repeats are booked again; `none` it is thrown away.

Its diary is the oracle: what is not in there did not happen, and what is in there twice happened twice. Restarted on
the same diary it remembers everything. Faults are ordered by `POST /faults`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.faults.diary import Diary, read_diary
from tests.faults.loopback import Exchange, serve

#: No fault lasts longer than this, in seconds.
LONGEST_S = 60.0


@dataclass
class Fault:
    """Something that goes wrong, `times` times, where a reference holds `match`.

    `slow` takes `seconds`; `hang` says nothing for as long and then drops; `drop` resets the connection; `half` cuts
    the answer; `status` refuses with a status; `crash` ends the server. `when`: before or after the booking.
    """

    do: Literal["slow", "hang", "drop", "half", "status", "crash"]
    on: Literal["write", "read", "lookup"] = "write"
    when: Literal["before", "after"] = "before"
    match: str = ""
    times: int = 1
    skip: int = 0
    seconds: float = 1.0
    status: int = 503


class Books:
    """What is booked, and what shall go wrong. Safe to use from any thread."""

    def __init__(self, path: Path) -> None:
        self.diary = Diary(path)
        self._lock = threading.Lock()
        self._booked = [event for event in read_diary(path) if event["what"] == "booked"]
        self._by_key = {event["key"]: event for event in self._booked if event["key"]}
        self._faults: list[Fault] = []

    def order_faults(self, faults: Iterable[dict[str, Any]], *, match: str | None) -> None:
        """Let these go wrong from now on; with `match`, in the place of those that matched the same."""
        with self._lock:
            kept = [one for one in self._faults if match is not None and one.match != match]
            self._faults = kept + [Fault(**one) for one in faults]

    def fault(self, on: str, when: str, reference: str) -> Fault | None:
        """The fault that is due now."""
        with self._lock:
            for fault in self._faults:
                if (fault.on, fault.when) != (on, when) or fault.match not in reference or not fault.times:
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def book(self, door: str, reference: str, key: str, text: str) -> tuple[int, dict[str, Any]]:
        """Book a record as the door does it."""
        with self._lock:
            known = self._by_key.get(key) if door in ("native_key", "unique_reference") else None
            if known is not None:
                self.diary.write("repeated", reference=reference, key=key, number=known["number"])
                return (200, _shown(known)) if door == "native_key" else (409, {"error": "this reference exists"})
            booked = {
                "number": len(self._booked) + 1,
                "reference": reference,
                "key": "" if door == "none" else key,
                "text": text,
            }
            self.diary.write("booked", door=door, **booked)
            self._booked.append(booked)
            if booked["key"]:
                self._by_key.setdefault(key, booked)
            return 201, _shown(booked)

    def find(self, key: str) -> dict[str, Any] | None:
        """The first record under a key."""
        with self._lock:
            found = self._by_key.get(key)
            return _shown(found) if found else None


def _shown(booked: dict[str, Any]) -> dict[str, Any]:
    return {name: booked[name] for name in ("number", "reference", "text")}


class Counter(Exchange):
    """Where callers are served."""

    books: Books

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(place.query).items()}
        reference = given.get("reference", "")
        on = "lookup" if place.path == "/records" else "read"
        self.books.diary.write("looked up" if on == "lookup" else "read", reference=reference, key=given.get("key"))
        if self._goes_wrong(on, "before", reference):
            return
        if on == "lookup":
            self.answer(200, {"record": self.books.find(given["key"])})
        else:
            self.answer(200, {"reference": reference, "on_hand": 7, "lines": ["a", "b"]})

    def do_POST(self) -> None:
        sent = self.body()
        if self.path == "/faults":
            self.books.order_faults(sent["faults"], match=sent.get("match"))
            self.answer(200, {})
            return
        door, reference, key = self.path.split("/")[1], sent["reference"], sent["key"]
        self.books.diary.write("asked", door=door, reference=reference, key=key)
        if self._goes_wrong("write", "before", reference):
            return
        status, document = self.books.book(door, reference, key, sent["text"])
        if not self._goes_wrong("write", "after", reference, document):
            self.answer(status, document)
            self.books.diary.write("answered", reference=reference, key=key, status=status)

    def _goes_wrong(self, on: str, when: str, reference: str, document: Any = None) -> bool:
        """Do what was ordered. False if the caller is to be served as if nothing was."""
        fault = self.books.fault(on, when, reference)
        if fault is None:
            return False
        self.books.diary.write("fault", do=fault.do, on=on, when=when, reference=reference)
        if fault.do == "crash":
            os._exit(9)
        if fault.do in ("slow", "hang"):
            time.sleep(min(fault.seconds, LONGEST_S))
        if fault.do == "status":
            self.answer(fault.status, {"error": "not now"})
        elif fault.do == "half":
            self.answer(201, document, cut=True)
        elif fault.do in ("drop", "hang"):
            self.drop()
        return fault.do != "slow"


def main() -> None:
    print("FAKE ERP, written for the tests of Kontora; not a product.", file=sys.stderr, flush=True)
    Counter.books = Books(Path(sys.argv[1]))
    serve(Counter, int(sys.argv[2]))


if __name__ == "__main__":
    main()
