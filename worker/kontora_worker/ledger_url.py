"""The URL of the ledger, with bounds on how long PostgreSQL, or the way to it, may keep anybody waiting."""

from __future__ import annotations

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

#: What libpq and the server are asked for where the URL does not say otherwise. Without them a connection that was cut
#: without a word holds its process for minutes, and the rows that it had locked for hours.
BOUNDS = {
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "10000",  # milliseconds
    "keepalives_idle": "10",  # seconds
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "options": "-c idle_in_transaction_session_timeout=10s -c lock_timeout=10s",
}


def bounded(url: str) -> str:
    """Return a URL with bounds; one that is not PostgreSQL's, or cannot be read, as it is."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return url
    if parsed.get_backend_name() != "postgresql":
        return url
    return parsed.update_query_dict({**BOUNDS, **parsed.query}).render_as_string(hide_password=False)
