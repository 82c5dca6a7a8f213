"""The thread in which tool calls are made, so that a call that hangs cannot hold the run."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from kontora_connectors import Connector, OutcomeUnknown, Tool, Unavailable

from kontora_workflows.engine.pulse import Pulse
from kontora_workflows.engine.signals import Stop
from kontora_workflows.failpoints import passing
from kontora_workflows.ledger.entries import LeaseLost

#: How often a call under way looks whether the run has to stop, in seconds.
_LOOK_S = 0.25


class CallPool:
    """The thread of a process in which calls are made one at a time: another one as soon as a call hangs in it."""

    def __init__(self) -> None:
        self._pool = self._fresh()

    def _fresh(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="call")

    def submit(self, method: Callable[..., Any], /, *args: Any, **values: Any) -> Future[Any]:
        """Begin a call; arguments of a tool may have any names."""
        return self._pool.submit(method, *args, **values)

    def leave(self) -> None:
        """Leave a call that hangs to itself."""
        self.close()
        self._pool = self._fresh()

    def close(self) -> None:
        """Let go of the thread; one that hangs in a call is left behind."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class CallThread:
    """Makes the calls of one run."""

    def __init__(self, pulse: Pulse, pool: CallPool) -> None:
        self._pulse, self._pool = pulse, pool

    def answer(self, connector: Connector[Any], tool: Tool, values: dict[str, Any]) -> Any:
        """Call the method and wait for it. A read is left when the run has to stop; a write is never torn.

        A process that was frozen, and whose lease may be over, begins no write.
        Raises what the method raises, `OutcomeUnknown` or `Unavailable` when it takes too long, `Stop`, `LeaseLost`.
        """
        passing("call.before")
        if tool.effect == "write":
            self._pulse.hold()
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

    def look_up(self, connector: Connector[Any], tool: Tool, key: str) -> Any:
        """What a write that was made under a key gave; None if it is not there, or cannot be looked up at all.

        Raises what the lookup raises, `Unavailable` when it takes too long.
        """
        if tool.mark.lookup is None:
            return None
        passing("lookup.before")
        future: Future[Any] = self._pool.submit(getattr(connector, tool.mark.lookup), key)
        if not wait([future], timeout=tool.mark.timeout_s).done:
            self._abandon(connector)
            raise Unavailable(f"Looking up what {tool.name} did took longer than {tool.mark.timeout_s:g} s.")
        passing("lookup.after")
        found = future.result()
        return None if found is None else tool.result.dump_python(found, mode="json")

    def _abandon(self, connector: Connector[Any]) -> None:
        connector.interrupt()
        self._pool.leave()
