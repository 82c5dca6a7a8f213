"""Pages for people: the API reference, and one page for each kind of problem. They need nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse

from kontora_api.documents import API
from kontora_api.problem import Refused
from kontora_api.problem_kinds import KINDS
from kontora_api.reference import Reference, marked

router = APIRouter(include_in_schema=False)

ASSETS = Path(__file__).parent / "assets"


@router.get("/")
def show_start() -> RedirectResponse:
    """Lead to the reference."""
    return RedirectResponse("/reference")


@router.get(f"{API}/openapi.json")
def show_openapi(request: Request) -> JSONResponse:
    """This API as OpenAPI 3.1."""
    return JSONResponse(request.app.state.described())


@router.get("/reference")
def show_reference(request: Request) -> HTMLResponse:
    """Show every endpoint."""
    url = f"{request.url.scheme}://{request.url.netloc}"
    return _page("reference.html.j2", reference=Reference(request.app.state.described(), url), kinds=KINDS)


@router.get("/errors")
def show_problems() -> HTMLResponse:
    """Show every kind of problem."""
    return _page("problems.html.j2", kinds=sorted(KINDS.values(), key=lambda kind: (kind.status, kind.code)))


@router.get("/errors/{code}")
def show_problem(code: str) -> HTMLResponse:
    """Show what a kind of problem means and what to do."""
    if code not in KINDS:
        raise Refused("no_such_path", f"There is no kind of problem {code[:80]!r}.", hint="`/errors` lists them all.")
    return _page("problem.html.j2", kind=KINDS[code])


def _page(template: str, **values: Any) -> HTMLResponse:
    style = (ASSETS / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    page = _environment().get_template(template).render(style=Markup(style), **values)
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    return environment
