"""What a run has done so far, by key, and the pen to go on writing."""

from __future__ import annotations

import json
from typing import Any

from kontora_workflows.engine.signals import StepFailed
from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import Entry, canonical
from kontora_workflows.ledger.entries import Head
from kontora_workflows.ledger.open_writes import open_writes
from kontora_workflows.ledger.run import Claim

#: What took less than this may be done again, so that it is only noted, in seconds.
QUICK_S = 0.5


class Journal:
    """The entries of one claimed run. A key that was answered before the claim gives the recorded answer."""

    def __init__(self, ledger: Ledger, claim: Claim) -> None:
        self.ledger, self.run = ledger, claim.run
        seen, root = (claim.run.head_seq, claim.run.head_hash), claim.run.parent_id is None
        self.head = Head(claim.run.id, claim.fence, *seen, claim.claimed_at, root=root)
        new = claim.run.head_seq <= 2  # its creation and this claim: nothing that anybody asks for
        self._entries = [] if new else ledger.entries.of_run(claim.run.id)
        self._last: dict[tuple[str, str | None], Entry] = {(e.kind, e.key): e for e in self._entries}
        self._payloads = {} if new else ledger.entries.payloads(claim.run.id)
        self._notes: list[tuple[Entry, Any]] = []
        #: Tries at what is open now; a step that was finished begins the count anew.
        self.attempts = claim.run.attempts

    def recorded(self, kind: str, key: str) -> Entry | None:
        """The last entry of this kind under this key."""
        return self._last.get((kind, key))

    def has(self, kind: str) -> bool:
        """Whether there is any entry of this kind."""
        return any(entry.kind == kind for entry in self._entries)

    def append(
        self, kind: str, key: str | None = None, body: dict[str, Any] | None = None, *, payload: Any = None
    ) -> Entry:
        """Write an entry, and the notes before it. Raises `LeaseLost` when the run is no longer ours."""
        entry = self.ledger.entries.append(self.head, kind, key, body, payload=payload)
        self.remember(entry, payload)
        return entry

    def note(
        self, kind: str, key: str, body: dict[str, Any], *, payload: Any = None, state: dict[str, Any] | None = None
    ) -> Entry:
        """Take note of what would only be done again if it were lost; it is written with the next entry."""
        entry = self.ledger.entries.note(self.head, kind, key, body, payload=payload, state=state)
        self._notes.append((entry, payload))
        self._keep(entry, payload)
        return entry

    def finish_step(self, step: str, body: dict[str, Any], *, payload: Any = None) -> None:
        """Take note that a step is done."""
        self.note("step.finished", step, body, payload=payload, state={"attempts": 1})
        self.attempts = 1

    def remember(self, entry: Entry, payload: Any = None) -> None:
        """Take note of an entry that was written through `head`, and of the notes that were written with it."""
        for (noted, kept), written in zip(self._notes, self.head.written, strict=False):
            self._entries.remove(noted)
            self._payloads.pop(noted.seq, None)
            self._keep(written, kept)
        self._notes = []
        self._keep(entry, payload)

    def _keep(self, entry: Entry, payload: Any) -> None:
        self._entries.append(entry)
        self._last[(entry.kind, entry.key)] = entry
        if payload is not None:
            self._payloads[entry.seq] = canonical(payload)

    def payload(self, entry: Entry) -> Any:
        """The payload of an entry. Raises `StepFailed` when it was erased: a replay cannot go on without it."""
        text = self._payloads.get(entry.seq)
        if text is None:
            raise StepFailed(
                "erased", f"Entry {entry.seq} of run {self.run.id} was erased; the run cannot go on without it."
            )
        return json.loads(text)

    def comment(self, decided: Entry) -> str:
        """What a person said with a decision; earlier it stood in the entry itself. Raises `StepFailed` if erased."""
        if "payload" in decided.data:
            return str(self.payload(decided)["comment"])
        return str(decided.data.get("comment", ""))

    def file_again(self, written: Entry, sha256: str) -> None:
        """A file that is in the ledger was made again; a dry replay compares the two."""

    def all(self, kind: str) -> list[Entry]:
        """Every entry of a kind, in order."""
        return [entry for entry in self._entries if entry.kind == kind]

    def open_writes(self) -> list[Entry]:
        """The intents of writes of which nothing says how they ended."""
        return open_writes(self._entries)

    def entry(self, seq: int) -> Entry:
        """The entry with this seq, of those known here."""
        return next(e for e in self._entries if e.seq == seq)
