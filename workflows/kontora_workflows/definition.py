"""The form of a workflow: data that a YAML file and Python code write alike, and that the engine runs."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from kontora_agents.definition import AgentDefinition, Limits, ToolName
from kontora_agents.duration import Duration
from kontora_agents.team import Pattern
from kontora_connectors.data_classes import DataClass
from pydantic import BaseModel, ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator, model_validator
from pydantic_core import PydanticCustomError

from kontora_workflows.definitions.literals import Json, Scalar
from kontora_workflows.reports.definition import Reference, ReportDefinition, Text

InputType = Literal["string", "integer", "decimal", "boolean", "date"]

#: Name of a workflow: `receivables-ageing`.
Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)]

#: Name of anything that references can name: steps, inputs, roles, agents, loop variables.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class Form(BaseModel):
    """Base of the form: frozen, no unknown keys, `with_` and `as_` in Python are `with` and `as` in files."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)


class Role(Form):
    """A place for a connector: what has to sit there, an interface (several kinds provide it) or one kind."""

    interface: str | None = None
    kind: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Role:
        if (self.interface is None) == (self.kind is None):
            raise PydanticCustomError("role", "A role names either an interface or a kind", {})
        return self


class Input(Form):
    """One input of a workflow. Dates know the defaults `today` and `yesterday`."""

    type: InputType
    default: Scalar | None = None
    enum: Annotated[list[Scalar], Field(min_length=1)] | None = None
    description: Text = ""

    @property
    def required(self) -> bool:
        """Whether a run cannot start without it."""
        return self.default is None


#: What a fire does while a run of the same schedule is still open.
Overlap = Literal["skip", "queue_one", "allow", "cancel_running"]

#: Which of the fires that nobody was there for are made up for.
CatchUp = Literal["none", "latest", "all"]


class SchedulePolicy(Form):
    """How a schedule fires, besides when."""

    overlap: Overlap = Field("skip", description="what a fire does while a run of this schedule is still open")
    catch_up: CatchUp = Field("latest", description="which missed fires are made up for")
    window: Duration = Field(timedelta(hours=24), description="a fire that is older than this is missed for good")
    jitter: Duration | None = Field(None, description="a run begins up to this much later, always the same for a fire")
    start: date | None = Field(None, description="the first day on which it fires")
    end: date | None = Field(None, description="the last day on which it fires")
    expect_within: Duration | None = Field(
        None, description="a run that has not ended this long after its logical time raises an alert"
    )


class Schedule(SchedulePolicy):
    """When a workflow runs by itself: five fields of cron in an IANA time zone."""

    cron: str
    timezone: str
    inputs: dict[str, Json] = Field(default_factory=dict)


class BaseStep(Form):
    """What all steps have. A falsy `when` (false, 0, empty, null) skips the step.

    A step that is not done `timeout` after it was entered first fails; time that a run waits counts.
    """

    #: The key that tells this kind of step from the others.
    kind: ClassVar[str]

    id: Name
    title: Text | None = None
    when: Reference | None = None
    timeout: Duration | None = None


class CallStep(BaseStep):
    """Call one tool of a connector; no model is asked. A write waits for a person where policy says so."""

    kind: ClassVar[str] = "call"

    call: ToolName
    with_: dict[str, Json] = Field(default_factory=dict, alias="with")


class AgentStep(BaseStep):
    """Let an agent work on a task made of the values in `with`."""

    kind: ClassVar[str] = "agent"

    agent: Name
    with_: dict[str, Json] = Field(default_factory=dict, alias="with")


class TeamEnding(Form):
    """How a team ends: with a line that a member writes, or after so many contributions."""

    says: Annotated[str, Field(min_length=1, max_length=80)] | None = Field(
        None, description="a line by itself, as a member writes it when all is done"
    )
    by: Name | None = Field(None, description="the member that has to write it; any, if left out")
    speeches: int | None = Field(None, ge=1, le=100, description="contributions of all members; 12 if left out")


class PersonDefinition(Form):
    """A person whom the members of a swarm may ask. Without an answer in time they are told so."""

    instructions: Text | None = Field(None, description="what the person should know before answering")
    expires_after: Duration = timedelta(hours=72)


class TeamLimits(Limits):
    """Where a team has to stop, all members together. Its members have limits of their own as well."""

    turns: int = Field(40, ge=1, le=500, description="answers of all models")
    tool_calls: int = Field(100, ge=0, le=1000)
    seconds: float = Field(1800, gt=0, description="time of the team's step, waiting for people not counted")
    tokens: int = Field(500_000, ge=1, description="prompt and completion tokens together")


class TeamDefinition(Form):
    """Which agents work together, who speaks next, and when they are done."""

    pattern: Pattern = Field(
        description="who speaks next: the next agent, whom a model picks, or who is handed over to"
    )
    agents: list[Name] = Field(min_length=2, description="the first one begins, except where a model picks")
    ends: TeamEnding = TeamEnding()
    answer_of: Name | None = Field(None, description="whose last words are the result; left out: who spoke last")
    person: PersonDefinition | None = Field(None, description="swarm only: a person who may be handed over to")
    model: str | None = Field(None, description="selector only: name of the model that picks who speaks next")
    limits: TeamLimits = TeamLimits()


class TeamStep(BaseStep):
    """Let several agents work together on a task made of the values in `with`."""

    kind: ClassVar[str] = "team"

    team: TeamDefinition
    with_: dict[str, Json] = Field(default_factory=dict, alias="with")


class ForEachStep(BaseStep):
    """Do steps for each item of a list. `key` names an item in the ledger; left out, its position does."""

    kind: ClassVar[str] = "for_each"

    for_each: Reference
    as_: Name = Field("item", alias="as")
    key: Reference | None = None
    steps: list[Step] = Field(min_length=1)


class ApprovalDefinition(Form):
    """A gated write: the exact call a person is asked to agree to. Without a decision in time the answer is no."""

    title: Text
    call: ToolName
    with_: dict[str, Json] = Field(default_factory=dict, alias="with")
    expires_after: Duration = timedelta(hours=72)
    people: Literal[1, 2] = Field(1, description="how many different people have to agree")
    instructions: Text | None = Field(None, description="what the person should look at")


class ApprovalStep(BaseStep):
    """Ask a person to agree to one call, and make it once after a yes."""

    kind: ClassVar[str] = "approval"

    approval: ApprovalDefinition


class ReportStep(BaseStep):
    """Write a report from what earlier steps gave."""

    kind: ClassVar[str] = "report"

    report: ReportDefinition


class DeliveryDefinition(Form):
    """Files to hand over, once. A person is asked where they leave the house; without a yes in time they stay."""

    to: Name = Field(description="role whose connector provides `delivery`: a folder, mail")
    files: Reference = Field(description="what a report step wrote: `${{ steps.report.artifacts }}`")
    subject: str = Field(min_length=1, description="one line")
    recipients: list[str] = Field(default_factory=list, description="mail addresses; a folder needs none")
    body: str = Field("", description="plain text")
    html: str = Field("", description="the body once more, for programs that show HTML")
    expires_after: Duration = timedelta(hours=72)


class DeliverStep(BaseStep):
    """Hand files over to a folder, or to people by mail, and keep the receipt."""

    kind: ClassVar[str] = "deliver"

    deliver: DeliveryDefinition


class WaitStep(BaseStep):
    """Let time pass. No worker is held meanwhile."""

    kind: ClassVar[str] = "wait"

    wait: Duration


AnyStep = CallStep | AgentStep | TeamStep | ForEachStep | ApprovalStep | ReportStep | DeliverStep | WaitStep

#: Every kind of step by the key that tells it.
STEP_KINDS: dict[str, type[AnyStep]] = {
    cls.kind: cls
    for cls in (CallStep, AgentStep, TeamStep, ForEachStep, ApprovalStep, ReportStep, DeliverStep, WaitStep)
}


def _read_step(value: Any, _: ValidatorFunctionWrapHandler) -> Any:
    """Pick the kind of step by its key, so that what is wrong inside is said about that kind only."""
    if isinstance(value, BaseStep):
        return value
    if not isinstance(value, dict):
        raise PydanticCustomError("step", "A step is a mapping with an `id` and a kind", {})
    kinds = [kind for kind in STEP_KINDS if kind in value]
    if not kinds:
        raise PydanticCustomError("step_kind", "This step does not say what it does", {"keys": list(value)})
    if len(kinds) > 1:
        raise PydanticCustomError("step_kinds", "This step is of two kinds: {kinds}", {"kinds": " and ".join(kinds)})
    return STEP_KINDS[kinds[0]].model_validate(value, by_name=False, by_alias=True)


Step = Annotated[AnyStep, WrapValidator(_read_step)]
ForEachStep.model_rebuild()


class Workflow(Form):
    """A workflow: which systems and inputs it needs, and its steps, which run one after another."""

    apiVersion: Literal["kontora/v1"] = "kontora/v1"
    name: Slug
    title: Text
    description: Text = ""
    data_class: DataClass = Field("confidential", description="of its inputs and instructions; results have their own")
    roles: dict[Name, Role] = Field(default_factory=dict)
    inputs: dict[Name, Input] = Field(default_factory=dict)
    agents: dict[Name, AgentDefinition] = Field(default_factory=dict)
    schedules: list[Schedule] = Field(default_factory=list)
    deadline: Duration | None = Field(None, description="a run that has not ended this long after its start times out")
    steps: list[Step] = Field(min_length=1)
    outputs: dict[Name, Reference] = Field(default_factory=dict)

    @cached_property
    def as_json(self) -> str:
        """The whole definition as canonical JSON, defaults filled in."""
        form = self.model_dump(mode="json")
        return json.dumps(form, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    def steps_below(self, path: str | None) -> list[Step]:
        """The steps at a path of loops (`reminders/letters`); without one, those of the workflow itself."""
        steps = self.steps
        for part in filter(None, (path or "").split("/")):
            loop = next(step for step in steps if step.id == part)
            assert isinstance(loop, ForEachStep)
            steps = loop.steps
        return steps


def definition_hash(workflow: Workflow) -> str:
    """Return the SHA-256 (hex) of the whole definition: what a run was started with."""
    return hashlib.sha256(workflow.as_json.encode()).hexdigest()
