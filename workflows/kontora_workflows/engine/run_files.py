"""The files that a run may hand over to a connector: those that it wrote, or the runs it comes from."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

from kontora_connectors import FileRef, Invalid, NotFound, Unavailable

from kontora_workflows.engine.journal import Journal
from kontora_workflows.engine.signals import StepFailed
from kontora_workflows.ledger.artifacts import UnknownArtifact
from kontora_workflows.ledger.database import LedgerUnavailable


class RunFiles:
    """Files by reference, as the ledger has them; their bytes are read when a connector asks for them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @cached_property
    def runs(self) -> list[str]:
        """This run and those it comes from: the run around a loop, the run that it is a retry of."""
        found, run = [self._journal.run.id], self._journal.run
        while (before := run.parent_id or run.retry_of) is not None:
            run = self._journal.ledger.runs.get(before)
            found.append(run.id)
        return found

    def refs(self, step: str, artifacts: Any) -> list[FileRef]:
        """What a report step left (`steps.report.artifacts`), as the arguments of a delivery. Raises `StepFailed`."""
        known = self._written()
        listed = artifacts if isinstance(artifacts, list) else []
        ids = [str(one.get("id")) if isinstance(one, dict) else "" for one in listed]
        if not ids or not known.keys() >= set(ids):
            raise StepFailed(
                "reference_failed",
                f"Step {step}: `files` does not lead to files that this run wrote.",
                "Write ${{ steps.report.artifacts }}, with the id of a report step that was not skipped.",
            )
        return [known[id_] for id_ in ids]

    def content(self, file: FileRef) -> bytes:
        """The bytes of a file. Raises `NotFound`, `Invalid` if they are not what the ledger says, `Unavailable`."""
        try:
            id_ = next((id_ for id_, known in self._written().items() if known == file), None)
            if id_ is None:
                raise NotFound(f"This run has no file {file.name!r} with that content.")
            content = self._journal.ledger.artifacts.content(id_)
        except UnknownArtifact as error:
            raise NotFound(str(error)) from None
        except LedgerUnavailable as error:
            raise Unavailable(error.message, detail=error.detail) from error
        if hashlib.sha256(content).hexdigest() != file.sha256:
            raise Invalid(f"The file {file.name!r} was changed in the ledger's database; it is not handed over.")
        return content

    def _written(self) -> dict[str, FileRef]:
        """Every file by the id of its artifact."""
        entries = [entry.data for entry in self._journal.ledger.entries.of_kind(self.runs, "artifact.written")]
        return {one["artifact"]: FileRef.model_validate({n: one[n] for n in FileRef.model_fields}) for one in entries}
