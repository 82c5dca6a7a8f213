"""What the ledger holds of a run: its entries, tool calls and files."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request, Response
from kontora_workflows.tool_calls import tool_calls
from pydantic import Field

from kontora_api.answers import problems
from kontora_api.documents import API, ArtifactDocument, EntryDocument, ToolCallDocument, ToolCallResult
from kontora_api.parts import ArtifactId, Items, Limit, RunId, Seq, TheLedger, next_link
from kontora_api.problem import Refused

router = APIRouter(prefix=API, tags=["Records"])

#: A page that a run wrote is shown without scripts, forms and requests, whatever is in it.
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
#: What a browser may show; everything else is saved.
_SHOWN = ("text/html", "text/plain", "application/json", "application/pdf")


class EntryPage(Items[EntryDocument]):
    """Some entries of a run."""

    next_after: int | None = Field(description="send it as `after` to get the next page; null on the last one")


@router.get("/runs/{run_id}/entries", responses=problems("unknown_run"))
def list_entries(
    run_id: RunId,
    ledger: TheLedger,
    request: Request,
    response: Response,
    after: Seq = 0,
    limit: Limit = 100,
) -> EntryPage:
    """List the entries of a run, in the order of its chain."""
    ledger.runs.get(run_id)
    found = ledger.entries.of_run(run_id, after=after, limit=limit + 1)
    following = found[limit - 1].seq if len(found) > limit else None
    if following is not None:
        response.headers["Link"] = next_link(request, after=following)
    return EntryPage(items=[EntryDocument.of(entry) for entry in found[:limit]], next_after=following)


@router.get("/runs/{run_id}/calls", responses=problems("unknown_run"))
def list_calls(run_id: RunId, ledger: TheLedger) -> Items[ToolCallDocument]:
    """List the tool calls of a run and of those of its loops, in the order they were meant."""
    return Items(items=[ToolCallDocument.of(call) for call in tool_calls(ledger, run_id)])


@router.get("/runs/{run_id}/calls/{seq}", responses=problems("unknown_run", "unknown_call"))
def show_call(
    run_id: RunId,
    seq: Annotated[int, Path(ge=1, lt=2**63, description="entry of its outcome", examples=[7])],
    ledger: TheLedger,
) -> ToolCallResult:
    """Show a tool call of this very run with its result."""
    for call in tool_calls(ledger, run_id, results=True):
        if (call.run_id, call.seq) == (run_id, seq):
            return ToolCallResult.of(call)
    raise Refused("unknown_call", f"Run {run_id} has no tool call whose outcome is entry {seq}.")


@router.get("/runs/{run_id}/artifacts", responses=problems("unknown_run"))
def list_artifacts(run_id: RunId, ledger: TheLedger) -> Items[ArtifactDocument]:
    """List the files that a run wrote."""
    ledger.runs.get(run_id)
    return Items(items=[ArtifactDocument.of(one) for one in ledger.artifacts.of_run(run_id)])


@router.get("/artifacts/{artifact_id}", responses=problems("unknown_artifact"))
def show_artifact(artifact_id: ArtifactId, ledger: TheLedger) -> ArtifactDocument:
    """Show what is known about a file."""
    return ArtifactDocument.of(ledger.artifacts.get(artifact_id))


@router.get(
    "/artifacts/{artifact_id}/content",
    response_class=Response,
    responses={
        200: {"description": "the file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "the caller has it already"},
        **problems("unknown_artifact"),
    },
)
def fetch_artifact(
    artifact_id: ArtifactId,
    ledger: TheLedger,
    download: Annotated[bool, Query(description="let a browser save it instead of showing it")] = False,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match", description="ETag that the caller has")] = None,
) -> Response:
    """Fetch a file. A page is shown without scripts and without requests, whatever is in it."""
    artifact = ledger.artifacts.get(artifact_id)
    kind = artifact.media_type.partition(";")[0]
    shown = "inline" if kind in _SHOWN and not download else "attachment"
    headers = {
        "Cache-Control": "private, no-cache",
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(artifact.name, safe='')}",
        "Content-Security-Policy": _PAGE_POLICY,
        "ETag": f'"{artifact.sha256}"',
    }
    if headers["ETag"] in (if_none_match or ""):
        return Response(status_code=304, headers=headers)
    return Response(ledger.artifacts.content(artifact_id), headers=headers, media_type=artifact.media_type)
