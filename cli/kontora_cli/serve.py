"""`kontora serve`: REST, and on request a worker beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kontora_cli.failures import OK
from kontora_cli.opening import opened
from kontora_cli.options import Home, Parent
from kontora_cli.output import note
from kontora_cli.processes import Children, ending_in_order, leave_with


def serve(
    host: Annotated[
        str | None, typer.Option("--host", help="Where to listen; other than loopback needs a token.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = None,
    with_worker: Annotated[bool, typer.Option("--with-worker", help="Run a worker as well.")] = False,
    url_file: Annotated[Path | None, typer.Option("--url-file", hidden=True)] = None,
    home: Home = None,
    parent: Parent = None,
) -> int:
    """Serve REST under /api/v1 until Ctrl-C."""
    from kontora_api.server import serve as listen
    from kontora_worker.log_pipe import never_stuck

    def ready(url: str) -> None:
        note(f"Kontora listens at {url} (API reference: {url}/reference); Ctrl-C stops it")
        if url_file is not None:
            part = url_file.with_suffix(".part")
            part.write_text(url, encoding="utf-8")
            part.replace(url_file)
        if with_worker:
            children.start("worker")

    leave_with(parent)
    with ending_in_order(), never_stuck(), opened(home) as house, Children(house.settings) as children:
        settings = house.settings
        listen(house, host=host or settings.host, port=settings.port if port is None else port, ready=ready)
    return OK
