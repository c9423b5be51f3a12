"""The demo of the gateway: an application on a vendor's model is moved to a model of its own, and changes nothing.

Its calls are captured as they pass, a model is trained on them, asked beside the vendor, tested, and takes over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning.ab_testing import ABTestFramework
from fine_tuning.base_models import catalogue
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import ProviderError
from fine_tuning.experiments import lifecycle, non_inferiority
from fine_tuning.gateway import route_changes
from fine_tuning.gateway.agreement import Agreement, agreement
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_policy import RoutePolicy, Shadow
from fine_tuning.settings import acting_user
from fine_tuning.store.projects import DEFAULT_PROJECT
from fine_tuning.store.records.routes import RouteRevision
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.local_trainer import check_installed
from fine_tuning.workflows.demo import served_workspace
from fine_tuning.workflows.demo.application import Application, Question
from fine_tuning.workflows.demo.recorded_vendor import recorded_vendor
from fine_tuning.workflows.demo.served_workspace import served
from fine_tuning.workflows.pipeline import Outcome, Pipeline

METRIC = "right"
WAIT_SECONDS = 120.0  # for the next of what follows from calls, each within seconds
SETTLE_SECONDS = 10.0  # until the last feedback has had its effect


@dataclass(frozen=True)
class GatewayPlan:
    """How the calls of the application are used.

    Attributes:
        model: what the application asks for; the route has the same name, so that the application changes nothing.
        captured: share of the calls to learn from; shadowed: calls that both models answer. The rest are for the test,
            of which a verdict that may come at any time needs hundreds.
        margin: how much worse a model may be, as a share of right answers.
        ramp_samples: scored answers of the candidate at each share of the ramp.
    """

    model: str = "gpt-4o"
    captured: float = 0.5
    shadowed: int = 30
    margin: float = 0.25
    ramp: tuple[float, ...] = (0.5, 1.0)
    ramp_samples: int = 40

    @property
    def incumbent(self) -> str:
        """The target that answers today."""
        return f"openai/{self.model}"


class GatewayResult(NamedTuple):
    """What the demo found.

    Attributes:
        candidate: its target.
        tested: calls of the test.
        last_change: of the route.
        verdict: why the candidate has taken over, was returned, or neither.
        answer: after the vendor was switched off; None where the candidate has not taken over.
    """

    candidate: str
    outcome: Outcome
    agreement: Agreement
    tested: int
    last_change: RouteRevision
    verdict: str
    answer: str | None


@dataclass(frozen=True)
class GatewayDemo:
    """A run of the demo in a workspace of its own."""

    pipeline: Pipeline
    plan: GatewayPlan = field(default_factory=GatewayPlan)

    def run(self, questions: Sequence[Question]) -> GatewayResult:
        """Capture, train, ask in shadow, test, hand over, and switch the vendor off.

        Args:
            questions: with the vendor's answers, in the order in which the application asks.

        Raises:
            MissingDependencyError: a package that training or the server needs is not installed; nothing was done.
            FineTuningError: a step failed.
        """
        catalogue.check(self.pipeline.plan.base_model)
        check_installed()
        served_workspace.check_installed()
        rest = iter(questions)
        with (
            recorded_vendor(self.plan.model, {each.text: each.expected for each in questions}) as vendor,
            served(self._workspace, {"openai": vendor.address}) as address,
            Application(address, self.plan.model) as application,
        ):
            self._capture(application, islice(rest, round(len(questions) * self.plan.captured)))
            outcome = self.pipeline.run()
            candidate = f"local/{version_name(self.pipeline.plan.model_name, outcome.record['version'])}"
            agreed = self._shadow(application, islice(rest, self.plan.shadowed), candidate)
            tested = self._test(application, rest, candidate)
            answer = None
            if self._last_change()["share"] == 1:
                vendor.switch_off()
                self._say("the vendor is switched off")
                answer = application.ask(questions[-1]).content
        change = self._last_change()
        verdict = why(self._workspace, self._test_id, change)
        return GatewayResult(candidate, outcome, agreed, tested, change, verdict, answer)

    @property
    def _test_id(self) -> str:
        return f"{self.plan.model}-canary"

    @property
    def _workspace(self) -> Workspace:
        return self.pipeline.workspace

    def _say(self, line: str) -> None:
        self.pipeline.on_message(line)

    def _capture(self, application: Application, questions: Iterator[Question]) -> None:
        """Ask the vendor through the gateway, and approve what it says."""
        calls = 0
        for question in questions:
            application.approve(application.ask(question))
            calls += 1
        collector = DistillationDataCollector(workspace=self._workspace)
        self._wait(lambda: len(collector.get_curated_examples()), calls, "calls are captured")
        self._say(f"captured {calls} calls of {self.plan.model} as they passed, with their ratings")

    def _shadow(self, application: Application, questions: Iterator[Question], candidate: str) -> Agreement:
        """Have the candidate asked beside the vendor, whose answers the application gets."""
        self._say(f"asking {candidate} in shadow, beside {self.plan.incumbent}")
        self._set_route(RoutePolicy(incumbent=self.plan.incumbent, candidate=candidate, shadow=Shadow()))
        calls = sum(1 for question in questions if application.ask(question))

        def found() -> Agreement:
            with self._workspace.database.read() as tx:
                return agreement(tx, DEFAULT_PROJECT, self.plan.model)

        self._wait(
            lambda: found()["pairs"] + found()["not_compared"], calls, "calls are answered by the candidate in shadow"
        )
        return found()

    def _test(self, application: Application, questions: Iterator[Question], candidate: str) -> int:
        """Let the candidate answer a share of the calls, which a verdict raises. Returns the number of calls."""
        plan, test = self.plan, self._test_id
        self._say(f"testing: {candidate} answers {plan.ramp[0]:.0%} of the calls, until a verdict raises or ends that")
        ABTestFramework(workspace=self._workspace).create_test(test, plan.incumbent, candidate, margin=plan.margin)
        self._set_route(
            RoutePolicy(
                incumbent=plan.incumbent,
                candidate=candidate,
                canary=test,
                ramp=list(plan.ramp),
                ramp_samples=plan.ramp_samples,
                outcome=METRIC,
            )
        )
        calls = 0
        for question in questions:
            answer = application.ask(question)
            application.score(answer, METRIC, float(answer.content.strip() == question.expected))
            calls += 1
            if self._is_decided():
                return calls
        self._is_soon(self._is_decided, SETTLE_SECONDS)
        return calls

    def _is_decided(self) -> bool:
        change = self._last_change()
        return change["action"] != "set" and change["share"] in (0, 1)

    def _set_route(self, policy: RoutePolicy) -> None:
        by = Change("cli", acting_user(self._workspace.settings), "demo")
        route_changes.save(self._workspace, DEFAULT_PROJECT, self.plan.model, policy, by)

    def _last_change(self) -> RouteRevision:
        with self._workspace.database.read() as tx:
            return route_changes.history(tx, DEFAULT_PROJECT, self.plan.model)[-1]

    def _wait(self, count: Callable[[], int], least: int, what: str) -> None:
        """Wait until the process that stores calls has counted so many, however long each takes.

        Raises:
            ProviderError: for a while there were no more of them.
        """
        while (found := count()) < least:
            if not self._is_soon(lambda before=found: count() > before, WAIT_SECONDS):  # type: ignore[misc]
                log = self._workspace.folder("logs") / "gateway.log"
                last = log.read_text("utf-8", "replace").rstrip().rpartition("\n")[2] if log.is_file() else "no log"
                raise ProviderError(
                    f"{found} of {least} {what}, and no more in {WAIT_SECONDS:.0f} s; the last line of {log}: {last}"
                )

    def _is_soon(self, is_so: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True


def why(workspace: Workspace, test_id: str, change: RouteRevision) -> str:
    """What the last change of a route says of its test, or how far a test without a verdict is."""
    if change["changed_by"] not in {"cli", "api", "dashboard"}:
        return change["reason"] or ""
    test = lifecycle.find(workspace.database, test_id)
    found = non_inferiority.not_worse(test)
    return (
        f"no verdict: not worse by more than {-found['bound']:.3g} (estimate {found['estimate']:+.3g}), "
        f"and the margin is {test['design']['margin']:g}; more calls would tell"
    )
