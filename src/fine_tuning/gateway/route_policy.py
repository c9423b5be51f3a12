"""The policy of a route: what answers for a name that applications use as model, and what takes its place when."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from fine_tuning._util import checks
from fine_tuning._util.option_model import OptionModel
from fine_tuning.errors import UsageError
from fine_tuning.experiments.design import MIN_SHARE
from fine_tuning.gateway.upstreams import LOCAL
from fine_tuning.store.records.routes import Route, RouteRevision

RETRIED = (408, 409, 429, 500, 502, 503, 504, 529)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}")
_MAX_SECONDS = 3600.0


class Target(NamedTuple):
    """What may answer a call: a model of an upstream, or of this server (`local/NAME`)."""

    upstream: str
    model: str

    @classmethod
    def of(cls, text: str) -> Target:
        """The target of a text such as openai/gpt-4o or local/support@champion.

        Raises:
            UsageError: it is none.
        """
        upstream, _, model = checks.name("target", text).partition("/")
        if not upstream or not model.strip():
            raise UsageError(f"{text!r} is no target; write UPSTREAM/MODEL, such as openai/gpt-4o, or {LOCAL}/MODEL")
        return cls(upstream, model)

    @property
    def is_local(self) -> bool:
        """Whether a model of this server answers."""
        return self.upstream == LOCAL

    def __str__(self) -> str:
        return f"{self.upstream}/{self.model}"


def _target(text: str) -> str:
    return str(Target.of(text))


TargetName = Annotated[str, AfterValidator(_target)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount = Annotated[float, Field(gt=0, le=checks.MAX_AMOUNT, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=checks.MAX_COUNT)]
Seconds = Annotated[float, Field(gt=0, le=_MAX_SECONDS, allow_inf_nan=False)]


class Shadow(OptionModel):
    """The candidate is asked, too, after the answer of the incumbent was delivered."""

    share: Share = Field(default=1.0, description="Share of the incumbent's answered calls.")
    max_calls: Count | None = Field(default=None, description="Number of calls, since the route was set.")
    max_dollars: Amount | None = Field(default=None, description="US dollars, where the price of the model is known.")


class Guardrails(OptionModel):
    """Limits of the candidate, beyond which the incumbent answers again."""

    error_rate: Share | None = Field(default=None, description="Share of failed calls.")
    latency_p95_seconds: Seconds | None = Field(default=None, description="95th percentile of the latency.")
    format_failures: Share | None = Field(default=None, description="Share of answers that are not JSON as demanded.")
    cost_per_call: Amount | None = Field(default=None, description="Mean, in US dollars, where prices are known.")
    min_calls: Count = Field(default=10, description="Number of calls from which on they are judged.")


class Fallback(OptionModel):
    """What answers where a target fails before the first byte of its answer."""

    targets: list[TargetName] = Field(default_factory=list, description="In this order.")
    timeout_seconds: Seconds = Field(default=600.0, description="Until the first byte of an answer.")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(default=1, description="Further tries of each target.")
    statuses: list[Annotated[int, Field(ge=400, le=599)]] = Field(
        default=list(RETRIED), description="Statuses that are tried again."
    )
    hedge_seconds: Seconds | None = Field(
        default=None, description="Without a first byte after this time, ask the next target at the same time."
    )


class Cache(OptionModel):
    """Answers of identical requests, from the memory of the server."""

    seconds: Seconds = Field(description="How long an answer is used.")


class RoutePolicy(OptionModel):
    """See the module. Shares are 0 to 1, of units: users or conversations."""

    incumbent: TargetName = Field(description="Answers today.")
    candidate: TargetName | None = Field(default=None, description="May replace it.")
    shadow: Shadow | None = None
    canary: str | None = Field(default=None, description="A/B test of incumbent (model_a) and candidate (model_b).")
    ramp: list[Share] = Field(
        default=[0.01, 0.05, 0.25, 0.5, 1.0], description="Shares of the candidate, one after the other."
    )
    ramp_samples: Count = Field(default=100, description="Scored samples of the candidate at each share.")
    outcome: str = Field(
        default="rating",
        description="What scores a sample of the canary: rating or correction of the feedback, one of its metrics by "
        "name, or format (whether the answer is JSON as the request demands), known at once.",
    )
    guardrails: Guardrails | None = None
    fallback: Fallback = Field(default_factory=Fallback)
    cache: Cache | None = None

    @field_validator("canary", "outcome")
    @classmethod
    def _named(cls, name: str | None) -> str | None:
        return None if name is None else checks.name("name", name)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        needs = [name for name in ("shadow", "canary", "guardrails") if getattr(self, name) is not None]
        if needs and self.candidate is None:
            raise UsageError(f"{needs[0]} is about a candidate; name one: candidate")
        if self.candidate == self.incumbent:
            raise UsageError(f"incumbent and candidate are both {self.incumbent}")
        if len(set(self.fallback.targets)) < len(self.fallback.targets):
            raise UsageError("a target is there twice in fallback.targets")
        if not self.ramp or self.ramp != sorted(set(self.ramp)) or self.ramp[0] < MIN_SHARE:
            raise UsageError(f"ramp must be rising shares from {MIN_SHARE:g} to 1, not {self.ramp}")
        return self

    def keeps_share(self, before: RoutePolicy, share: float) -> bool:
        """Whether the candidate keeps its share where this policy takes the place of another one.

        One that answers all calls does; one that answers some while its test and its ramp stay the same; one that was
        returned begins anew.
        """
        is_same = (self.incumbent, self.candidate) == (before.incumbent, before.candidate)
        has_same_ramp = (self.canary, self.ramp) == (before.canary, before.ramp)
        return is_same and (share == 1 or (share > 0 and has_same_ramp))

    def targets(self) -> list[Target]:
        """All targets, the incumbent first."""
        names = [self.incumbent, *filter(None, [self.candidate]), *self.fallback.targets]
        return [Target.of(name) for name in names]


def answers_today(route: Route | RouteRevision) -> Target:
    """What answers the calls of a route that take part in no test."""
    policy = RoutePolicy.of(route["policy"] or {})
    taken_over = policy.candidate is not None and route["share"] == 1
    return Target.of(policy.candidate if taken_over and policy.candidate else policy.incumbent)


def check_name(name: object) -> str:
    """The name of a route.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"invalid name of a route {name!r}; use up to 64 letters, digits and . _ : @ -")
    return name
