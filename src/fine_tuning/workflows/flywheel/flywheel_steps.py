"""The steps of a run of the flywheel; each finds out by itself what it has done before it was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning.ab_testing import ABTestFramework
from fine_tuning.data_io.json_values import as_number, object_or_empty
from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.distillation.import_report import ImportReport
from fine_tuning.errors import ConflictError
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.agreement import agreement
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_policy import RoutePolicy, Target, answers_today
from fine_tuning.gateway.upstreams import LOCAL
from fine_tuning.store import route_answers
from fine_tuning.store.examples import CURATED_RATING
from fine_tuning.store.records.flywheels import EndStatus, FlywheelRun
from fine_tuning.store.records.routes import Route
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.bakeoff.fine_tune_candidate import WaitForJob
from fine_tuning.workflows.bakeoff.register_winner import register_winner
from fine_tuning.workflows.bakeoff.run_bakeoff import BakeoffOutcome, BakeoffRun
from fine_tuning.workflows.flywheel.flywheel_policy import FlywheelPolicy, StepName
from fine_tuning.workflows.labelling.label_plan import LabelPlan
from fine_tuning.workflows.labelling.label_prompts import Prompts, prompt_of
from fine_tuning.workflows.labelling.run_labelling import Labelling

OnMessage = Callable[[str], None]
Facts = Mapping[str, JsonColumn]  # of the steps that have ended, by their names
ACTOR = "flywheel"


class Done(NamedTuple):
    """A step has ended."""

    facts: JsonColumn


class Waits(NamedTuple):
    """A step waits for calls."""

    reason: str


class Ends(NamedTuple):
    """The run ends with this step."""

    status: EndStatus
    reason: str


Outcome = Done | Waits | Ends


@dataclass(frozen=True)
class StepContext:
    """What a step works with.

    Attributes:
        facts: of the steps before.
    """

    workspace: Workspace
    run: FlywheelRun
    policy: FlywheelPolicy
    facts: Facts
    on_message: OnMessage
    wait_for_job: WaitForJob

    @property
    def place(self) -> tuple[str, str]:
        """Project and route."""
        return self.policy.place

    @property
    def name(self) -> str:
        """Of the dataset and the test of this run."""
        return f"flywheel-{self.run['id']}"

    @property
    def left(self) -> float | None:
        """US dollars that the budget has left; None without one. Where it is unknown what a step cost, nothing is."""
        if self.policy.budget is None:
            return None
        spent = [each["spent"] for each in self.facts.values() if "spent" in each]
        return 0.0 if None in spent else max(0.0, self.policy.budget - sum(spent))

    @property
    def candidate(self) -> str:
        """The target that may take over."""
        return str(self.facts["bakeoff"]["candidate"])

    def route(self) -> Route:
        """The route as it is now."""
        with self.workspace.database.read() as tx:
            return route_changes.find(tx, *self.place)


def label(context: StepContext) -> Outcome:
    """Have the teacher answer the newest calls whose answers nobody called good."""
    chosen = context.policy.label
    if chosen is None:
        return Done({})
    with context.workspace.database.read() as tx:
        found = route_answers.without_good_rating(tx, *context.place, CURATED_RATING, chosen.calls)
    if not found:
        return Done({"labels": 0, "spent": 0.0})
    prompts = Prompts([prompt_of(each) for each in found], ImportReport(), 0)
    plan = LabelPlan.of({"project": context.policy.project, "budget": context.left})
    run = Labelling(context.workspace, prompts, chosen.teacher, plan)
    try:
        outcome = run.run()
        stored = run.store(outcome.labels)
    finally:
        run.close()
    spent = None if isnan(outcome.spent) else outcome.spent
    return Done({"labels": len(outcome.labels), "new": stored, "spent": spent, "is_whole": outcome.is_whole})


def build(context: StepContext) -> Outcome:
    """Build a dataset of the route's calls."""
    builder = DatasetBuilder(workspace=context.workspace)
    project, route = context.place
    manifest = builder.build(context.name, project=project, metadata={"route": route}, test=0.2, validation=0.15)
    rows = {name: part["rows"] for name, part in manifest["parts"].items()}
    return Done({"dataset": context.name, "hash": manifest["hash"], "rows": rows})


def bakeoff(context: StepContext) -> Outcome:
    """Compare the candidates with the model that answers, and register the winner."""
    today = answers_today(context.route())
    plan = context.policy.bakeoff.model_copy(update={"incumbent": today.model, "budget": context.left})
    run = BakeoffRun(context.workspace, plan, context.on_message, context.wait_for_job)
    outcome = run.run(context.name)
    if outcome.winner is None:
        return Ends("stopped", f"bake-off {outcome.id}: no cheaper candidate is shown not to be worse than {today}")
    try:
        version = register_winner(context.workspace, outcome, context.policy.model_name)
    except ConflictError as error:  # it is a model that is there already
        return Ends("stopped", str(error))
    target = Target(LOCAL, version_name(version["model_name"], version["version"]))
    return Done({**_figures(outcome), "incumbent": str(today), "candidate": str(target)})


def _figures(outcome: BakeoffOutcome) -> JsonColumn:
    results = {each["name"]: each for each in outcome.results}
    found, incumbent = results[outcome.winner or ""], results[outcome.incumbent]
    return {
        "bakeoff": outcome.id,
        "winner": outcome.winner,
        "quality": found["quality"],
        "is_agreement": outcome.is_agreement,
        "cost_per_call": found["cost_per_call"]["value"],
        "incumbent_cost_per_call": incumbent["cost_per_call"]["value"],
        "spent": None if isnan(outcome.spent) else outcome.spent,
    }


def gate(context: StepContext) -> Outcome:
    """Check what the policy demands of the winner beyond not being worse."""
    demanded, found = context.policy.gate, context.facts["bakeoff"]
    quality, price = found["quality"]["low"], found["incumbent_cost_per_call"]
    if demanded.min_quality is not None and not quality >= demanded.min_quality:
        what = "agreement" if found["is_agreement"] else "quality"
        return Ends("stopped", f"{what} may be as low as {quality:.1%}, below {demanded.min_quality:.1%}")
    if demanded.min_saving is None:
        return Done({})
    if not price or found["cost_per_call"] is None:
        return Ends("stopped", "the saving is not known: a price is missing")
    saving = 1 - found["cost_per_call"] / price
    if saving < demanded.min_saving:
        return Ends("stopped", f"it saves {saving:.1%} of the price of a call, less than {demanded.min_saving:.1%}")
    return Done({"saving": saving})


def shadow(context: StepContext) -> Outcome:
    """Have the winner asked beside the model that answers, until enough answers are compared."""
    chosen, route = context.policy.shadow, context.route()
    if not _is_ours(context, route):
        if _has_set(context):
            return _changed_by_others()
        if context.left == 0:
            return Ends("stopped", "the budget is spent")
        limit = {} if context.left is None else {"max_dollars": context.left}
        _set(context, _next_policy(context, route, shadow={"share": chosen.share, **limit}), "asked in shadow")
        return Waits(f"{chosen.pairs:,} answers of {context.candidate} in shadow")
    with context.workspace.database.read() as tx:
        found = agreement(tx, *context.place)
    if found["pairs"] < chosen.pairs and _is_shadow_paid_up(route):
        _set(context, _without_candidate(context, route), "the budget is spent")
        return Ends("stopped", f"the budget is spent: {found['pairs']:,} of {chosen.pairs:,} answers in shadow")
    if found["pairs"] < chosen.pairs:
        return Waits(f"{chosen.pairs - found['pairs']:,} more answers of {context.candidate} in shadow")
    low = found["low"]
    if chosen.min_agreement is not None and low is None:
        return Waits("calls of more users or conversations, by which agreement in shadow is known")
    if chosen.min_agreement is not None and low is not None and low < chosen.min_agreement:
        _set(context, _without_candidate(context, route), "agreement in shadow")
        return Ends("stopped", f"agreement in shadow may be as low as {low:.1%}, below {chosen.min_agreement:.1%}")
    return Done({**found, "spent": route["shadow_dollars"]})


def canary(context: StepContext) -> Outcome:
    """Let the winner answer a share of the calls, which a verdict raises until it answers all of them."""
    chosen, route = context.policy.canary, context.route()
    if not _is_ours(context, route):
        return _changed_by_others()
    if route["policy"].get("canary") != context.name:
        tests, incumbent = ABTestFramework(workspace=context.workspace), route["policy"]["incumbent"]
        tests.create_test(context.name, incumbent, context.candidate, margin=chosen.margin)
        more: JsonColumn = {"canary": context.name, "ramp": list(chosen.ramp), "ramp_samples": chosen.ramp_samples}
        rails = None if chosen.guardrails is None else chosen.guardrails.model_dump()
        more |= {"outcome": chosen.outcome, "guardrails": rails or route["policy"].get("guardrails")}
        _set(context, _next_policy(context, route, **more), "answers a share of the calls")
        return Waits("a verdict")
    if route["share"] == 1:
        return Done({"test": context.name})
    if route["share"] == 0:
        with context.workspace.database.read() as tx:
            last = route_changes.history(tx, *context.place)[-1]
        return Ends("stopped", f"the route was returned: {last['reason']}")
    return Waits(f"a verdict: {context.candidate} answers {route['share']:.1%} of the calls")


STEP_FUNCTIONS: Mapping[StepName, Callable[[StepContext], Outcome]] = {
    "label": label,
    "build": build,
    "bakeoff": bakeoff,
    "gate": gate,
    "shadow": shadow,
    "canary": canary,
}


def _is_shadow_paid_up(route: Route) -> bool:
    """Whether its budget lets no further call be asked in shadow."""
    limit = as_number(object_or_empty(route["policy"].get("shadow")).get("max_dollars"))
    return limit is not None and route["shadow_dollars"] >= limit


def _is_ours(context: StepContext, route: Route) -> bool:
    return bool(route["policy"].get("candidate") == context.candidate)


def _changed_by_others() -> Ends:
    return Ends("stopped", "the route was given another candidate meanwhile")


def _next_policy(context: StepContext, route: Route, **more: object) -> RoutePolicy:
    """The route's policy with the winner as the candidate; the one that was replaced before remains a fallback."""
    today, policy = str(answers_today(route)), route["policy"]
    fallback: JsonColumn = policy.get("fallback", {})
    others = [each for each in (policy["incumbent"], *fallback.get("targets", [])) if each != today]
    kept: JsonColumn = {name: policy[name] for name in ("cache", "guardrails", "outcome") if name in policy}
    kept |= {"incumbent": today, "candidate": context.candidate}
    kept["fallback"] = {**fallback, "targets": list(dict.fromkeys(others))}
    return RoutePolicy.of({**kept, **more})


def _without_candidate(context: StepContext, route: Route) -> RoutePolicy:
    found = _next_policy(context, route).model_dump(exclude_defaults=True)
    return RoutePolicy.of({name: value for name, value in found.items() if name not in ("candidate", "guardrails")})


def _has_set(context: StepContext) -> bool:
    """Whether this run has changed the route."""
    with context.workspace.database.read() as tx:
        found = route_changes.history(tx, *context.place)
    return any(each["changed_by"] == "flywheel" and (each["reason"] or "").startswith(_says(context)) for each in found)


def _says(context: StepContext) -> str:
    return f"run {context.run['id']}: "


def _set(context: StepContext, policy: RoutePolicy, reason: str) -> None:
    change = Change("flywheel", ACTOR, f"{_says(context)}{context.candidate}: {reason}")
    route_changes.save(context.workspace, *context.place, policy, change)
