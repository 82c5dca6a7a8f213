"""A tool call: as it is wanted, as it is ready to be made, and how it ended."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from kontora_connectors import Connector, Tool, Zone

from kontora_workflows.ledger.chain import canonical, digest


@dataclass(frozen=True)
class Call:
    """A tool call that a step or an agent wants made. `key` names it in the run for ever.

    `again`: a failure that is recorded stopped the run then, so that now the call is made anew. What an agent was told
    stays what it was told. `people`: how many have to agree to a write. `unasked_in`: the zones in which a write that
    allows it is made without asking anybody; only a step of a workflow may say so.
    """

    key: str
    tool: str
    arguments: dict[str, Any]
    title: str = ""
    expires_in_ms: int = 72 * 3_600_000
    untrusted: bool = False
    again: bool = False
    people: int = 1
    instructions: str = ""
    unasked_in: tuple[Zone, ...] = ()

    @property
    def by_agent(self) -> bool:
        """Whether an agent asked for it, so that nothing refers to the place of its outcome."""
        return "/" in self.key


@dataclass(frozen=True)
class Prepared:
    """A call whose tool is known and whose arguments (canonical: plain JSON, defaults filled in) are valid."""

    call: Call
    connector: Connector[Any]
    tool: Tool
    arguments: dict[str, Any]

    @cached_property
    def hash(self) -> str:
        """What an approval is bound to."""
        return digest(self.arguments)

    @property
    def body(self) -> dict[str, Any]:
        """What the ledger says about it besides its arguments."""
        return {
            "tool": self.call.tool,
            "instance": self.connector.instance,
            "kind": self.connector.kind,
            "effect": self.tool.effect,
        }

    def key(self, run_id: str) -> str:
        """The idempotency key of a write: the same run, place and arguments give the same key."""
        text = canonical([run_id, self.call.key, self.arguments])
        return "kontora-" + hashlib.sha256(text.encode()).hexdigest()[:32]

    def edited(self, arguments: dict[str, Any]) -> Prepared:
        """The same call with other arguments."""
        return replace(self, arguments=arguments)


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
