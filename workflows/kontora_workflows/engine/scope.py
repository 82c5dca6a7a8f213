"""What references in a workflow can see while a run goes on, and which tool call each step's result came from."""

from __future__ import annotations

from typing import Any

from kontora_workflows.references import Reference, Template, fill, parse, texts


class Scope:
    """Values by name: `inputs`, `steps`, `run`, and loop variables."""

    def __init__(self, values: dict[str, Any], sources: dict[str, str]) -> None:
        self.values, self.sources = values, sources

    def result(self, step: str, value: Any, source: str | None = None) -> None:
        """Take note of what a step gave, and of the call (`call-<seq>`) that gave it."""
        self.values["steps"][step] = value
        if source is not None:
            self.sources[step] = source

    def fill(self, value: Any) -> Any:
        """A JSON value with its references filled in. Raises `ReferenceFailed`."""
        return fill(value, self.values)

    def resolve(self, text: str) -> tuple[Any, str | None]:
        """The value of a text that is one reference, and the call it came from."""
        template = parse(text)
        return template.render(self.values), self._source(template)

    def _source(self, template: Template) -> str | None:
        reference = template.reference
        return self.sources.get(first_step(reference) or "") if reference else None

    def cut(self, definition: Any) -> dict[str, Any]:
        """The part of this scope that the references inside `definition` (plain JSON) need."""
        needed: set[str] = set()
        for _, text in texts(definition):
            needed |= {step for step in map(first_step, parse(text).references) if step}
        steps = {name: value for name, value in self.values["steps"].items() if name in needed}
        return {**self.values, "steps": steps}


def first_step(reference: Reference) -> str | None:
    """The step a reference begins with: `ageing` for `steps.ageing.total`."""
    if reference.root != "steps" or not reference.parts:
        return None
    return str(reference.parts[0]).removeprefix(".")
