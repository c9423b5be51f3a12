"""The incumbent's answers: those that are recorded, or asked again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import nan

from fine_tuning._util.same_model import is_same
from fine_tuning.candidates.candidate import CandidateAnswer, Request
from fine_tuning.costs import roi_facts
from fine_tuning.data_io.messages import text_of
from fine_tuning.errors import ConflictError
from fine_tuning.experiments import own_answers
from fine_tuning.serving.model_resolution import LOCAL, resolve_target
from fine_tuning.serving.paid_part import paid_part
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.answering import answering
from fine_tuning.workflows.bakeoff.bakeoff_data import Row
from fine_tuning.workflows.evaluation_questions import Question
from fine_tuning.workflows.labelling.paid_model import CallParams, PaidModel
from fine_tuning.workflows.labelling.spending_limit import SpendingLimit
from fine_tuning.workflows.predict import CallOptions, predict

OWN_SHARE = 0.5  # of answers that are the incumbent's, from which a score is agreement with it


def answers_are_own(workspace: Workspace, incumbent: str, rows: Sequence[Row]) -> bool:
    """Whether the expected answers are the incumbent's own, so that a score is agreement with it, not accuracy."""
    own = sum(is_same(row.model, incumbent) for row in rows)
    if own >= OWN_SHARE * len(rows):
        return True
    questions = [own_answers.Question(text_of(row.call.request.messages[-1]), row.call.answer) for row in rows]
    with workspace.database.read() as tx:
        return own_answers.are_references(tx, roi_facts.Incumbent(incumbent, "as given", None), questions)


class ModelCalls:
    """Asks models by name; answers are kept, so that a second run does not pay for them again.

    What was answered in this run is not asked again, and counts once: a cascade has answers of the incumbent that are
    there, and a prompt that was chosen on validation calls is measured on them, too.

    Args:
        budget: US dollars that all answers may cost, those of earlier runs with them; None for no limit.

    Attributes:
        costs: what they have cost, US dollars, an item for each list of requests; nan where that is not known.
    """

    def __init__(self, workspace: Workspace, max_tokens: int, budget: float | None) -> None:
        self._workspace, self._options = workspace, CallOptions(max_tokens)
        self._budget, self._limit = budget, SpendingLimit(budget)
        self._answered: dict[str, CandidateAnswer] = {}
        self.costs: list[float] = []

    @property
    def spent(self) -> float:
        """What all answers have cost, US dollars; nan where that is not known."""
        return sum(self.costs)

    def ask(self, model: str, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """The answers of a model in the order of the requests; a call that fails has its reason.

        Raises:
            NotFoundError, ConfigurationError: there is no such model, or its host refuses the key.
            ConflictError: the budget does not allow it.
            ProviderError: every call failed.
        """
        pinned = answering(model, self._workspace).pinned
        keys = [json.dumps([pinned, each.messages, each.tools], sort_keys=True, default=str) for each in requests]
        found = [self._answered.get(key) for key in keys]
        missing = [at for at, each in enumerate(found) if each is None]
        for at, answer in zip(missing, self._asked(pinned, [requests[at] for at in missing]), strict=True):
            found[at] = answer
            if answer.error is None:
                self._answered[keys[at]] = answer
        return [each for each in found if each is not None]

    def _asked(self, pinned: str, requests: Sequence[Request]) -> list[CandidateAnswer]:
        if not requests:
            return []
        questions = [Question(request.messages, "", tools=request.tools) for request in requests]
        each_most = self._reserved(pinned, requests)
        most = cost = sum(each_most)
        spent = most
        try:
            found = predict(pinned, questions, self._options, workspace=self._workspace)
            # What nobody knows the price of counts as what it may have cost: the budget holds all the same.
            cost = sum(bound if each.cost is None else each.cost for each, bound in zip(found, each_most, strict=True))
            spent = sum(nan if each.cost is None and each.error is None else each.cost or 0.0 for each in found)
        finally:
            self._limit.settle(most, cost)
            self.costs.append(spent)
        return [CandidateAnswer(each.text, each.latency_ms, each.cost, error=each.error) for each in found]

    def _reserved(self, model: str, requests: Sequence[Request]) -> list[float]:
        """What each answer may cost at most, US dollars, which the budget has left for all."""
        if self._budget is None or not self._is_paid(model):
            return [0.0] * len(requests)
        paid = PaidModel(self._workspace, model, CallParams(0.0, self._options.max_tokens))
        try:
            paid.check_priced()
            most = [paid.most(request) or 0.0 for request in requests]
        finally:
            paid.close()
        if not self._limit.reserve(sum(most), waits=False):
            left = max(0.0, self._budget - self._limit.spent)
            raise ConflictError(
                f"{len(requests):,} answers of {model} may cost ${sum(most):.4g}, and the budget has ${left:.4g} left"
            )
        return most

    def _is_paid(self, model: str) -> bool:
        """Whether a host answers, or a part of a model here is asked at one."""
        with self._workspace.database.read() as tx:
            target = resolve_target(tx, model, self._workspace.settings)
        return paid_part(target).provider != LOCAL


class Incumbent:
    """The model that answers today.

    Args:
        rows: of all parts, whose requests are asked; their answers are taken where they are its own.

    Attributes:
        is_own: whether they are, so that a score is agreement with it, not accuracy.
    """

    def __init__(self, name: str, calls: ModelCalls, rows: Sequence[Row], *, is_own: bool) -> None:
        self.name, self.is_own, self._calls = name, is_own, calls
        # By identity: one question may have been answered more than once, each time in its own way.
        self._recorded = {id(row.call.request): row for row in rows} if is_own else {}

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Its answers: recorded ones without their latency, which is not known, else it is asked."""
        if not self.is_own:
            return self._calls.ask(self.name, requests)
        rows = [self._recorded[id(request)] for request in requests]
        return [CandidateAnswer(row.call.answer, cost=row.cost) for row in rows]
