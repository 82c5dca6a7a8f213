"""`for_each`: one child run per item, so that items are spread over workers and fail or wait on their own."""

from __future__ import annotations

from typing import Any

from kontora_workflows.definition import ForEachStep
from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.scope import Scope
from kontora_workflows.engine.signals import StepFailed, Wait
from kontora_workflows.ledger.run import AT_REST, NewRun, Run


class FanOut:
    """The children of one `for_each` step."""

    def __init__(self, step: ForEachStep, journal: Journal, scope: Scope) -> None:
        self._step, self._journal, self._scope = step, journal, scope
        run = journal.run
        self._path = f"{run.parent_step}/{step.id}" if run.parent_step else step.id

    def start(self) -> None:
        """Create the children, all in one transaction, unless they exist."""
        if self._journal.recorded("children.started", self._step.id) is not None:
            return
        ledger = self._journal.ledger
        definition = ledger.runs.definition(self._journal.run.definition_hash)
        children = [self._child(definition, position, *named) for position, named in enumerate(self._items())]
        with ledger.database.write("children.started") as connection:
            ids = [child.id for child in ledger.runs.create_all_in(connection, children)]
            body = {"children": ids}
            entry = ledger.entries.append_in(connection, self._journal.head, "children.started", self._step.id, body)
        self._journal.remember(entry)

    def _items(self) -> list[tuple[str, Any]]:
        items, _ = self._scope.resolve(self._step.for_each)
        if not isinstance(items, list):
            raise StepFailed("reference_failed", f"Step {self._step.id}: `for_each` needs a list.")
        named = []
        for position, item in enumerate(items):
            scope = {**self._scope.values, self._step.as_: item}
            key = Scope(scope, {}).fill(self._step.key) if self._step.key else position
            named.append((str(key), item))
        if len({key for key, _ in named}) < len(named):
            raise StepFailed("duplicate_key", f"Step {self._step.id}: two items have the same `key`.")
        return named

    def _child(self, definition: str, position: int, key: str, item: Any) -> NewRun:
        run = self._journal.run
        needed = self._scope.cut(self._step.model_dump(mode="json"))
        return NewRun(
            workflow=run.workflow,
            definition_hash=run.definition_hash,
            definition=definition,
            inputs={**needed, self._step.as_: item},
            principal=run.principal,
            trigger="parent",
            bindings=run.bindings,
            parent_id=run.id,
            parent_step=self._path,
            item_key=key,
            item_position=position,
        )

    def collect(self) -> dict[str, Any]:
        """What came of the children. Raises `Wait` while one goes on, `StepFailed` when one did not succeed."""
        children = self._journal.ledger.runs.children(self._journal.run.id, self._path)
        if any(child.state not in AT_REST for child in children):
            raise Wait("children")
        items = [_item(child) for child in children]
        failed = [child for child in children if child.state != "succeeded"]
        if failed:
            why = (failed[0].error or {}).get("message", failed[0].state)
            raise StepFailed(
                "items_failed",
                f"Step {self._step.id}: {len(failed)} of {len(children)} items did not succeed; the first: {why}",
                f"`kontora runs show {failed[0].id}` tells more.",
            )
        return {"items": items, "succeeded": len(items)}


def _item(child: Run) -> dict[str, Any]:
    return {"key": child.item_key, "run": child.id, "state": child.state}
