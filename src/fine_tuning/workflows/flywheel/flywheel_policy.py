"""The policies of the flywheel: one file, a table for each route."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from fine_tuning._util import checks
from fine_tuning._util.option_model import OptionModel
from fine_tuning.candidates.instructions_file import model_with_file, read_instructions
from fine_tuning.errors import DataError, NotFoundError, StorageError, UsageError
from fine_tuning.gateway.route_policy import Amount, Count, Guardrails, RoutePolicy, Share, check_name
from fine_tuning.store.projects import DEFAULT_PROJECT, check_project
from fine_tuning.workflows.bakeoff.bakeoff_plan import BakeoffPlan

StepName = Literal["label", "build", "bakeoff", "gate", "shadow", "canary"]
STEPS: tuple[StepName, ...] = ("label", "build", "bakeoff", "gate", "shadow", "canary")
_OWN_CHOICES = ("incumbent", "budget")  # of a bake-off, which the flywheel makes


class Triggers(OptionModel):
    """When a run begins; each by itself."""

    ratings: Count | None = Field(default=None, description="Number of rated calls since the last run.")
    schedule: str | None = Field(default=None, description="Times as in cron, UTC: minute hour day month weekday.")
    drift: bool = Field(default=False, description="Inputs, outputs or quality have drifted.")
    retires_within_days: Count | None = Field(
        default=None, description="The model that answers is shut down within so many days."
    )

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, schedule: str | None) -> str | None:
        from fine_tuning.workflows.flywheel.schedule import times

        if schedule is not None:
            times(schedule)
        return schedule


class Drift(OptionModel):
    """What is called drift."""

    alpha: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.03, description="Probability that a run begins by mistake, over all looks until the next one."
    )
    reference: Annotated[int, Field(ge=50, le=5000)] = Field(
        default=500, description="Conversations that new ones are compared with."
    )
    min_quality: Share | None = Field(
        default=None, description="Share of good answers, by ratings, below which quality has drifted."
    )
    judge: str | None = Field(
        default=None,
        pattern=r"\S",
        description="Model that grades answers; worse grades than those of the first answers are drift.",
    )
    judged: Annotated[int, Field(ge=20, le=5000)] = Field(
        default=200, description="Answers of each side that the judge grades at most, each once."
    )


class Labels(OptionModel):
    """Answers of a teacher to calls whose answers are not rated, or badly."""

    teacher: str = Field(pattern=r"\S", description="Model that answers.")
    calls: Count = Field(default=500, description="Number of calls, the newest first.")


class Gate(OptionModel):
    """What the winner of a bake-off must reach beyond not being worse."""

    min_quality: Share | None = Field(default=None, description="Lower end of the interval of its quality.")
    min_saving: Share | None = Field(default=None, description="Share of the incumbent's price of a call.")


class ShadowStep(OptionModel):
    """The winner is asked beside the model that answers."""

    share: Annotated[Share, Field(gt=0)] = Field(default=1.0, description="Share of the calls.")
    pairs: Count = Field(default=200, description="Number of compared answers.")
    min_agreement: Share | None = Field(default=None, description="Lower end of the interval of the agreement.")


class CanaryStep(OptionModel):
    """The winner answers a share of the calls, which only a verdict raises."""

    margin: Annotated[float, Field(gt=0, lt=1)] = Field(default=0.05, description="Difference that does not matter.")
    ramp: tuple[Share, ...] = Field(default=(0.01, 0.05, 0.25, 0.5, 1.0), description="Shares, one after the other.")
    ramp_samples: Count = Field(default=100, description="Scored samples at each share.")
    outcome: str = Field(default="rating", description="What scores a sample; see routes.")
    guardrails: Guardrails | None = None


class FlywheelPolicy(OptionModel):
    """The standing loop of one route."""

    route: str
    project: str = DEFAULT_PROJECT
    model_name: str = Field(description="Registered name of the winners.")
    when: Triggers = Field(default_factory=Triggers)
    drift: Drift = Field(default_factory=Drift)
    label: Labels | None = None
    bakeoff: BakeoffPlan = Field(default_factory=BakeoffPlan)
    gate: Gate = Field(default_factory=Gate)
    shadow: ShadowStep = Field(default_factory=ShadowStep)
    canary: CanaryStep = Field(default_factory=CanaryStep)
    approval: tuple[StepName, ...] = Field(default=("canary",), description="Steps that a person lets begin.")
    budget: Amount | None = Field(
        default=None, description="US dollars that labels, asked models and shadow may cost in a run."
    )

    @field_validator("route")
    @classmethod
    def _is_route(cls, name: str) -> str:
        return check_name(name)

    @field_validator("project")
    @classmethod
    def _is_project(cls, name: str) -> str:
        return check_project(name)

    @field_validator("model_name")
    @classmethod
    def _is_model_name(cls, name: str) -> str:
        return checks.name("model_name", name)

    @model_validator(mode="after")
    def _can_be_followed(self) -> FlywheelPolicy:
        """Refuse now what the route would refuse, or never end, when labels and a bake-off are paid for."""
        chosen = self.canary
        rails = {} if chosen.guardrails is None else {"guardrails": chosen.guardrails.model_dump()}
        more = {"ramp": list(chosen.ramp), "ramp_samples": chosen.ramp_samples, "outcome": chosen.outcome, **rails}
        try:
            RoutePolicy.of({"incumbent": "openai/any", "candidate": f"local/{self.model_name}", **more})
        except UsageError as error:
            raise UsageError(f"canary: {error}") from None
        if chosen.ramp[-1] != 1:
            raise UsageError(f"canary: the last share of ramp must be 1, by which a run ends, not {chosen.ramp[-1]:g}")
        return self

    @property
    def place(self) -> tuple[str, str]:
        """Project and route."""
        return self.project, self.route


def read_policies(file: Path) -> list[FlywheelPolicy]:
    """The policies in a TOML file: a table for each route, named like it.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is no TOML, or a policy is wrong; the message names the route.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotFoundError(f"{file}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{file} cannot be read: {error}") from None
    if not tables:
        raise UsageError(f"{file} has no policy: write a table for each route, such as [support-triage]")
    return [_policy(file, route, table) for route, table in tables.items()]


def policy_of(stored: Mapping[str, object]) -> FlywheelPolicy:
    """The policy that a run was begun with."""
    return FlywheelPolicy.of(_with_tuples(stored))  # type: ignore[arg-type]


def _policy(file: Path, route: str, table: object) -> FlywheelPolicy:
    if not isinstance(table, dict):
        raise UsageError(f"{file}: {route} is no table; write [{route}] above what belongs to it")
    given = {"route": route, "model_name": route, **_with_tuples(table)}  # type: ignore[dict-item]
    bakeoff = given.get("bakeoff")
    if isinstance(bakeoff, dict) and (own := [name for name in _OWN_CHOICES if name in bakeoff]):
        raise UsageError(f"{file}, route {route}: bakeoff.{own[0]} is chosen by the flywheel")
    try:
        policy = FlywheelPolicy.of(given)
        for prompt in policy.bakeoff.prompt_files:  # before labels are paid
            read_instructions(model_with_file(prompt).file)
    except (UsageError, NotFoundError, DataError, StorageError) as error:
        raise UsageError(f"{file}, route {route}: {error}") from None
    return policy


def _with_tuples(value: object) -> object:
    """The value with tuples in place of lists, which option models have."""
    if isinstance(value, Mapping):
        return {key: _with_tuples(each) for key, each in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list | tuple) else value
