"""The routes of projects, read from the database once a second, and what answers a call by them."""

from __future__ import annotations

import logging
from typing import NamedTuple

from fine_tuning.errors import FineTuningError, StorageError
from fine_tuning.experiments.assignment import assign, takes_part
from fine_tuning.experiments.design import Design
from fine_tuning.experiments.sufficient_statistics import B
from fine_tuning.gateway.remembered import Remembered
from fine_tuning.gateway.route_policy import RoutePolicy, Target
from fine_tuning.store import experiments, routes
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.experiment_json import Arm, Slots
from fine_tuning.store.records.experiments import Experiment
from fine_tuning.store.records.gateway_calls import Role
from fine_tuning.store.records.routes import Route

_log = logging.getLogger(__name__)
CANDIDATE: Role = "candidate"


class CanaryTest(NamedTuple):
    """The running A/B test of a canary."""

    id: str
    salt: str
    slots: Slots
    split: float

    def arm_of(self, unit: str) -> Arm | None:
        """The arm of a unit; None where it takes no part."""
        return assign(self.id, unit, self.split) if takes_part(self.salt, unit, self.slots) else None


class Part(NamedTuple):
    """A target, and what it is to the call."""

    target: Target
    role: Role


class Decision(NamedTuple):
    """Who answers a call: the first of the chain, and the others where it fails; `arm` where it is a sample."""

    chain: list[Part]
    arm: Arm | None


class KnownRoute(NamedTuple):
    """A route as it was when it was read.

    Attributes:
        candidate: with a canary the version that its test is or was about, whatever is deployed meanwhile.
    """

    name: str
    revision: int
    policy: RoutePolicy
    share: float
    candidate: Target | None
    test: CanaryTest | None

    def decide(self, unit: str) -> Decision:
        """Who answers the calls of a unit."""
        policy, arm = self.policy, None
        incumbent = Part(Target.of(policy.incumbent), "incumbent")
        others = [Part(Target.of(each), "fallback") for each in policy.fallback.targets]
        if self.test is not None and 0 < self.share < 1:
            arm = self.test.arm_of(unit)
        if self.candidate is None or not (arm == B or self.share == 1):
            chain = [incumbent, *others]
        else:
            chain = [Part(self.candidate, CANDIDATE), incumbent._replace(role="fallback"), *others]
        return Decision(list({each.target: each for each in reversed(chain)}.values())[::-1], arm)

    def shadow_part(self) -> Part:
        """The candidate, where it is asked in shadow."""
        assert self.candidate is not None  # noqa: S101 - a shadow is of one
        return Part(self.candidate, "shadow")


class RouteTable:
    """Gives the routes of a project; while the database is away, those that were read last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = Remembered(self._read)

    async def of(self, project: str) -> dict[str, KnownRoute]:
        """The routes of a project by name; none where the database has been away since before the first call."""
        try:
            return await self._known.of(project)
        except StorageError:
            return {}

    def _read(self, project: str) -> dict[str, KnownRoute]:
        with self._database.read() as tx:
            known = (_known(tx, each) for each in routes.listed(tx, project))
            return {each.name: each for each in known if each is not None}


def _known(tx: Transaction, route: Route) -> KnownRoute | None:
    try:
        policy = RoutePolicy.of(route["policy"])
    except FineTuningError as error:  # of a newer version of this package
        _log.warning("route %s cannot be followed: %s", route["name"], error)
        return None
    test = None if policy.canary is None else experiments.get(tx, policy.canary)
    candidate = None if policy.candidate is None else _candidate(Target.of(policy.candidate), test)
    return KnownRoute(route["name"], route["revision"], policy, route["share"], candidate, _canary(test))


def _candidate(target: Target, test: Experiment | None) -> Target:
    if test is None or not target.is_local:
        return target
    pinned = (test["pinned"] or experiments.models(test))[B]
    return target if pinned == str(target) else target._replace(model=pinned)


def _canary(test: Experiment | None) -> CanaryTest | None:
    if test is None or test["status"] != "running":
        return None
    split = Design.of(**test["design"]).split or 0.5
    return CanaryTest(test["id"], test["layer"] or test["id"], test["slots"], split)
