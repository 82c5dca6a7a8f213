"""What handlers are given: the house, the ledger, who asks, and the forms that several of them take."""

from __future__ import annotations

from threading import Lock
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Path, Query, Request
from kontora_worker.house import House
from kontora_workflows.ledger import Ledger
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from kontora_api.problem import Refused

#: Held while something of the house is made that all threads share.
opening = Lock()


def _house(request: Request) -> House:
    house: House = request.app.state.house
    return house


def _ledger(request: Request) -> Ledger:
    with opening:  # one thread opens it: from Python 3.12 on `cached_property` has no lock
        return _house(request).ledger


def _principal(request: Request) -> str:
    return str(request.state.principal)


TheHouse = Annotated[House, Depends(_house)]
#: The ledger, opened. Raises `LedgerUnavailable`.
TheLedger = Annotated[Ledger, Depends(_ledger)]
Principal = Annotated[str, Depends(_principal)]

_ID = r"^[A-Za-z0-9_]{1,40}$"
RunId = Annotated[str, Path(pattern=_ID, examples=["run_01KAQ7R2M8XJ5T3W9ZD4BCF6GH"], description="id of the run")]
ApprovalId = Annotated[
    str, Path(pattern=_ID, examples=["apr_01KAQ7R2M8XJ5T3W9ZD4BCF6GH"], description="id of the approval")
]
ArtifactId = Annotated[
    str, Path(pattern=_ID, examples=["art_01KAQ7R2M8XJ5T3W9ZD4BCF6GH"], description="id of the file")
]
ScheduleId = Annotated[
    str, Path(pattern=_ID, examples=["sch_01KAQ7R2M8XJ5T3W9ZD4BCF6GH"], description="id of the schedule")
]
WorkflowName = Annotated[str, Path(examples=["receivables-ageing"], description="name of the workflow")]
ConnectorName = Annotated[str, Path(examples=["main-erp"], description="name of the connector in kontora.toml")]

#: Names and ids to filter by.
NAME = r"^[A-Za-z0-9_-]{1,100}$"
Limit = Annotated[int, Query(ge=1, le=200, description="how many at most, up to 200")]
#: A place in a chain. The ledger counts in 64 bits.
Seq = Annotated[int, Query(ge=0, lt=2**63, description="`seq` of the last entry that is known")]


def _cursor(cursor: Annotated[str | None, Query(description="`next_cursor` of the page before")] = None) -> str | None:
    at, _, id_ = (cursor or "").partition("~")
    if cursor is not None and not (at.isdecimal() and at.isascii() and len(at) <= 18 and 0 < len(id_) <= 40):
        raise Refused("bad_cursor", f"{cursor[:80]!r} is not a cursor of this list.")
    return cursor


Cursor = Annotated[str | None, Depends(_cursor)]

T = TypeVar("T")


class Items(BaseModel, Generic[T]):
    """All there are."""

    items: list[T]


class Page(Items[T], Generic[T]):
    """Some of a list. `next_cursor` is null on its last page."""

    next_cursor: str | None = Field(description="send it as `cursor` to get the next page")


def next_link(request: Request, **query: Any) -> str:
    """The value of a `Link` header that leads to the next page."""
    url = request.url.include_query_params(**query)
    return f'<{url.path}?{url.query}>; rel="next"'


class Body(BaseModel):
    """Base of what is sent. Unknown fields are refused, and text that no database can hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, data: Any) -> Any:
        for text in _texts(data):
            if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
                raise PydanticCustomError("text", "A text holds a NUL or half a surrogate pair, which cannot be stored")
        return data


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    return [text for part in value for text in _texts(part)] if isinstance(value, list) else []


def _json_only(request: Request) -> None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers
    if kind != "application/json" and not empty:
        raise Refused("wrong_media_type", f"The body is {kind or 'of no kind that is named'}; JSON is needed.")


#: For endpoints that read a body.
JsonOnly = Depends(_json_only)
