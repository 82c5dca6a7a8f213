"""The description of the API: valid, complete, and shown without a request to anybody else."""

from __future__ import annotations

import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.openapi.models import OpenAPI
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from kontora_api.openapi import operations
from kontora_api.problem_kinds import KINDS

from tests.rest_office import RestOffice, rest_office

DOCS = (Path(__file__).parent.parent / "docs" / "rest.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with rest_office(tmp_path_factory.mktemp("office")) as office:
        yield office


@pytest.fixture(scope="module")
def document(here: RestOffice) -> dict[str, Any]:
    answer = here.client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def routes(here: RestOffice, *, described: bool = False) -> set[tuple[str, str]]:
    """Method and path of every endpoint; `described`: only those that OpenAPI describes."""
    found = set()
    for context in here.server.app.routes:
        for route in getattr(getattr(context, "original_router", None), "routes", [context]):
            if isinstance(route, APIRoute) and (route.include_in_schema or not described):
                found |= {(method, route.path) for method in route.methods or ()}
    return found


def refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for one in value.values() for ref in refs(one)]
    return [ref for one in value for ref in refs(one)] if isinstance(value, list) else []


def test_the_description_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPI.model_validate(document)
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    for ref in refs(document):
        assert ref.removeprefix("#/components/schemas/") in schemas
    ids = []
    for path, _, operation in operations(document):
        ids.append(operation["operationId"])
        in_path = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        for status, answer in operation["responses"].items():
            assert re.fullmatch(r"[2-5]\d\d", status)
            assert answer["description"]
            for media in answer.get("content", {}).values():
                Draft202012Validator.check_schema(media.get("schema", {}))
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description"), (path, parameter["name"])
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in document["tags"]}
    assert {operation["tags"][0] for *_, operation in operations(document)} == tags


def test_the_description_has_every_endpoint_with_a_summary_and_its_problems(
    here: RestOffice, document: dict[str, Any]
) -> None:
    described = {(method.upper(), path) for path, method, _ in operations(document)}
    assert described == routes(here, described=True)
    assert len(described) > 30
    for *_, operation in operations(document):
        assert operation["summary"].endswith((".", ":"))
        assert "application/problem+json" in operation["responses"]["500"]["content"]
    start = document["paths"]["/api/v1/workflows/{name}/runs"]["post"]
    assert start["responses"]["422"]["x-problems"] == ["inputs_invalid", "key_reused", "request_invalid"]


def test_the_documentation_has_every_endpoint_and_every_problem(here: RestOffice) -> None:
    endpoints = re.findall(r"^\| (GET|POST|PATCH|PUT|DELETE) \| `([^`]+)` \|", DOCS, re.MULTILINE)
    assert len(endpoints) == len(set(endpoints))
    assert set(endpoints) == routes(here)
    problems = re.findall(r"^\| (\d{3}) \| `(\w+)` \| (.+) \|$", DOCS, re.MULTILINE)
    assert problems == [
        (str(kind.status), kind.code, kind.title)
        for kind in sorted(KINDS.values(), key=lambda kind: (kind.status, kind.code))
    ]


class Page(HTMLParser):
    """What a page would fetch, run, and lead to."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.linked: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.code: list[str] = []
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} runs a script"
            if name in ("src", "srcset", "data", "action", "poster") or (tag == "link" and name == "href"):
                self.fetched.append(value or "")
            elif name == "href":
                self.linked.append(value or "")
            elif name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        if data.startswith("curl"):
            self.code.append(data)


def test_no_page_asks_anybody_for_anything(here: RestOffice) -> None:
    for path in ("/reference", "/errors", "/errors/stale"):
        answer = here.client.get(path)
        page = Page(answer)
        assert page.fetched == ["data:,"]
        assert not page.tags & {"script", "iframe", "object", "embed", "img"}
        assert "url(" not in answer.text
        assert "@import" not in answer.text
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy


def test_every_link_of_the_pages_leads_somewhere(here: RestOffice) -> None:
    page = Page(here.client.get("/reference"))
    assert len(page.ids) == len(set(page.ids))
    for link in set(page.linked + Page(here.client.get("/errors")).linked):
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            assert here.client.get(link).status_code == 200, link
    assert here.client.get("/").headers["location"] == "/reference"


def test_the_reference_shows_every_endpoint_with_a_call_that_is_understood(
    here: RestOffice, document: dict[str, Any]
) -> None:
    page = Page(here.client.get("/reference"))
    ids = [operation["operationId"] for *_, operation in operations(document)]
    assert set(ids) <= set(page.ids)
    assert len(page.code) == len(ids)
    for code in page.code:
        (url,) = [word for word in shlex.split(code) if word.startswith("http")]
        assert "{" not in url
        if "-X" not in code:
            with here.client.stream("GET", url) as answer:
                answer.read()
                assert answer.status_code in (200, 404)
                assert answer.status_code == 200 or answer.json()["code"].startswith("unknown_"), url


def test_every_kind_of_problem_has_a_page_that_says_what_to_do(here: RestOffice) -> None:
    for kind in KINDS.values():
        answer = here.client.get(f"/errors/{kind.code}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        for part in (kind.code, str(kind.status), "What it means", "What to do"):
            assert part in answer.text
        for part in (kind.title, kind.meaning, kind.next):
            assert part.endswith("."), kind.code
