"""The API reference: the OpenAPI description, arranged for a reader."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from kontora_api.answers import CODES
from kontora_api.openapi import operations
from kontora_api.schema_words import example, title, words

_FILE = "--data-binary @workflow.yaml"


@dataclass(frozen=True)
class Row:
    """A field, a parameter or an answer."""

    name: str
    kind: Markup
    about: str
    required: bool = False
    where: str = ""


@dataclass(frozen=True)
class Endpoint:
    """One operation."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    parameters: list[Row]
    body: Markup | None
    answers: list[Row]
    problems: list[tuple[str, list[str]]]
    curl: str


@dataclass(frozen=True)
class Group:
    """The endpoints of one tag."""

    name: str
    about: str
    endpoints: list[Endpoint]


@dataclass(frozen=True)
class Shape:
    """A schema that has a name."""

    id: str
    name: str
    about: str
    fields: list[Row]


class Reference:
    """Everything that the page shows. `url` is where the API is reached, as in `http://127.0.0.1:8765`."""

    def __init__(self, document: dict[str, Any], url: str) -> None:
        self.title, self.version = document["info"]["title"], document["info"]["version"]
        self.about = document["info"]["description"]
        self._schemas: dict[str, Any] = document["components"]["schemas"]
        self._url = url
        found = [(one["tags"][0], self._endpoint(path, method, one)) for path, method, one in operations(document)]
        self.groups = [
            Group(tag["name"], tag["description"], [one for name, one in found if name == tag["name"]])
            for tag in document["tags"]
        ]
        self.shapes = [
            Shape(name, title(name), schema.get("description", ""), list(_fields(schema)))
            for name, schema in sorted(self._schemas.items())
        ]

    def _endpoint(self, path: str, method: str, operation: dict[str, Any]) -> Endpoint:
        sent = operation.get("requestBody", {}).get("content", {})
        answers = operation["responses"].items()
        return Endpoint(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            about=operation.get("description", ""),
            parameters=[_parameter(one) for one in operation.get("parameters", ())],
            body=next((words(one["schema"]) for one in sent.values()), None),
            answers=[_answer(status, said) for status, said in answers if CODES not in said],
            problems=[(status, said[CODES]) for status, said in answers if CODES in said],
            curl=self._curl(method, path, operation),
        )

    def _curl(self, method: str, path: str, operation: dict[str, Any]) -> str:
        """A call that can be pasted into a shell, once the ids in it are real ones."""
        stream = "text/event-stream" in operation["responses"].get("200", {}).get("content", {})
        first = "curl -N" if stream else "curl" if method == "get" else f"curl -X {method.upper()}"
        headers, sent = [], []
        for one in operation.get("parameters", ()):
            examples = one["schema"].get("examples")
            if one["in"] == "path" and examples:
                path = path.replace(f"{{{one['name']}}}", quote(str(examples[0])))
            elif one["in"] == "header" and examples:
                headers.append(_header(one["name"], examples[0]))
        for media_type, said in operation.get("requestBody", {}).get("content", {}).items():
            is_json = media_type == "application/json"
            data = f"-d {shlex.quote(example(said['schema'], self._schemas))}" if is_json else _FILE
            sent += [_header("Content-Type", media_type), data]
        return " \\\n  ".join([f"{first} {shlex.quote(self._url + path)}", *headers, *sent])


def _header(name: str, value: str) -> str:
    return f"-H {shlex.quote(f'{name}: {value}')}"


def _parameter(one: dict[str, Any]) -> Row:
    schema = one["schema"]
    given = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    about = one.get("description", "")
    if schema.get("default") is not None:
        about += f"; `{json.dumps(schema['default'])}` if left out"
    return Row(one["name"], words({"anyOf": given}), about.lstrip("; "), one.get("required", False), one["in"])


def _answer(status: str, said: dict[str, Any]) -> Row:
    content = said.get("content", {})
    kind = next((words(one["schema"]) for one in content.values() if one.get("schema")), Markup())
    return Row(status, kind, "" if said["description"] == "Successful Response" else said["description"])


def _fields(schema: dict[str, Any]) -> Iterator[Row]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield Row(name, words(one), one.get("description", ""), name in required)


def marked(text: str) -> Markup:
    """Text with `code` in backticks, as HTML."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
