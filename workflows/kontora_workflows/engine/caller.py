"""Making one tool call: the gate, the intent, the call itself, its one outcome."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from kontora_connectors import Connector, ConnectorError, Invalid, Label, OutcomeUnknown, Tool, Unavailable

from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.ports import BindingMissing, Doors
from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.signals import NeedsReview, Stop, Wait, nondeterministic
from kontora_workflows.failpoints import passing
from kontora_workflows.ledger.approvals import Request
from kontora_workflows.ledger.chain import Entry, canonical, digest
from kontora_workflows.ledger.entries import LeaseLost

#: How often a call under way looks whether the run has to stop, in seconds.
_LOOK_S = 0.25

#: Writes whose repetition under the same key cannot make a second record.
_REPEATABLE = ("native_key", "unique_reference", "same_transaction")


@dataclass(frozen=True)
class Call:
    """A tool call that a step or an agent wants made. `key` names it in the run for ever.

    `again`: a failure that is recorded stopped the run then, so that now the call is made anew. What an agent was told
    stays what it was told.
    """

    key: str
    tool: str
    arguments: dict[str, Any]
    title: str = ""
    expires_in_ms: int = 72 * 3_600_000
    untrusted: bool = False
    again: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a call ended. `seq` is its entry; `message` says why it is not ok, in words that a model may see."""

    seq: int
    outcome: str
    result: Any = None
    code: str = ""
    message: str = ""
    hint: str = ""
    retryable: bool = False
    untrusted: bool = False

    @property
    def ok(self) -> bool:
        """Whether the call was made and gave a result."""
        return self.outcome in ("ok", "reconciled")


class Caller:
    """Makes the tool calls of one run."""

    def __init__(self, journal: Journal, doors: Doors, bindings: dict[str, str], pulse: Pulse) -> None:
        self._journal, self._doors, self._bindings, self._pulse = journal, doors, bindings, pulse
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="call")

    def close(self) -> None:
        """Let go of the thread; one that hangs in a call is left behind."""
        self._pool.shutdown(wait=False, cancel_futures=True)

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

        Raises `Wait` while a person decides, `NeedsReview` when nobody can tell whether a write was done, `LeaseLost`.
        """
        recorded = self._journal.recorded("tool.outcome", call.key)
        if recorded is not None:
            self._same(call)
            if not (call.again and recorded.data["outcome"] == "failed"):
                return self._outcome(recorded)
        try:
            connector, tool = self.find(call.tool)
            values = tool.validate(call.arguments)
        except ConnectorError as error:
            return self._refuse(call, error)
        arguments = tool.canonical(call.arguments)
        if tool.effect == "read":
            self._intend(call, connector, tool, arguments)
            return self._make(call, connector, tool, values, arguments)
        return self._write(call, connector, tool, values, arguments)

    def deny(self, call: Call, why: str) -> Outcome:
        """Record a call that is not made at all."""
        recorded = self._journal.recorded("tool.outcome", call.key)
        return self._outcome(recorded) if recorded else self._refuse(call, Invalid(why), outcome="denied")

    # --- reads and writes ----------------------------------------------------------------------------------------

    def _intend(self, call: Call, connector: Connector[Any], tool: Tool, arguments: dict[str, Any]) -> None:
        self._journal.append(
            "tool.intended", call.key, self._body(call, connector, tool, arguments), payload={"arguments": arguments}
        )

    def _body(self, call: Call, connector: Connector[Any], tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
        return {
            "tool": call.tool,
            "instance": connector.instance,
            "kind": connector.kind,
            "effect": tool.effect,
            "arguments_hash": digest(arguments),
        }

    def _write(
        self, call: Call, connector: Connector[Any], tool: Tool, values: dict[str, Any], arguments: dict[str, Any]
    ) -> Outcome:
        intent, failed = (self._journal.recorded(kind, call.key) for kind in ("tool.intended", "tool.outcome"))
        if intent is not None and failed is not None and failed.seq > intent.seq:
            self._intend(call, connector, tool, arguments)  # it surely was not done
            return self._make(call, connector, tool, values, arguments)
        if intent is not None:
            return self._reconcile(call, connector, tool, values, arguments)
        hash_ = digest(arguments)
        decided = self._journal.recorded("approval.decided", call.key)
        if decided is None:
            self._ask(call, connector, hash_, arguments)
            raise Wait("approval")
        if decided.data["decision"] != "approved" or decided.data["arguments_hash"] != hash_:
            return self._not_approved(call, decided)
        with self._journal.ledger.database.write("approval.used") as connection:
            if not self._journal.ledger.approvals.use(connection, self._journal.run.id, call.key):
                return self._not_approved(call, decided)
            body, payload = self._body(call, connector, tool, arguments), {"arguments": arguments}
            entry = self._journal.ledger.entries.append_in(
                connection, self._journal.head, "tool.intended", call.key, body, payload=payload
            )
        self._journal.remember(entry, payload)
        return self._make(call, connector, tool, values, arguments)

    def _ask(self, call: Call, connector: Connector[Any], hash_: str, arguments: dict[str, Any]) -> None:
        if self._journal.recorded("approval.requested", call.key) is not None:
            return
        title = call.title or call.tool
        request = Request(
            call.key, title, call.tool, connector.instance, arguments, hash_, call.untrusted, call.expires_in_ms
        )
        self._journal.ledger.approvals.request(self._journal.head, self._journal.run.root_id, request)

    def _not_approved(self, call: Call, decided: Entry) -> Outcome:
        said = decided.data
        why = {"rejected": f"{said['by']} said no", "expired": "nobody said yes in time"}.get(said["decision"])
        why = why or "the approval was given for other arguments, or used already"
        comment = f" ({said['comment']})" if said.get("comment") else ""
        return self._refuse(call, Invalid(f"Not done: {why}{comment}."), outcome="denied", code=said["decision"])

    def _reconcile(
        self, call: Call, connector: Connector[Any], tool: Tool, values: dict[str, Any], arguments: dict[str, Any]
    ) -> Outcome:
        """An earlier process meant to make this write and did not say how it ended: look it up by its key."""
        settled, unknown = (self._journal.recorded(kind, call.key) for kind in ("tool.settled", "tool.unknown"))
        if settled is not None and unknown is not None and settled.seq > unknown.seq:
            if not settled.data["done"]:
                return self._make(call, connector, tool, values, arguments)
            result = self._journal.payload(settled)["result"]
            return self._record(call, connector, tool, "reconciled", result, 0.0)
        if tool.mark.lookup is not None:
            found = getattr(connector, tool.mark.lookup)(self._key(call, arguments))
            if found is not None:
                return self._record(
                    call, connector, tool, "reconciled", tool.result.dump_python(found, mode="json"), 0.0
                )
        if tool.mark.idempotency in _REPEATABLE:
            return self._make(call, connector, tool, values, arguments)
        raise self._unknown(
            call, connector, "an earlier attempt broke off and the system cannot tell whether it was done"
        )

    def _unknown(self, call: Call, connector: Connector[Any], why: str) -> NeedsReview:
        body = {"tool": call.tool, "instance": connector.instance, "why": why}
        self._journal.append("tool.unknown", call.key, body)
        settle = f"kontora runs settle {self._journal.run.id} {call.key} --done | --not-done"
        return NeedsReview(
            "outcome_unknown",
            f"Nobody knows whether {call.tool} on {connector.instance!r} was done: {why}.",
            f"Look it up in that system, then say so: `{settle}`.",
        )

    # --- the call itself -----------------------------------------------------------------------------------------

    def _key(self, call: Call, arguments: dict[str, Any]) -> str:
        text = canonical([self._journal.run.id, call.key, arguments])
        return "kontora-" + hashlib.sha256(text.encode()).hexdigest()[:32]

    def _make(
        self, call: Call, connector: Connector[Any], tool: Tool, values: dict[str, Any], arguments: dict[str, Any]
    ) -> Outcome:
        started = time.perf_counter()
        extra = {"key": self._key(call, arguments)} if tool.effect == "write" else {}
        try:
            answer = self._answer(connector, tool, {**values, **extra})
            result = tool.result.dump_python(answer, mode="json", warnings="error")
            if tool.effect == "write":
                self._read_back(connector, tool, extra["key"])
        except ConnectorError as error:
            return self._failed(call, connector, tool, error)
        except (Stop, LeaseLost):
            raise
        except Exception as error:  # a plugin's own mistake must not become a trace
            wrapped = ConnectorError(f"The connector {connector.instance!r} failed in {call.tool}.", detail=repr(error))
            if tool.effect == "write":
                wrapped = OutcomeUnknown(wrapped.message, detail=wrapped.detail)
            return self._failed(call, connector, tool, wrapped)
        return self._record(call, connector, tool, "ok", result, time.perf_counter() - started)

    def _answer(self, connector: Connector[Any], tool: Tool, values: dict[str, Any]) -> Any:
        """Call the method and wait for it. A read is left when the run has to stop; a write is never torn.

        Raises what the method raises, `OutcomeUnknown` or `Unavailable` when it takes too long, `Stop`, `LeaseLost`.
        """
        passing("call.before")
        future: Future[Any] = self._pool.submit(tool.method, connector, **values)
        deadline = time.monotonic() + tool.mark.timeout_s
        while True:
            done, _ = wait([future], timeout=min(_LOOK_S, max(0.0, deadline - time.monotonic())))
            if done:
                passing("call.after")
                return future.result()
            if tool.effect == "read":
                try:
                    self._pulse.check()
                except (Stop, LeaseLost):
                    self._abandon(connector)
                    raise
            if time.monotonic() >= deadline:
                self._abandon(connector)
                late = OutcomeUnknown if tool.effect == "write" else Unavailable
                raise late(f"{tool.name} took longer than {tool.mark.timeout_s:g} s.")

    def _abandon(self, connector: Connector[Any]) -> None:
        """Leave a call that hangs to itself: the next one gets a thread of its own."""
        connector.interrupt()
        self._pool.shutdown(wait=False)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="call")

    def _read_back(self, connector: Connector[Any], tool: Tool, key: str) -> None:
        """A write that can be looked up is looked up: only what the system shows counts as done."""
        if tool.mark.lookup is not None and getattr(connector, tool.mark.lookup)(key) is None:
            raise OutcomeUnknown(f"{tool.name} reported success, but the record is not there.")

    def _failed(self, call: Call, connector: Connector[Any], tool: Tool, error: ConnectorError) -> Outcome:
        if isinstance(error, OutcomeUnknown):
            raise self._unknown(call, connector, error.message) from error
        body = {
            "outcome": "failed",
            "tool": call.tool,
            "instance": connector.instance,
            "effect": tool.effect,
            "error": {"code": error.code, "message": error.message, "hint": error.hint, "retryable": error.retryable},
            "detail": error.detail,
        }
        return self._outcome(self._journal.append("tool.outcome", call.key, body))

    def _record(
        self, call: Call, connector: Connector[Any], tool: Tool, outcome: str, result: Any, seconds: float
    ) -> Outcome:
        untrusted = any(Label.UNTRUSTED in labels for labels in tool.labels.values())
        body = {
            "outcome": outcome,
            "tool": call.tool,
            "instance": connector.instance,
            "kind": connector.kind,
            "effect": tool.effect,
            "ms": round(seconds * 1000),
            "result_hash": digest(result),
            "untrusted": untrusted and bool(result),
        }
        return self._outcome(self._journal.append("tool.outcome", call.key, body, payload={"result": result}))

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

    def _outcome(self, entry: Entry) -> Outcome:
        body = entry.data
        error = body.get("error") or {"code": "", "message": "", "hint": "", "retryable": False}
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
        if then["arguments_hash"] not in (digest(call.arguments), self._canonical_hash(call)):
            raise nondeterministic(f"At {call.key} the run called {call.tool} with other arguments before.")

    def _canonical_hash(self, call: Call) -> str:
        try:
            return digest(self.find(call.tool)[1].canonical(call.arguments))
        except (ConnectorError, BindingMissing, ValueError):
            return ""  # it was refused then, under the hash of what was asked
