"""What a step can refer to, by type: inputs, the steps before it, the variables of the loops around it, the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from kontora_workflows.definition import ForEachStep, InputType, Step, Workflow
from kontora_workflows.definitions.results import RunFacts
from kontora_workflows.definitions.types import NoSuchPart, follow
from kontora_workflows.references import Field, Reference, nearest

#: What a reference can begin with, besides loop variables.
ROOTS = ("inputs", "steps", "run")

_INPUT_TYPES: dict[InputType, type] = {
    "string": str,
    "integer": int,
    "decimal": Decimal,
    "boolean": bool,
    "date": date,
}


@dataclass(frozen=True)
class Scope:
    """The names visible at one place of a workflow, with the types of their values (`Any` if unknown)."""

    inputs: Mapping[str, Any]
    steps: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    within: Set[str] = frozenset()
    #: Every step of the workflow and the loop it is in, to explain why one cannot be seen.
    loops: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, workflow: Workflow) -> Scope:
        """Return what is visible before the first step."""
        inputs = {name: _INPUT_TYPES[definition.type] for name, definition in workflow.inputs.items()}
        return cls(inputs, loops=dict(_loops(workflow.steps, None)))

    def with_step(self, name: str, annotation: Any) -> Scope:
        """Return what is visible after a step."""
        return replace(self, steps={**self.steps, name: annotation})

    def within_loop(self, loop: str, variable: str, annotation: Any) -> Scope:
        """Return what is visible inside the loop of the step `loop`."""
        return replace(self, within={*self.within, loop}, variables={**self.variables, variable: annotation})

    def type_of(self, reference: Reference) -> Any:
        """Return the type of what a reference leads to. Raises `NoSuchPart`."""
        if reference.root in self.variables:
            annotation, parts, way = self.variables[reference.root], reference.parts, reference.root
        elif reference.root == "run":
            annotation, parts, way = RunFacts, reference.parts, "run"
        elif reference.root in ("inputs", "steps"):
            if not reference.parts:
                return dict[str, Any]
            first, way = reference.parts[0], f"{reference.root}{reference.parts[0]}"
            known = self.inputs if reference.root == "inputs" else self.steps
            if not isinstance(first, Field) or first.name not in known:
                raise self._unknown(reference.root, first.name if isinstance(first, Field) else str(first))
            annotation, parts = known[first.name], reference.parts[1:]
        else:
            raise _no_such(f"There is no `{reference.root}` here", reference.root, (*ROOTS, *self.variables))
        for part in parts:
            annotation = follow(annotation, part, way)
            way += str(part)
        return annotation

    def _unknown(self, root: str, name: str) -> NoSuchPart:
        if root == "inputs":
            return _no_such(f"There is no input `{name}`", name, self.inputs)
        if name not in self.loops:
            return _no_such(f"There is no step `{name}`", name, self.loops)
        loop = self.loops[name]
        if loop is not None and loop not in self.within:
            return NoSuchPart(f"The step `{name}` runs for each item of `{loop}` and cannot be seen here", "")
        return NoSuchPart(f"The step `{name}` has not run yet here", "Refer to steps above this one")


def _loops(steps: Iterable[Step], loop: str | None) -> Iterator[tuple[str, str | None]]:
    for step in steps:
        yield step.id, loop
        if isinstance(step, ForEachStep):
            yield from _loops(step.steps, step.id)


def _no_such(message: str, name: str, known: Iterable[str]) -> NoSuchPart:
    names = list(known)
    near = nearest(name, names)
    return NoSuchPart(message, f"Did you mean `{near}`?" if near else f"There is: {', '.join(names) or 'none'}")
