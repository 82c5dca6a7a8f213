"""A witness who reads the entries of runs as they come, and knows nothing but them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kontora_workflows.ledger import Ledger
from kontora_workflows.ledger.chain import GENESIS, Entry, entry_hash
from kontora_workflows.ledger.run import ENDED


class Witness:
    """Remembers what each run's entries said last."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._ends: dict[str, tuple[int, str]] = {}
        self._fences: dict[str, int] = {}
        self._states: dict[str, str] = {}
        self._answered: set[str] = set()

    def follow(self, heads: Mapping[str, int]) -> None:
        """Read on to where each run is now.

        Each entry follows from the one before; nobody writes with an old fence, or moves what has ended.
        """
        for run, head in heads.items():
            seq, previous = self._ends.get(run, (0, GENESIS))
            for entry in self._ledger.entries.of_run(run, after=seq) if seq != head else ():
                fields = (entry.run_id, entry.seq, entry.at, entry.kind, entry.key, entry.fence, entry.body)
                assert (entry.seq, entry.prev_hash) == (seq + 1, previous), "an entry is missing"
                assert entry.hash == entry_hash(previous, *fields), "an entry was changed"
                self._hear(entry, entry.data)
                seq, previous = entry.seq, entry.hash
            self._ends[run] = (seq, previous)

    def _hear(self, entry: Entry, said: dict[str, Any]) -> None:
        run, before = entry.run_id, self._fences.get(entry.run_id, 0)
        claimed = entry.kind == "run.state" and said["state"] == "running"
        assert entry.fence > before if claimed else entry.fence >= before, "an entry from a stale fence"
        self._fences[run] = entry.fence
        if entry.kind == "run.state":
            assert self._states.get(run) not in ENDED, "what has ended does not change"
            self._states[run] = said["state"]
        elif entry.kind == "run.resumed":
            self._states[run] = "queued"
        elif entry.kind == "approval.decided":
            assert said["approval"] not in self._answered, "a question is answered once"
            self._answered.add(said["approval"])
