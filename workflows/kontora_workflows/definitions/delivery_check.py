"""Checking a deliver step: a role that delivers, files that a report wrote, words and recipients of the right type."""

from __future__ import annotations

from collections.abc import Mapping

from kontora_connectors import Delivery, Tool
from kontora_connectors.registry import load

from kontora_workflows.definition import DeliverStep, Role, Workflow
from kontora_workflows.definitions.calls import Tools, check_arguments, reference_type
from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path
from kontora_workflows.definitions.results import ReportFacts, ReportResult
from kontora_workflows.definitions.scope import Scope
from kontora_workflows.definitions.types import is_model, items_of, members
from kontora_workflows.references import nearest


def check_delivery(
    step: DeliverStep, path: Path, workflow: Workflow, tools: Tools, scope: Scope, findings: Findings
) -> None:
    """Say what is wrong with a deliver step; `path` leads to the step."""
    path = (*path, "deliver")
    _check_files(step.deliver.files, (*path, "files"), scope, findings)
    offered = _offered(step.deliver.to, path, workflow, tools, findings)
    if offered is not None and (tool := offered.get("deliver")) is not None:
        given = step.deliver.model_dump(mode="json", include={"subject", "recipients", "body", "html"})
        check_arguments(tool, f"{step.deliver.to}.deliver", given, path, scope, findings, elsewhere=["files"])


def _offered(name: str, path: Path, workflow: Workflow, tools: Tools, findings: Findings) -> Mapping[str, Tool] | None:
    """Return the tools of the role that files go to, or say why it cannot take them."""
    able = [role for role, said in workflow.roles.items() if tools[role] is not None and _delivers(said)]
    near = nearest(name, able) or (able[0] if len(able) == 1 else None)
    hint = f"Did you mean `{near}`?" if near else f"Add it under `roles`: {name}: {{interface: {Delivery.interface}}}"
    if name not in tools:
        findings.say((*path, "to"), f"There is no role `{name}`", hint)
        return None
    if tools[name] is None:
        return None  # said where the role is
    if name not in able:
        hint = hint if near else f"Give it a role of its own, with {{interface: {Delivery.interface}}}"
        findings.say((*path, "to"), f"The role `{name}` does not deliver files", hint)
        return None
    return tools[name]


def _delivers(role: Role) -> bool:
    return role.interface == Delivery.interface or (role.kind is not None and issubclass(load(role.kind), Delivery))


def _check_files(text: str, path: Path, scope: Scope, findings: Findings) -> None:
    """`files` has to be a list of what a report step wrote; references that lead nowhere are said elsewhere."""
    offered = reference_type(text, scope)
    if offered is None:
        return
    kinds = members(items_of(offered))
    if kinds and all(is_model(kind) and issubclass(kind, ReportFacts) for kind in kinds):
        return
    reports = [name for name, given in scope.steps.items() if ReportResult in members(given)]
    hint = f"Write ${{{{ steps.{reports[-1]}.artifacts }}}}" if reports else "Put a report step before this one"
    findings.say(path, "`files` has to be the files that a report step wrote", hint)
