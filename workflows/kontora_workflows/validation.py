"""Checking a workflow before any model or system is touched: roles, tools, arguments, references, schedules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Union

from kontora_workflows.definition import (
    AgentStep,
    ApprovalStep,
    CallStep,
    DeliverStep,
    ForEachStep,
    Input,
    ReportStep,
    Step,
    TeamStep,
    WaitStep,
    Workflow,
)
from kontora_workflows.definitions.agent_check import check_definition
from kontora_workflows.definitions.calls import Tools, check_arguments, find_tool, reference_type
from kontora_workflows.definitions.delivery_check import check_delivery
from kontora_workflows.definitions.findings import Findings
from kontora_workflows.definitions.problems import Path, Positions, Problem
from kontora_workflows.definitions.report_check import ReportCheck
from kontora_workflows.definitions.results import (
    AgentResult,
    ApprovalResult,
    DeliveryResult,
    EscalatedResult,
    LoopResult,
    ReportResult,
    Skipped,
    TeamResult,
)
from kontora_workflows.definitions.schedules import check_schedule
from kontora_workflows.definitions.scope import ROOTS, Scope
from kontora_workflows.definitions.team_check import check_agent, check_team
from kontora_workflows.definitions.tools import ToolCatalog, UnknownTools, returns
from kontora_workflows.definitions.types import NoSuchPart, called, items_of, shape
from kontora_workflows.inputs import NotOfType, read_input
from kontora_workflows.loader import Loaded
from kontora_workflows.references import ReferenceSyntax, parse, texts

__all__ = ["ToolCatalog", "validate"]

#: Says why a model may not be used, by its name in kontora.toml (none: the default); empty if it may.
Refusal = Callable[[str | None], str]

#: Braces as other tools write them; here they would stay text.
_BARE = re.compile(r"(?<!\$)\{\{")


def validate(
    workflow: Workflow | Loaded, *, tools: ToolCatalog | None = None, refusal: Refusal | None = None
) -> list[Problem]:
    """Return everything that is wrong with a workflow, in the order of its file; an empty list if it can run.

    A workflow that was loaded from YAML has its problems with line and column. `refusal` says why the model of an
    agent may not be used where this runs.
    """
    if isinstance(workflow, Loaded):
        findings = Findings(workflow.source, workflow.positions)
        workflow = workflow.workflow
    else:
        findings = Findings(workflow.name, Positions())
    _Check(workflow, findings, tools or ToolCatalog(), refusal).all()
    return sorted(findings.problems, key=lambda problem: (problem.line or 0, problem.column or 0))


class _Check:
    """One pass over a workflow."""

    def __init__(self, workflow: Workflow, findings: Findings, catalog: ToolCatalog, refusal: Refusal | None) -> None:
        self.workflow, self.refusal = workflow, refusal
        self.findings = findings
        self.say = findings.say
        self.tools = self._roles(catalog)
        self.agent_steps: list[str] = []
        self.seen: set[str] = set()

    def all(self) -> None:
        """Check every part."""
        for name, definition in self.workflow.inputs.items():
            self._input(definition, ("inputs", name))
        for name, agent in self.workflow.agents.items():
            check_definition(agent, ("agents", name), self.findings)
            self._model(agent.model, ("agents", name, "model") if agent.model else ("agents", name))
            if agent.escalation is not None:
                self._model(agent.escalation.model, ("agents", name, "escalation", "model"))
            for position, tool in enumerate(agent.tools):
                find_tool(tool, ("agents", name, "tools", position), self.tools, self.findings)
        for position, schedule in enumerate(self.workflow.schedules):
            check_schedule(schedule, ("schedules", position), self.workflow, self.findings)
        scope = self._steps(self.workflow.steps, ("steps",), Scope.of(self.workflow))
        for name, text in self.workflow.outputs.items():
            self._texts(text, ("outputs", name), scope)
            self._one_reference(text, ("outputs", name))

    def _model(self, name: str | None, path: Path) -> None:
        """Say if a model may not be used here."""
        if self.refusal and (why := self.refusal(name)):
            self.say(path, why, "Name another model, or change [licences] in kontora.toml")

    def _roles(self, catalog: ToolCatalog) -> Tools:
        found: dict[str, Any] = {}
        for name, role in self.workflow.roles.items():
            try:
                found[name] = catalog.of(role)
            except UnknownTools as error:
                self.say(("roles", name, "interface" if role.interface else "kind"), error.message, error.hint)
                found[name] = None
        return found

    def _input(self, definition: Input, path: Path) -> None:
        plain = definition.model_copy(update={"enum": None})
        for position, value in enumerate(definition.enum or []):
            self._value(plain, value, (*path, "enum", position))
        if definition.default is not None:
            self._value(definition, definition.default, (*path, "default"))

    def _value(self, definition: Input, value: Any, path: Path) -> None:
        try:
            # Which day it is does not matter: only whether the value can be read.
            read_input(definition, value, today=date(2000, 1, 1))
        except NotOfType as error:
            self.say(path, f"`{path[-1] if isinstance(path[-1], str) else 'enum'}` {error}")

    def _steps(self, steps: list[Step], path: Path, scope: Scope) -> Scope:
        for position, step in enumerate(steps):
            here = (*path, position)
            if step.id in self.seen:
                self.say((*here, "id"), f"There are two steps `{step.id}`", "Give each step its own id")
            self.seen.add(step.id)
            own = step.model_dump(mode="json", exclude={"steps"})
            inner = self._inside(step, here, scope) if isinstance(step, ForEachStep) else scope
            # `key` is about one item, all else of a loop about the list.
            key = own.pop("key", None)
            self._texts(own, here, scope)
            self._texts(key, (*here, "key"), inner)
            for name in ("when", "for_each"):
                self._one_reference(own.get(name), (*here, name))
            result = self._step(step, here, scope, inner)
            scope = scope.with_step(step.id, Union[result, Skipped] if step.when else result)  # noqa: UP007 - a value
        return scope

    def _step(self, step: Step, path: Path, scope: Scope, inner: Scope) -> Any:
        """Check what is particular to a kind of step; return the type of its result, `Any` if unknown."""
        if isinstance(step, CallStep):
            return self._call(step.call, step.with_, path, scope)
        if isinstance(step, ApprovalStep):
            given = self._call(step.approval.call, step.approval.with_, (*path, "approval"), scope)
            return ApprovalResult[given]  # type: ignore[valid-type] # a type made at run time
        if isinstance(step, AgentStep):
            self.agent_steps.append(step.id)
            check_agent(step.agent, (*path, "agent"), self.workflow, self.findings)
            agent = self.workflow.agents.get(step.agent)
            return EscalatedResult if agent is not None and agent.escalation is not None else AgentResult
        if isinstance(step, ReportStep):
            for at, text in _references_of(step):
                self._one_reference(text, (*path, "report", *at))
            ReportCheck(path, scope, self.agent_steps, self.findings).check(step)
            return ReportResult
        if isinstance(step, DeliverStep):
            check_delivery(step, path, self.workflow, self.tools, scope, self.findings)
            return DeliveryResult
        if isinstance(step, WaitStep):
            return Skipped
        if isinstance(step, TeamStep):
            self.agent_steps.append(step.id)
            check_team(step, path, self.workflow, self.findings)
            if step.team.pattern == "selector":
                self._model(step.team.model, (*path, "team", "model") if step.team.model else (*path, "team"))
            return TeamResult
        before = list(self.agent_steps)
        self._steps(step.steps, (*path, "steps"), inner)
        self.agent_steps = before
        return LoopResult

    def _call(self, name: str, given: dict[str, Any], path: Path, scope: Scope) -> Any:
        tool = find_tool(name, (*path, "call"), self.tools, self.findings)
        if tool is None:
            return Any
        check_arguments(tool, name, given, (*path, "with"), scope, self.findings)
        return returns(tool)

    def _inside(self, step: ForEachStep, path: Path, scope: Scope) -> Scope:
        """Return what is visible inside a loop."""
        if step.as_ in ROOTS:
            self.say((*path, "as"), f"A loop variable cannot be called `{step.as_}`", "References begin with this word")
        elif step.as_ in scope.variables:
            self.say(
                (*path, "as"), f"The loop around this one has a variable `{step.as_}` already", "Take another name"
            )
        offered = reference_type(step.for_each, scope)
        item = Any if offered is None else items_of(offered)
        if item is None:
            self.say((*path, "for_each"), f"`for_each` needs a list, not {called(offered)}")
        inner = scope.within_loop(step.id, step.as_, Any if item is None else item)
        if step.key is not None and shape(reference_type(step.key, inner)) in ("list", "object"):
            self.say((*path, "key"), "`key` has to be a single value that names an item", "Take one of its fields")
        return inner

    def _texts(self, value: Any, path: Path, scope: Scope) -> None:
        """Check every reference inside a value."""
        for at, text in texts(value, path):
            if _BARE.search(text):
                self.say(at, "`{{ }}` is not a reference", "Write it with a dollar: ${{ inputs.name }}")
            try:
                for reference in parse(text).references:
                    scope.type_of(reference)
            except ReferenceSyntax as error:
                self.say(at, error.message, "Write it as ${{ steps.ageing.total }}")
            except NoSuchPart as error:
                self.say(at, error.message, error.hint)

    def _one_reference(self, text: str | None, path: Path) -> None:
        """Say if a text that has to be one reference is more or less than that; bad syntax is said elsewhere."""
        try:
            if text is not None and parse(text).reference is None:
                self.say(
                    path, f"`{path[-1]}` has to be one reference and nothing else", "Write it as ${{ inputs.name }}"
                )
        except ReferenceSyntax:
            return


def _references_of(step: ReportStep) -> Iterator[tuple[Path, str]]:
    """Yield every place of a report that has to be one reference."""
    for position, section in enumerate(step.report.model_dump(mode="json")["sections"]):
        at: Path = ("sections", position)
        for kind, body in section.items():
            if kind == "figures":
                yield from (((*at, kind, i, "value"), figure["value"]) for i, figure in enumerate(body))
            elif isinstance(body, dict):
                yield from (((*at, kind, key), body[key]) for key in ("rows", "currency") if body.get(key))
            elif kind == "currency" and body:
                yield (*at, kind), body
