"""Making one tool call: the gate, the intent, the call itself, its one outcome."""

from __future__ import annotations

import time
from typing import Any

from kontora_connectors import Connector, ConnectorError, Invalid, Label, OutcomeUnknown, Tool
from kontora_connectors.data_classes import class_of, without_secrets

from kontora_workflows.engine.call_thread import CallPool, CallThread
from kontora_workflows.engine.calls import Call, Outcome, Prepared
from kontora_workflows.engine.gate import Gate
from kontora_workflows.engine.journal import QUICK_S, Journal
from kontora_workflows.engine.ports import BindingMissing, Doors
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.run_files import RunFiles
from kontora_workflows.engine.signals import Stop, nondeterministic
from kontora_workflows.engine.slot import slot
from kontora_workflows.ledger.chain import Entry, digest
from kontora_workflows.ledger.entries import LeaseLost


class Caller:
    """Makes the tool calls of one run."""

    def __init__(self, journal: Journal, doors: Doors, bindings: dict[str, str], pulse: Pulse, pool: CallPool) -> None:
        self._journal, self._doors, self._bindings = journal, doors, bindings
        self._thread, self._pulse = CallThread(pulse, pool), pulse
        self._gate = Gate(journal, self._thread)
        self._files = RunFiles(journal)

    def find(self, name: str) -> tuple[Connector[Any], Tool]:
        """The connector and tool behind `role.tool`. Raises `Invalid`, `BindingMissing`, `ConnectorError`."""
        role, _, tool_name = name.partition(".")
        if role not in self._bindings:
            raise Invalid(f"There is no role {role!r} in this workflow.")
        connector = self._doors.open(self._bindings[role])
        tool = type(connector).tools().get(tool_name)
        if tool is None:
            raise Invalid(f"The connector {connector.instance!r} has no tool {tool_name!r}.")
        return connector, tool

    def call(self, call: Call) -> Outcome:
        """Make a call, or return what it gave before.

        Raises `Wait` while a person decides, `NeedsReview` when nobody can tell whether a write was done, `LeaseLost`,
        `StepFailed` when the ledger holds another call in this place.
        """
        recorded = self._journal.recorded("tool.outcome", call.key)
        if recorded is not None:
            failed = call.again and recorded.data["outcome"] == "failed"
            settled = [entry.key for entry in self._journal.all("tool.settled") if entry.seq > recorded.seq]
            if not (failed and settled and self._harmless(call.key)):  # its arguments may come from what was settled
                self._same(call)
            if not failed and call.key not in settled:
                return self._outcome(recorded)
        try:
            connector, tool = self.find(call.tool)
            tool.validate(call.arguments)
        except ConnectorError as error:
            return self._refuse(call, error)
        prepared = Prepared(call, connector, tool, tool.canonical(call.arguments))
        name = connector.instance
        with slot(self._journal, self._pulse, f"connector:{name}", self._doors.limit(name)):
            return self._read(prepared) if tool.effect == "read" else self._write(prepared)

    def _read(self, prepared: Prepared) -> Outcome:
        self._gate.intend(prepared)
        return self._make(prepared)

    def _write(self, prepared: Prepared) -> Outcome:
        verdict = self._gate.judge(prepared)
        if verdict.do == "deny":
            return self._refuse(prepared.call, Invalid(verdict.why), outcome="denied", code=verdict.code)
        if verdict.error is not None:
            return self._refuse(prepared.call, verdict.error)
        if verdict.do == "done":
            return self._record(verdict.write, "reconciled", verdict.result, 0.0)
        return self._make(verdict.write)

    def deny(self, call: Call, why: str, *, code: str = "") -> Outcome:
        """Record a call that is not made at all."""
        recorded = self._journal.recorded("tool.outcome", call.key)
        return self._outcome(recorded) if recorded else self._refuse(call, Invalid(why), outcome="denied", code=code)

    def close_writes(self) -> None:
        """Look up what an earlier process meant to write and did not say, before the run ends for good.

        Raises `Retry` when that cannot be done now, `NeedsReview`, `LeaseLost`.
        """
        for intent in self._journal.open_writes():
            connector, tool = self.find(intent.data["tool"])
            arguments = self._journal.payload(intent)["arguments"]
            write = Prepared(Call(intent.key or "", intent.data["tool"], arguments), connector, tool, arguments)
            found = self._gate.found(write)
            if found is None:
                raise self._gate.unknown(write, "the run was stopped before the system had answered")
            self._record(write, "reconciled", found, 0.0)

    # --- the call itself -----------------------------------------------------------------------------------------

    def _make(self, call: Prepared) -> Outcome:
        """Make a call whose intent is recorded."""
        started, tool = time.perf_counter(), call.tool
        key = call.key(self._journal.run.id)
        ours = {"key": key, "content_of": self._files.content}
        try:
            values = {**tool.validate(call.arguments), **{name: ours[name] for name in tool.from_host}}
            answer = self._thread.answer(call.connector, tool, values)
            result = tool.result.dump_python(answer, mode="json", warnings="error")
        except ConnectorError as error:
            return self._failed(call, error)
        except (Stop, LeaseLost):
            raise
        except Exception as error:  # a plugin's own mistake must not become a trace
            failure = OutcomeUnknown if tool.effect == "write" else ConnectorError
            said = f"The connector {call.connector.instance!r} failed in {call.call.tool}."
            return self._failed(call, failure(said, detail=repr(error)))
        seconds = time.perf_counter() - started
        # Only what the system shows counts as done: a write that can be looked up is looked up.
        if tool.mark.lookup is not None and self._gate.found(call) is None:
            raise self._gate.unknown(call, f"{tool.name} reported success, but the record is not there")
        return self._record(call, "ok", result, seconds)

    def _failed(self, call: Prepared, error: ConnectorError) -> Outcome:
        if isinstance(error, OutcomeUnknown):
            verdict = self._gate.lost(call, error)
            return self._record(verdict.write, "reconciled", verdict.result, 0.0)
        body = {
            "outcome": "failed",
            "tool": call.call.tool,
            "instance": call.connector.instance,
            "effect": call.tool.effect,
            "error": {"code": error.code, "message": error.message, "hint": error.hint, "retryable": error.retryable},
            "detail": error.detail,
        }
        return self._outcome(self._journal.append("tool.outcome", call.call.key, body))

    def _record(self, call: Prepared, outcome: str, result: Any, seconds: float) -> Outcome:
        labels = call.tool.labels
        result = without_secrets(result, labels)
        untrusted = any(Label.UNTRUSTED in marks for marks in labels.values())
        body = {
            "outcome": outcome,
            **call.body,
            "ms": round(seconds * 1000),
            "result_hash": digest(result),
            "untrusted": untrusted and bool(result),
            "data_class": class_of(result, labels),
        }
        repeatable = call.tool.effect == "read" and call.call.by_agent and seconds < QUICK_S
        write = self._journal.note if repeatable else self._journal.append
        return self._outcome(write("tool.outcome", call.call.key, body, payload={"result": result}))

    def _refuse(self, call: Call, error: ConnectorError, *, outcome: str = "failed", code: str = "") -> Outcome:
        if self._journal.recorded("tool.intended", call.key) is None or call.again:
            intent = {"tool": call.tool, "arguments_hash": digest(call.arguments)}
            self._journal.append("tool.intended", call.key, intent, payload={"arguments": call.arguments})
        body = {
            "outcome": outcome,
            "tool": call.tool,
            "error": {"code": code or error.code, "message": error.message, "hint": error.hint, "retryable": False},
        }
        return self._outcome(self._journal.append("tool.outcome", call.key, body))

    # --- from the ledger -----------------------------------------------------------------------------------------

    def _outcome(self, entry: Entry) -> Outcome:
        body = entry.data
        error = body.get("error") or {"code": "", "message": "", "hint": "", "retryable": False}
        decided = self._journal.recorded("approval.decided", entry.key or "") if body["outcome"] == "denied" else None
        if decided is not None and "payload" in decided.data:  # earlier the message had it
            comment = self._journal.comment(decided)
            error = {**error, "message": f"{error['message'].removesuffix('.')} ({comment})."}
        result = self._journal.payload(entry)["result"] if "payload" in body else None
        return Outcome(entry.seq, body["outcome"], result, **error, untrusted=bool(body.get("untrusted")))

    def _same(self, call: Call) -> None:
        """What is asked for now must be what was asked for then. Raises `StepFailed`."""
        intent = self._journal.recorded("tool.intended", call.key)
        if intent is None:
            return
        then = intent.data
        if then["tool"] != call.tool:
            raise nondeterministic(f"At {call.key} the run called {then['tool']} before and wants {call.tool} now.")
        edited = self._journal.recorded("approval.edited", call.key)
        asked = self._journal.recorded("approval.requested", call.key)
        wanted = asked.data["arguments_hash"] if edited and asked else then["arguments_hash"]
        if wanted not in (digest(call.arguments), self._canonical_hash(call)):
            raise nondeterministic(f"At {call.key} the run called {call.tool} with other arguments before.")

    def _harmless(self, key: str) -> bool:
        """Whether nothing was written by a call, nor could have been: it was a read, or refused before it was made."""
        intent = self._journal.recorded("tool.intended", key)
        return intent is not None and intent.data.get("effect") != "write"

    def _canonical_hash(self, call: Call) -> str:
        try:
            return digest(self.find(call.tool)[1].canonical(call.arguments))
        except (ConnectorError, BindingMissing, ValueError):
            return ""  # it was refused then, under the hash of what was asked
