"""The app: endpoints, what is asked of every request, and how errors are answered."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.metadata import version

from fastapi import FastAPI, Request
from kontora_worker.house import House
from starlette.responses import Response

from kontora_api import openapi, pages
from kontora_api.access import Access, tokens_of
from kontora_api.answer_headers import AnswerHeaders
from kontora_api.body_limit import BodyLimit
from kontora_api.defects import Defects
from kontora_api.explain import TOLD, explain
from kontora_api.routes import approvals, connectors, models, records, runs, schedules, starting, state, workflows

_ROUTES = (starting, runs, records, approvals, workflows, schedules, connectors, models, state, pages)


def make_app(house: House) -> FastAPI:
    """Build the app of one house. Setting `app.state.stopping` ends waiting requests and streams.

    Raises `SettingsInvalid` for tokens that cannot be read.
    """
    app = FastAPI(
        title="Kontora",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.house = house
    app.state.stopping = asyncio.Event()
    for module in _ROUTES:
        app.include_router(module.router)
    app.state.described = cache(lambda: openapi.describe(app, version("kontora")))
    for error in TOLD:
        app.add_exception_handler(error, _explained)
    # The last one added is the first one asked.
    app.add_middleware(BodyLimit)
    app.add_middleware(Access, tokens=tokens_of(house.settings))
    app.add_middleware(Defects)
    app.add_middleware(AnswerHeaders)
    return app


def _explained(request: Request, error: Exception) -> Response:
    return explain(error).answer(request.scope["path"])
