"""A problem as REST answers it (RFC 9457): what, why, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from kontora_api.problem_kinds import KINDS

MEDIA_TYPE = "application/problem+json"


class FieldProblem(BaseModel):
    """One wrong field. It has a pointer into the body, or the name of a parameter, or a place in a workflow file."""

    model_config = ConfigDict(frozen=True)

    pointer: str | None = Field(None, description="JSON pointer into the body, such as `#/inputs/as_of`")
    parameter: str | None = Field(None, description="name of a header or of a part of the URL")
    line: int | None = None
    column: int | None = None
    detail: str
    hint: str | None = None


class Problem(BaseModel):
    """What went wrong: `title` says what, `detail` why, `hint` what to do next."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(description="page about this kind of problem, on this server")
    title: str
    status: int
    detail: str
    instance: str = Field(description="path of the request")
    code: str = Field(description="stable name of this kind of problem")
    retryable: bool = Field(description="the same request may succeed later")
    hint: str
    errors: list[FieldProblem] = []


class Refused(Exception):
    """A request is not carried out. `code` is one of `KINDS`; `more` are further members of the problem."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        hint: str = "",
        errors: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        self.kind = KINDS[code]
        self.detail, self.hint, self.errors = detail, hint or self.kind.next, list(errors)
        self.headers, self.more = dict(headers or {}), more
        super().__init__(detail)

    def answer(self, path: str) -> JSONResponse:
        """The response to a request for `path`."""
        problem = Problem(
            type=f"/errors/{self.kind.code}",
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            instance=path,
            code=self.kind.code,
            retryable=self.kind.retryable,
            hint=self.hint,
            errors=self.errors,
            **self.more,
        )
        content = problem.model_dump(mode="json", exclude_none=True)
        return JSONResponse(content, self.kind.status, headers=self.headers, media_type=MEDIA_TYPE)
