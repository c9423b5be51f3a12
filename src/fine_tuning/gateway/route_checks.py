"""Whether a policy can be followed: its upstreams, models and A/B test exist."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fine_tuning._util.model_names import is_fine_tuned, parse_checkpoint_name
from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.experiments.design import Design
from fine_tuning.gateway import litellm_limits
from fine_tuning.gateway.route_policy import RoutePolicy, Target
from fine_tuning.gateway.upstreams import LOCAL, Upstream
from fine_tuning.serving.model_resolution import find_target
from fine_tuning.store import artifacts, checkpoint_permissions, experiments, jobs, routes
from fine_tuning.store.database import Transaction
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.experiments import Experiment


def check_targets(
    tx: Transaction, project: str, policy: RoutePolicy, upstreams: Mapping[str, Upstream], aliases: Collection[str]
) -> None:
    """Check that every target exists.

    Args:
        aliases: of the server's models.

    Raises:
        UsageError: one does not.
    """
    for target in policy.targets():
        if target.is_local:
            _check_local(tx, project, target.model, aliases)
            continue
        upstream = upstreams.get(target.upstream)
        if upstream is None:
            known = ", ".join(sorted([*upstreams, LOCAL]))
            raise UsageError(f"{target}: no upstream {target.upstream}; there are {known} (FINE_TUNING_UPSTREAMS)")
        if upstream.vendor is not None and not litellm_limits.is_model(target.model):
            raise UsageError(f"{target}: no name of a model of {upstream.vendor}, as LiteLLM has them")


def _check_local(tx: Transaction, project: str, name: str, aliases: Collection[str]) -> None:
    if name in aliases or catalogue.is_embedded(name) or _is_trained(tx, project, name):
        return
    reason = "it is neither an alias, nor a base model, nor a model of this project"
    if project == DEFAULT_PROJECT and not is_fine_tuned(name):
        try:
            if find_target(tx, name) is not None:
                return
        except (ConflictError, NotFoundError) as error:
            reason = str(error)
    if routes.get(tx, project, name) is not None:
        reason = "it is a route, which is no target: routes could lead in a circle"
    raise UsageError(f"{LOCAL}/{name}: no such model: {reason}")


def _is_trained(tx: Transaction, project: str, name: str) -> bool:
    """Whether it is a model that was trained here, or a checkpoint of one, that the project may use."""
    model, step = parse_checkpoint_name(name) or (name, None)
    job = jobs.find_by_model(tx, model)
    if job is None or job["provider"] != LOCAL:
        return False
    is_there = step is None or artifacts.epoch_at(tx, job["id"], step) is not None
    return is_there and (job["project"] == project or checkpoint_permissions.has(tx, name, project))


def check_canary(tx: Transaction, policy: RoutePolicy) -> None:
    """Check that the A/B test is one of incumbent and candidate, and can be ramped.

    Raises:
        NotFoundError: there is no such test.
        UsageError, ConflictError: it is another one, or over.
    """
    if policy.canary is None:
        return
    test = experiments.get(tx, policy.canary)
    if test is None:
        known = ", ".join(experiments.ids(tx)) or "none"
        raise NotFoundError(f"no A/B test {policy.canary} (known: {known}); create it: ft-cli setup-ab-test")
    if test["status"] != "running":
        raise ConflictError(f"A/B test {policy.canary} is over; a canary needs a running one")
    design = Design.of(**test["design"])
    _check_models(policy, test)
    if design.auto:
        raise UsageError(f"A/B test {policy.canary} deploys its winner by itself, which the route does; leave out auto")
    split = design.split or 0.5
    if above := [share for share in policy.ramp if split < share < 1]:
        raise UsageError(f"ramp: A/B test {policy.canary} gives the candidate {split:g} of the units, not {above[0]:g}")


def _check_models(policy: RoutePolicy, test: Experiment) -> None:
    for label, name, model in (
        ("incumbent", policy.incumbent, test["model_a"]),
        ("candidate", policy.candidate, test["model_b"]),
    ):
        target = Target.of(str(name))
        if model not in (str(target), target.model):
            raise UsageError(f"A/B test {test['id']} has {model} in place of the {label} {target}")
    if test["more"]:
        raise UsageError(f"A/B test {test['id']} has further models; a canary has one candidate")
