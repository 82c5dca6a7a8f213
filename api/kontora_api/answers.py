"""Which problems an endpoint answers with, as OpenAPI describes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kontora_api.problem import MEDIA_TYPE
from kontora_api.problem_kinds import KINDS

#: Where a description lists the codes of its problems.
CODES = "x-problems"
_SCHEMA = {"schema": {"$ref": "#/components/schemas/Problem"}}


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """Descriptions by status, for `responses` of a route."""
    return {int(status): described for status, described in by_status(codes).items()}


def by_status(codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The same with the keys that OpenAPI has."""
    found: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        found.setdefault(str(KINDS[code].status), []).append(code)
    return {status: _described(found[status]) for status in sorted(found)}


def _described(codes: list[str]) -> dict[str, Any]:
    said = " ".join(f"{KINDS[code].title} (`{code}`)" for code in codes)
    return {"description": said, "content": {MEDIA_TYPE: _SCHEMA}, CODES: codes}
