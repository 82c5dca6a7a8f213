"""What an agent has called before in its step: the same call is answered, and not made again."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kontora_agents.reading.identity import identity, parts
from kontora_agents.seams import ToolAnswer, ToolSpec
from kontora_connectors import Tool

from kontora_workflows.engine.calls import Outcome
from kontora_workflows.ledger.chain import canonical

#: A tool that needs so many values does the same work wherever they are the same.
_MUCH = 3
#: Said with what the first call gave.
_NOTE = "You made this very call before. It was not made again; this is what it gave. Do not repeat it."


class Repeats:
    """The calls of one agent step, in the order in which they were made.

    A write that was done, or that a person said no to, is not made again, also where only something differs that may
    be left out, and it says nothing new or the tool needs so much that this is the same work. A read is not made again
    until something was written, because until then it gives the same. What failed may be tried again.
    """

    def __init__(self) -> None:
        self._times: Counter[str] = Counter()
        self._done: dict[str, tuple[Tool, Outcome]] = {}
        self._written: list[tuple[str, dict[str, Any], Outcome]] = []

    def count(self, same: str) -> int:
        """How often a call was proposed before; now it is once more."""
        self._times[same] += 1
        return self._times[same] - 1

    def before(self, spec: ToolSpec, arguments: dict[str, Any]) -> Outcome | None:
        """How a call ended that is not to be made again."""
        done = self._done.get(identity(spec, arguments))
        if done is not None or not spec.writes:
            return done[1] if done else None
        needed, further = parts(spec, arguments)
        count = len(spec.parameters.get("required", ()))
        return next(
            (
                outcome
                for same, said, outcome in self._written
                if count and same == needed and (count >= _MUCH or not said or further.items() <= said.items())
            ),
            None,
        )

    def learn(self, spec: ToolSpec, tool: Tool, outcome: Outcome, *asked: dict[str, Any]) -> None:
        """Take note of how a call ended: as it was asked for, and as it was made where a person changed it."""
        if tool.effect == "write" and outcome.ok:
            for same in [same for same, done in self._done.items() if done[0].effect == "read"]:
                del self._done[same], self._times[same]
        if outcome.ok or (tool.effect == "write" and outcome.outcome == "denied"):
            self._done |= {identity(spec, arguments): (tool, outcome) for arguments in asked}
            self._written += [(*parts(spec, arguments), outcome) for arguments in asked if tool.effect == "write"]


def told_again(outcome: Outcome, repeated: int) -> ToolAnswer:
    """What a model is told of a call that it makes again."""
    if outcome.ok:
        return ToolAnswer(content=canonical({"note": _NOTE, "result": outcome.result}), repeated=repeated)
    content = f"You made this very call before, and it was not made again. {outcome.message} {outcome.hint}".strip()
    return ToolAnswer(content=content, is_error=True, repeated=repeated)
