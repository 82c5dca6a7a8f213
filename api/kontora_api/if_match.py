"""`If-Match` (RFC 9110): a decision is about exactly what was read."""

from __future__ import annotations

import re

from kontora_workflows.ledger.approvals import Approval, etag

from kontora_api.documents import ApprovalDocument
from kontora_api.problem import Refused

_STRONG = re.compile(r'(?:^|[,\s])("[^"]*")')


def check(if_match: str | None, approval: Approval) -> None:
    """Return if the header names the approval as it is. Raises `Refused`: 428 without it, 412 if it names another.

    `*` would agree to whatever is there, so it counts as missing.
    """
    if if_match is None or if_match.strip() in ("", "*"):
        raise Refused("if_match_missing", "The request does not say which state of the approval it is about.")
    if etag(approval) not in _STRONG.findall(if_match):
        why = f"Approval {approval.id} is {approval.state}, and If-Match names another state of it."
        raise Refused("stale", why, approval=ApprovalDocument.of(approval).model_dump(mode="json"))
