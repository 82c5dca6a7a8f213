"""A fact: something that was read somewhere on some day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class Part(BaseModel):
    """A frozen part of the catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(Part, Generic[T]):
    """A value with the page that says so and the day it was read there."""

    value: T
    source: str = Field(pattern=r"^https://", description="URL of the page")
    checked: date = Field(description="the day it was read; of some pages an archived copy was read")
    note: str = ""
    unverified: str = Field("", description="why the page does not settle it; empty: it does")


def with_sources(written: Any, sources: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return a part of a catalogue file with `{is: ..., from: name}` written out as facts.

    `sources` gives `url` and `checked` by name. Raises KeyError for a source that is not there.
    """
    if isinstance(written, list):
        return [with_sources(item, sources) for item in written]
    if not isinstance(written, dict):
        return written
    if "is" not in written:
        return {key: with_sources(item, sources) for key, item in written.items()}
    source = sources[written["from"]]
    rest = {key: item for key, item in written.items() if key not in ("is", "from")}
    return {"value": written["is"], "source": source["url"], "checked": source["checked"], **rest}
