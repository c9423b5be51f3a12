"""Write inputs like a dataset's own, keep those that are new and near nothing held out, label and judge them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from math import ceil
from pathlib import Path

from fine_tuning.data_io.messages import compared_text, messages_of_example, text_of
from fine_tuning.datasets import dataset_catalogue
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.errors import DataError
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.labelling.best_answer import grade_of, judge_request
from fine_tuning.workflows.labelling.label_prompts import STAND_IN, Prompt, Prompts, read_prompts
from fine_tuning.workflows.labelling.paid_model import CallParams, PaidModel, judge_model
from fine_tuning.workflows.labelling.recorded_calls import NOT_ASKED, Ask, Bought, Flow, Missing, RecordedCalls, Result
from fine_tuning.workflows.labelling.run_labelling import Label, Labelling, LabelOutcome
from fine_tuning.workflows.labelling.spending_limit import SpendingLimit
from fine_tuning.workflows.synthesis import diversity, new_inputs
from fine_tuning.workflows.synthesis.diversity import Diversity
from fine_tuning.workflows.synthesis.new_inputs import Writing
from fine_tuning.workflows.synthesis.synthesis_plan import SynthesisPlan

OnCalls = Callable[[int], object]
ROUNDS = 4  # of calls that write inputs, each for what is still missing
HELD_OUT = ("test", "validation")  # parts of a dataset


@dataclass
class SynthesisOutcome:
    """What a synthesis gave.

    Attributes:
        seeds: inputs that it is written from; unused: those that cannot be seeds (several turns, images).
        calls: that wrote inputs; unreadable: those whose reply has not the form that was asked for.
        written: inputs in the replies.
        near: of them, near-duplicates of a seed or of another; leaking: near something that is held out.
        labels: what the teacher's answers gave.
        graded: labels that the judge graded, of which so many were accepted; None without a judge.
        accepted: examples, with their labels.
        spent: US dollars of all calls, in all runs; nan where unknown.
        stopped: why fewer were written than were asked for; empty where none is missing.
    """

    seeds: int
    unused: int
    calls: int = 0
    unreadable: int = 0
    written: int = 0
    near: int = 0
    leaking: int = 0
    labels: LabelOutcome | None = None
    graded: int | None = None
    accepted: list[Label] = field(default_factory=list, repr=False)
    spent: float = 0.0
    stopped: str = ""
    diversity: Diversity | None = None

    @property
    def accepted_share(self) -> float | None:
        """Of the inputs that were written; None where none was."""
        return len(self.accepted) / self.written if self.written else None


@dataclass(frozen=True)
class _Sources:
    """The seeds, the answers that they have, and the texts that nothing may resemble."""

    seeds: Sequence[Prompt]
    unused: int
    answers: Sequence[str]
    held_out: Sequence[str]


class Synthesis:
    """New inputs for a dataset in a workspace.

    Args:
        dataset: its name, its folder, or a file of calls or prompts in any format.
        teacher: the name of the model that writes and labels.

    Raises:
        NotFoundError, DataError: there is no such dataset or model, or it has no inputs that can be seeds.
        ConfigurationError: there is a budget, and the price of a model is not known.
    """

    def __init__(self, workspace: Workspace, dataset: str, teacher: str, plan: SynthesisPlan) -> None:
        self.plan, self._workspace, self._teacher = plan, workspace, teacher
        self._sources = _sources(workspace, dataset, plan)
        self._project = dataset_catalogue.project_of(workspace.database, dataset)
        self._limit, flow = SpendingLimit(plan.budget), Flow(plan.concurrency)
        reply = new_inputs.TOKENS_PER_INPUT * plan.inputs_per_call
        writer = PaidModel(workspace, teacher, CallParams(new_inputs.TEMPERATURE, reply))
        self._writer = RecordedCalls(workspace, writer, self._limit, flow)
        judge = None if plan.judge is None else judge_model(workspace, plan.judge, teacher)
        self._judge = None if judge is None else RecordedCalls(workspace, judge, self._limit, flow)
        for model in filter(None, (writer, judge)):
            if plan.budget is not None:
                model.check_priced()

    def run(self, on_calls: OnCalls = lambda _: None) -> SynthesisOutcome:
        """Write, label, judge, and store what is accepted as examples.

        Args:
            on_calls: called with the number of calls that were answered since.

        Raises:
            ConfigurationError, NotFoundError, ConflictError, ProviderError: see `RecordedCalls.ask`.
        """
        outcome = SynthesisOutcome(len(self._sources.seeds), self._sources.unused)
        prompts = self._written(outcome, on_calls)
        labelling = Labelling(
            self._workspace,
            Prompts(prompts, ImportReport(), 0),
            self._teacher,
            self.plan.labels(self._project),
            self._limit,
        )
        try:
            outcome.labels = labelling.run(on_calls)
            outcome.accepted = self._accepted(outcome, on_calls)
            labelling.store(outcome.accepted)
        finally:
            labelling.close()
            self._writer.model.close()
        outcome.spent, outcome.diversity = self._limit.spent, self._diversity(outcome)
        return outcome

    def _written(self, outcome: SynthesisOutcome, on_calls: OnCalls) -> list[Prompt]:
        """New inputs, in rounds of as many calls as are still needed."""
        found: list[Prompt] = []
        numbers = count()
        for _ in range(ROUNDS):
            calls = ceil((self.plan.count - len(found)) / self.plan.inputs_per_call)
            writings = [new_inputs.writing(number, self._sources.seeds, self.plan) for number in islice(numbers, calls)]
            replies = self._writer.ask([Ask(each.request) for each in writings], on_calls)
            found += self._new(found, self._read(writings, replies, outcome), outcome)
            is_answered = any(isinstance(each, Bought) for each in replies)  # else more of them would be lost as well
            if len(found) >= self.plan.count or NOT_ASKED in replies or not is_answered:
                break
        if len(found) < self.plan.count:
            missing = next((each.reason for each in replies if isinstance(each, Missing)), "")
            outcome.stopped = missing or "the teacher writes too much that is there already"
        return found[: self.plan.count]

    def _read(self, writings: Sequence[Writing], replies: Sequence[Result], outcome: SynthesisOutcome) -> list[Prompt]:
        found: list[Prompt] = []
        for written, reply in zip(writings, replies, strict=True):
            if not isinstance(reply, Bought):
                continue
            outcome.calls += 1
            texts = new_inputs.inputs_in(reply)
            outcome.unreadable += texts is None
            asked_for = (texts or [])[: self.plan.inputs_per_call]
            found += [new_inputs.prompt_of(text, written, self._teacher) for text in asked_for]
        outcome.written += len(found)
        return found

    def _new(self, known: Sequence[Prompt], written: Sequence[Prompt], outcome: SynthesisOutcome) -> list[Prompt]:
        """Those that are near nothing that is held out, no seed, and none that was written before."""
        threshold, texts = self.plan.near_duplicates, list(map(_text, written))
        apart = set(diversity.apart_from(texts, self._sources.held_out, threshold))
        outcome.leaking += len(texts) - len(apart)
        safe = [written[at] for at in sorted(apart)]
        others = [*map(_text, self._sources.seeds), *map(_text, known)]
        fresh = [safe[at] for at in diversity.unlike(list(map(_text, safe)), others, threshold)]
        outcome.near += len(safe) - len(fresh)
        return fresh

    def _accepted(self, outcome: SynthesisOutcome, on_calls: OnCalls) -> list[Label]:
        """Labels that the judge grades high enough; all without a judge."""
        labels = outcome.labels.labels if outcome.labels is not None else []
        if self._judge is None:
            return labels
        asks = [Ask(judge_request(each.prompt.request, each.answer.message)) for each in labels]
        replies = self._judge.ask(asks, on_calls)
        self._judge.model.close()
        grades = [grade_of(each) if isinstance(each, Bought) else None for each in replies]
        outcome.graded = sum(grade is not None for grade in grades)
        return [
            label.graded(grade)
            for label, grade in zip(labels, grades, strict=True)
            if grade is not None and grade >= self.plan.min_grade
        ]

    def _diversity(self, outcome: SynthesisOutcome) -> Diversity:
        answers = [compared_text(each.answer.message) for each in outcome.accepted]
        labels, new = diversity.coverage(self._sources.answers, answers)
        inputs = diversity.spread([_text(each.prompt) for each in outcome.accepted])
        seeds = diversity.spread(list(map(_text, self._sources.seeds)))
        return Diversity(outcome.near / outcome.written if outcome.written else 0.0, inputs, seeds, labels, new)


def _sources(workspace: Workspace, dataset: str, plan: SynthesisPlan) -> _Sources:
    files = dataset_catalogue.files_of(workspace.database, dataset)
    own = [file for file in files if len(files) > 1 and Path(file).stem in HELD_OUT]
    found = read_prompts([file for file in files if file not in own], Defaults()).found
    seeds = [each for each in found if new_inputs.is_seed(each)]
    if not seeds:
        raise DataError(f"{dataset} has no input that is one text of a user, to write others from")
    apart = [*own, *plan.held_out]
    held_out = [_text(each) for each in read_prompts(apart, Defaults()).found] if apart else []
    answers = [compared_text(messages_of_example(each.record)[-1]) for each in seeds]
    return _Sources(seeds, len(found) - len(seeds), [each for each in answers if each != STAND_IN], held_out)


def _text(prompt: Prompt) -> str:
    return text_of(prompt.request.messages[-1])
