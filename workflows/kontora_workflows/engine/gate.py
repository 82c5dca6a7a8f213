"""The gate that every write passes: a yes to exactly its arguments, no repetition that nobody can vouch for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from kontora_connectors import ConnectorError, Zone

from kontora_workflows.engine.call_thread import CallThread
from kontora_workflows.engine.calls import Prepared
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.signals import MAX_ATTEMPTS, NeedsReview, Retry, Wait
from kontora_workflows.ledger.approvals import Request
from kontora_workflows.ledger.chain import Entry

#: Writes whose repetition under the same key cannot make a second record.
_REPEATABLE = ("native_key", "unique_reference", "same_transaction")
#: What to look at before a yes in a run that is older than a restored backup.
_RESTORED = "The ledger was restored from a backup: this may have been done already. Look before you say yes. "


@dataclass(frozen=True)
class Verdict:
    """What is to be done about a write.

    `make`: it may be made now, its intent is in the ledger. `deny`: it is not made, `why` says so. `refuse`: its
    connector will not have it, `error` says why. `done`: it was made before, and gave `result`.
    """

    do: Literal["make", "deny", "refuse", "done"]
    write: Prepared
    why: str = ""
    code: str = ""
    result: Any = None
    error: ConnectorError | None = None


class Gate:
    """Judges the writes of one run."""

    def __init__(self, journal: Journal, thread: CallThread) -> None:
        self._journal, self._thread = journal, thread

    def judge(self, write: Prepared) -> Verdict:
        """Decide about a write, and record its intent if it may be made.

        Raises `Wait` while a person decides, `NeedsReview` when nobody can tell whether it was done, `LeaseLost`.
        """
        verdict = self._judged(self._as_edited(write))
        return self._after_restore(verdict) if verdict.do == "make" else verdict

    def _judged(self, write: Prepared) -> Verdict:
        intent, ended = (self._journal.recorded(kind, write.call.key) for kind in ("tool.intended", "tool.outcome"))
        if intent is None or "instance" not in intent.data:  # never wanted, or refused before anybody was asked
            return self._first(write)
        settled = self._journal.recorded("tool.settled", write.call.key)
        if ended is None or ended.seq < max(intent.seq, settled.seq if settled else 0):
            return self._reconcile(write, intent)
        return self._again(write, intent)

    def intend(self, write: Prepared, zone: Zone | None = None) -> None:
        """Record that a call will be made. `zone` is where a write stays that nobody was asked about.

        Raises `LeaseLost`.
        """
        body = {**write.body, "arguments_hash": write.hash} | ({"zone": zone} if zone else {})
        self._journal.append("tool.intended", write.call.key, body, payload={"arguments": write.arguments})

    def unknown(self, write: Prepared, why: str) -> NeedsReview:
        """Record that nobody can tell how a write ended; returns what stops the run."""
        call, instance = write.call, write.connector.instance
        self._journal.append("tool.unknown", call.key, {"tool": call.tool, "instance": instance, "why": why})
        return NeedsReview(
            "outcome_unknown",
            f"Nobody knows whether {call.tool} on {instance!r} was done: {why}.",
            "Look it up in that system, then say so: "
            f"`kontora runs settle {self._journal.run.id} {call.key} --done --result JSON | --not-done`.",
        )

    # --- before the first try ------------------------------------------------------------------------------------

    def _as_edited(self, write: Prepared) -> Prepared:
        """The write with the arguments that a person put in the place of the ones that were asked for."""
        edited = self._journal.recorded("approval.edited", write.call.key)
        return write.edited(self._journal.payload(edited)["arguments"]) if edited else write

    def _first(self, write: Prepared) -> Verdict:
        """Let a person decide, unless the write stays where nobody has to be asked."""
        if (
            write.tool.mark.approval == "outside"
            and self._journal.recorded("approval.requested", write.call.key) is None
        ):
            try:
                zone = write.connector.zone_of(write.tool.validate(write.arguments))
            except ConnectorError as error:
                return Verdict("refuse", write, error=error)
            if zone in write.call.unasked_in:
                self.intend(write, zone)
                return Verdict("make", write)
        return self._approved(write)

    def _again(self, write: Prepared, intent: Entry) -> Verdict:
        """Make a write that surely was not done. If nobody was asked about it, where it leads is looked at anew."""
        if "zone" in intent.data:
            return self._first(write)
        self.intend(write)
        return Verdict("make", write)

    def _approved(self, write: Prepared) -> Verdict:
        decided = self._journal.recorded("approval.decided", write.call.key)
        if decided is None:
            self._ask(write)
            raise Wait("approval")
        if decided.data["decision"] != "approved" or decided.data["arguments_hash"] != write.hash:
            return _denied(write, decided)
        ledger, payload = self._journal.ledger, {"arguments": write.arguments}
        with ledger.database.write("approval.used") as connection:
            if not ledger.approvals.use(connection, self._journal.run.id, write.call.key):
                return _denied(write, decided)
            entry = ledger.entries.append_in(
                connection,
                self._journal.head,
                "tool.intended",
                write.call.key,
                {**write.body, "arguments_hash": write.hash},
                payload=payload,
            )
        self._journal.remember(entry, payload)
        return Verdict("make", write)

    def _ask(self, write: Prepared) -> None:
        call = write.call
        if self._journal.recorded("approval.requested", call.key) is not None:
            return
        request = Request(
            key=call.key,
            title=call.title or call.tool,
            tool=call.tool,
            instance=write.connector.instance,
            arguments=write.arguments,
            arguments_hash=write.hash,
            untrusted=call.untrusted,
            expires_in_ms=call.expires_in_ms,
            people=call.people,
            instructions=f"{_RESTORED if self._journal.run.restored_at else ''}{call.instructions}".strip(),
        )
        self._journal.ledger.approvals.request(self._journal.head, self._journal.run.root_id, request)

    def _after_restore(self, verdict: Verdict) -> Verdict:
        """A write that may be made, unless it was made after the backup from which the ledger was restored.

        Its intent is recorded. It is looked up, or a person is asked, if nobody has looked since. Raises `NeedsReview`.
        """
        write, key, restored_at = verdict.write, verdict.write.call.key, self._journal.run.restored_at
        settled = self._journal.recorded("tool.settled", key)
        if restored_at is None or settled is not None or write.tool.mark.idempotency in _REPEATABLE:
            return verdict
        found = self.found(write)
        if found is not None:
            return Verdict("done", write, result=found)
        asked = self._journal.recorded("approval.requested", key)
        if write.tool.mark.lookup is None and (asked is None or asked.at < restored_at):
            raise self.unknown(
                write, "the ledger was restored from a backup, and what was done after that is not in it"
            )
        return verdict

    # --- after a try that did not say how it ended ---------------------------------------------------------------

    def _reconcile(self, write: Prepared, intent: Entry) -> Verdict:
        """An earlier process meant to make this write and did not say how it ended: look it up by its key."""
        settled = self._journal.recorded("tool.settled", write.call.key)
        if settled is not None and settled.seq > intent.seq:
            if settled.data["done"]:
                return Verdict("done", write, result=self._journal.payload(settled)["result"])
            return self._again(write, intent)  # a new intent: what is settled is the old one
        found = self.found(write)
        if found is not None:
            return Verdict("done", write, result=found)
        if write.tool.mark.idempotency in _REPEATABLE:
            return self._again(write, intent)  # a new intent: there is one before every call
        raise self.unknown(write, "an earlier attempt broke off and the system cannot tell whether it was done")

    def found(self, write: Prepared) -> Any:
        """What the system shows of a write that was meant: its result in plain JSON, or None.

        Raises `Retry` when the system cannot be asked now (the intent stays open), at last `NeedsReview`.
        """
        try:
            return self._thread.look_up(write.connector, write.tool, write.key(self._journal.run.id))
        except ConnectorError as error:
            raise self._later(write, error, "it cannot be looked up") from error

    def lost(self, write: Prepared, error: ConnectorError) -> Verdict:
        """A call broke off and did not say how it ended. Raises `Retry`, `NeedsReview`."""
        found = self.found(write)
        if found is not None:
            return Verdict("done", write, result=found)
        if write.tool.mark.idempotency in _REPEATABLE:
            raise self._later(write, error, error.message.removesuffix("."))
        raise self.unknown(write, error.message.removesuffix("."))

    def _later(self, write: Prepared, error: ConnectorError, why: str) -> Retry | NeedsReview:
        """What leaves an intent open for the next attempt; after the last one a person is asked."""
        if self._journal.attempts >= MAX_ATTEMPTS:
            return self.unknown(write, why)
        return Retry(error.code, f"{write.call.tool}: {error.message}", error.hint)


def _denied(write: Prepared, decided: Entry) -> Verdict:
    said = decided.data
    why = {"rejected": f"{said['by']} said no", "expired": "nobody said yes in time"}.get(said["decision"])
    why = why or "the approval was given for other arguments, or used already"
    return Verdict("deny", write, why=f"Not done: {why}.", code=said["decision"])
