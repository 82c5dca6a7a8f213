"""What a field may hold, said once, next to the field: `email: Annotated[str, Label.PII]`."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, get_args, get_origin

from pydantic import BaseModel


class Label(StrEnum):
    """How a value has to be handled on its way to a model, a log or a person."""

    PII = "pii"  # tells who a person is
    SECRET = "secret"  # never leaves the connector
    CONFIDENTIAL = "confidential"  # for this company only
    UNTRUSTED = "untrusted"  # a stranger can write it: text, never instructions


def labels_of(annotation: Any, path: str = "") -> dict[str, frozenset[Label]]:
    """Map each labelled field below `annotation` to its labels; list levels are written `[]`, e.g. `items[].body`.

    `annotation` is a pydantic model, a generic of models, or any type (which then has no labelled fields).
    """
    found: dict[str, frozenset[Label]] = {}
    for model, prefix in _models_in(annotation, path):
        for name, field in model.model_fields.items():
            here = f"{prefix}.{name}" if prefix else name
            labels = frozenset(m for m in field.metadata if isinstance(m, Label))
            if labels:
                found[here] = labels
            found.update(labels_of(field.annotation, here))
    return found


def _models_in(annotation: Any, path: str) -> list[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, path)]
    origin = get_origin(annotation)
    here = f"{path}[]" if origin in (list, tuple, set, frozenset, dict) else path
    return [pair for arg in get_args(annotation) for pair in _models_in(arg, here)]
