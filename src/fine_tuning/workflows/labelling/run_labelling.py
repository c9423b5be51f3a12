"""Label prompts: ask a teacher for each, keep the best answer that meets the rules, and store it as an example."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from pathlib import Path

from fine_tuning._util.files import atomic_write
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.sources.raw_row import to_json_bytes
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.store import examples
from fine_tuning.store.records.examples import NewExample
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.labelling import best_answer
from fine_tuning.workflows.labelling.answer_rules import AnswerRules
from fine_tuning.workflows.labelling.batched_calls import BatchedCalls
from fine_tuning.workflows.labelling.best_answer import Best
from fine_tuning.workflows.labelling.label_plan import LabelPlan
from fine_tuning.workflows.labelling.label_prompts import Prompt, Prompts, with_system
from fine_tuning.workflows.labelling.paid_model import BATCH, CallParams, PaidModel, judge_model
from fine_tuning.workflows.labelling.recorded_calls import NOT_ASKED, Ask, Bought, Flow, Missing, RecordedCalls, Result
from fine_tuning.workflows.labelling.spending_limit import SpendingLimit

OnCalls = Callable[[int], object]
BLOCK = 500  # examples of a transaction


@dataclass(frozen=True)
class Label:
    """An answer that became an example.

    Attributes:
        cost: US dollars of all answers to its prompt, and of the judge; None is unknown.
    """

    prompt: Prompt
    answer: Bought
    best: Best
    answers: int
    cost: float | None

    def graded(self, grade: float) -> Label:
        """The label with a judge's grade."""
        return replace(self, best=self.best._replace(grade=grade))


@dataclass
class LabelOutcome:
    """What a labelling gave.

    Attributes:
        prompts: how many there are, each once; repeated and unreadable: rows beside them.
        labels: prompts with a label, of which so many were bought by earlier runs.
        defects: answers that are no label, by why: refusals, cut off, format failures.
        failed: prompts whose calls the host rejected or did not answer, by its reason; they are asked again next time.
        unknown: prompts of which it is not known whether a call was answered and paid.
        not_asked: prompts for which the budget had nothing left.
        spent: US dollars that the labels of these prompts have cost in all runs, or may have; nan where unknown.
    """

    prompts: int
    repeated: int
    unreadable: int
    labels: list[Label] = field(default_factory=list, repr=False)
    kept: int = 0
    defects: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unknown: int = 0
    not_asked: int = 0
    spent: float = nan

    @property
    def is_whole(self) -> bool:
        """Whether every prompt was answered."""
        return not (self.failed or self.unknown or self.not_asked)


@dataclass(frozen=True)
class Estimate:
    """What a labelling may cost in US dollars: about, and at most; None where a price is unknown."""

    calls: int
    kept: int
    about: float | None
    most: float | None


class Labelling:
    """Labels for prompts in a workspace.

    Args:
        teacher: the name of a model.
        limit: what its calls and others may cost together; that of the plan by default.

    Raises:
        NotFoundError, DataError: no model has that name, or the file of the schema is missing or has none.
        ConfigurationError: there is a budget, and the price of a model is not known.
    """

    def __init__(
        self,
        workspace: Workspace,
        prompts: Prompts,
        teacher: str,
        plan: LabelPlan,
        limit: SpendingLimit | None = None,
    ) -> None:
        self.prompts, self.plan, self._workspace, self._database = prompts, plan, workspace, workspace.database
        self._rules = AnswerRules.of(plan.choices, plan.schema_file)
        more = {**self._rules.response_format(), **({"logprobs": True} if plan.logprobs else {})}
        self.teacher = PaidModel(workspace, teacher, CallParams(plan.used_temperature, plan.max_tokens, more))
        self._tier = BATCH if plan.batch else ""
        flow = Flow(plan.concurrency, plan.per_minute, plan.repeat_unknown)
        self._limit = limit = limit or SpendingLimit(plan.budget)
        self._calls = RecordedCalls(workspace, self.teacher, limit, flow)
        judge = None if plan.judge is None else judge_model(workspace, plan.judge, teacher)
        self._judge = None if judge is None else RecordedCalls(workspace, judge, limit, flow)
        if plan.budget is not None:
            for calls, tier in ((self._calls, self._tier), (self._judge, "")):
                if calls is not None:
                    calls.model.check_priced(tier)
        self._asks = [self._ask(prompt, sample) for prompt in self.prompts.found for sample in range(plan.samples)]

    def _ask(self, prompt: Prompt, sample: int) -> Ask:
        messages = with_system(prompt.request.messages, self.plan.system)
        return Ask(prompt.request._replace(messages=messages), sample)

    def estimate(self) -> Estimate:
        """What the calls that are still to be made cost: about, taken that answers are as long as those so far."""
        known = self._calls.earlier(self._asks)
        model = self.teacher
        bought = [each for each in known.values() if isinstance(each, Bought)]
        lengths = [each.completion_tokens for each in bought if each.completion_tokens]
        length = sum(lengths) / len(lengths) if lengths else self.plan.max_tokens
        missing = [ask for ask in self._asks if model.key(*ask) not in known]
        about = [model.expected(ask.request, length, self._tier) for ask in missing]
        most = [model.most(ask.request, self._tier) for ask in missing]
        return Estimate(len(missing), len(known), _sum(about), _sum(most))

    def run(self, on_calls: OnCalls = lambda _: None) -> LabelOutcome:
        """Ask, and choose the best answer to each prompt. `store` makes examples of them.

        Args:
            on_calls: called with the number of calls that were answered since.

        Raises:
            ConfigurationError, NotFoundError, ConflictError, ProviderError: see `RecordedCalls.ask`.
        """
        self._count_earlier_grades()
        calls = BatchedCalls(self._workspace, self._calls) if self.plan.batch else self._calls
        found = calls.ask(self._asks, on_calls)
        report, samples = self.prompts.report, self.plan.samples
        outcome = LabelOutcome(len(self.prompts.found), self.prompts.repeated, len(report.rejected) + report.skipped)
        answered = [
            self._answered(prompt, found[at * samples : (at + 1) * samples], outcome)
            for at, prompt in enumerate(self.prompts.found)
        ]
        outcome.labels = self._labels(answered, on_calls)
        outcome.spent = self._limit.spent
        return outcome

    def _answered(self, prompt: Prompt, results: Sequence[Result], outcome: LabelOutcome) -> _Answered:
        """The answers to a prompt. Those that are no label, and what is missing, are counted."""
        bought = [each for each in results if isinstance(each, Bought)]
        defects = [self._rules.defect(answer, prompt.request) for answer in bought]
        outcome.defects.update(each.value for each in defects if each is not None)
        usable = [answer for answer, defect in zip(bought, defects, strict=True) if defect is None]
        found = _Answered(prompt, bought, usable)
        missing = next((each for each in results if isinstance(each, Missing)), None)
        if found.usable:
            outcome.kept += all(each.is_kept for each in bought)
        elif missing is NOT_ASKED:
            outcome.not_asked += 1
        elif missing is not None and missing.is_unknown:
            outcome.unknown += 1
        elif missing is not None:
            outcome.failed[missing.reason] += 1
        return found

    def _labels(self, answered: Sequence[_Answered], on_calls: OnCalls) -> list[Label]:
        """The best answer to each prompt that has any."""
        candidates = [each for each in answered if each.usable]
        if self._judge is None:
            return [each.label(best_answer.most_frequent(each.usable)) for each in candidates]
        compared = [each for each in candidates if len(each.usable) > 1]
        asks = [self._grading(each, answer) for each in compared for answer in each.usable]
        replies = iter(self._judge.ask(asks, on_calls))
        graded = {id(each): [next(replies) for _ in each.usable] for each in compared}
        return [each.label(*_highest(graded.get(id(each), ()))) for each in candidates]

    def _grading(self, answered: _Answered, answer: Bought) -> Ask:
        return Ask(best_answer.judge_request(answered.prompt.request, answer.message))

    def _count_earlier_grades(self) -> None:
        """Let the budget count what earlier runs paid to the judge, before the teacher is asked more."""
        known = self._calls.earlier(self._asks)
        if self._judge is None:
            return
        samples, asks = self.plan.samples, []
        for at, prompt in enumerate(self.prompts.found):
            keys = [self.teacher.key(*ask) for ask in self._asks[at * samples : (at + 1) * samples]]
            bought = [each for key in keys if isinstance(each := known.get(key), Bought)]
            asks += [self._grading(_Answered(prompt, bought, bought), answer) for answer in bought]
        self._judge.earlier(asks)

    def store(self, labels: Sequence[Label]) -> int:
        """Store labels as examples; those that are there stay as they are. Returns how many are new."""
        stored = 0
        for start in range(0, len(labels), BLOCK):
            rows = [self.example(label) for label in labels[start : start + BLOCK]]
            with self._database.write() as tx:
                known = examples.known(tx, [row["id"] for row in rows])
                stored += examples.capture(tx, [row for row in rows if row["id"] not in known])
        return stored

    def example(self, label: Label) -> NewExample:
        """A label as the record of a call, which says who labelled it, how, and at what price."""
        row = label.prompt.record
        facts = Facts(row["domain"], row["task_type"], self.plan.rating, self._metadata(label), self._name)
        facts = facts._replace(project=self.plan.project)
        return example_record(self._messages(label), row["tools"], facts)

    def _messages(self, label: Label) -> list[Message]:
        return [*label.prompt.request.messages, self._rules.kept(label.answer.message)]

    @property
    def _name(self) -> str:
        """Of the teacher, in examples: the registered one, whose version stands beside it."""
        return self.teacher.target.name or self.teacher.name

    def _metadata(self, label: Label) -> JsonColumn:
        """What is known of the prompt, and of its label."""
        target = self.teacher.target
        stated = {
            "labelled_by": label.answer.served_by or self.teacher.name,
            "provider": target.provider,
            "version": target.version,
            "teacher_prompt": self.plan.system,
            "cost": label.cost,
            "answers": label.answers,
            "agreement": label.best.agreement if label.answers > 1 else None,
            "grade": label.best.grade,
            "judge": self.plan.judge if label.best.grade is not None else None,
            "logprobs": label.answer.logprobs,
        }
        known = {name: value for name, value in stated.items() if value is not None}
        return {**label.prompt.record["metadata"], **known}

    def write(self, labels: Sequence[Label], path: Path) -> None:
        """Write labels as chat rows, one a line."""
        with atomic_write(path, "wb") as out:
            for label in labels:
                tools = {"tools": list(label.prompt.request.tools)} if label.prompt.request.tools else {}
                facts = {"model": self._name, "metadata": self._metadata(label)}
                out.write(to_json_bytes({"messages": self._messages(label), **tools, **facts}) + b"\n")

    def close(self) -> None:
        """Close the connections."""
        self.teacher.close()
        if self._judge is not None:
            self._judge.model.close()


@dataclass(frozen=True)
class _Answered:
    """A prompt with the answers that were bought, and those that may be its label."""

    prompt: Prompt
    bought: Sequence[Bought]
    usable: Sequence[Bought]

    def label(self, best: Best, judged: float | None = 0.0) -> Label:
        """Its best answer; `judged` is what the judge cost, US dollars."""
        costs = [*(each.cost for each in self.bought), judged]
        return Label(self.prompt, self.usable[best.place], best, len(self.bought), _sum(costs))


def _highest(replies: Sequence[Result]) -> tuple[Best, float | None]:
    """The answer with the highest grade, and what the grades cost."""
    bought = [each for each in replies if isinstance(each, Bought)]
    grades = [best_answer.grade_of(each) if isinstance(each, Bought) else None for each in replies]
    return best_answer.highest(grades), _sum([each.cost for each in bought])


def _sum(costs: Sequence[float | None]) -> float | None:
    return None if any(cost is None for cost in costs) else sum(cost or 0.0 for cost in costs)
