"""The OpenAPI 3.1 description: what FastAPI knows, and what only we know about problems and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from kontora_api.answers import CODES, by_status
from kontora_api.problem import Problem

TAGS = {
    "Runs": "Start, list, follow, cancel and resume runs.",
    "Records": "What the ledger holds of a run: entries, tool calls, files.",
    "Approvals": "What waits for a person, and the person's yes or no.",
    "Workflows": "Which workflows there are, what they need, whether a file would be one.",
    "Schedules": "When workflows run by themselves.",
    "Connectors": "The doors to your systems: tools, and whether the systems answer.",
    "Models": "Which models agents are given.",
    "State": "Whether Kontora is up and ready, and its ledger whole.",
}
_ABOUT = """\
Agents on your own ERP and CRM, on your own models. Runs are started here and worked on in the background; the ledger
holds everything that happened. Instants are RFC 3339 in UTC; money is text, never a float.
"""
#: What may be wrong with any request that has parameters, or a body.
_PARAMETERS = ("request_invalid",)
_BODY = ("malformed_json", "body_too_large", "wrong_media_type", "request_invalid")
#: What may be wrong with any request at all.
_ANY = ("unauthorized", "foreign_origin", "foreign_host", "defect", "ledger_unavailable")


def describe(app: FastAPI, version: str) -> dict[str, Any]:
    """Build the description of an app."""
    document = get_openapi(
        title="Kontora",
        version=version,
        description=_ABOUT,
        routes=app.routes,
        tags=[{"name": name, "description": about} for name, about in TAGS.items()],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    own = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    schemas.update(own.pop("$defs"), Problem=own)
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, method, operation in operations(document):
        _first_sentence_is_summary(operation)
        operation["responses"] = _responses(method, operation)
        if path.startswith("/api/"):
            operation["security"] = [{"token": []}, {}]
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with its path and method, in the order of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _first_sentence_is_summary(operation: dict[str, Any]) -> None:
    summary, *rest = re.split(r"(?<=\.)\s+", " ".join(operation["description"].split()), maxsplit=1)
    operation["summary"], operation["description"] = summary, "".join(rest)


def _responses(method: str, operation: dict[str, Any]) -> dict[str, Any]:
    """The answers of an operation: good ones first, then every problem by its status."""
    good = {status: said for status, said in operation["responses"].items() if int(status) < 400}
    codes = [code for said in operation["responses"].values() for code in said.get(CODES, ())]
    if "requestBody" in operation:
        codes += _BODY
    if "parameters" in operation:
        codes += _PARAMETERS
    any_ = [code for code in _ANY if code != "foreign_origin" or method != "get"]
    return {**good, **by_status([*codes, *any_])}
