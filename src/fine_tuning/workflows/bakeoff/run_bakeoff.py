"""Run a bake-off: read and split the calls, fit the candidates, measure them on the test part, and choose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np

from fine_tuning.candidates.candidate import Candidate, CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.cascade import Cascade
from fine_tuning.candidates.few_shot import FewShot
from fine_tuning.candidates.head_candidate import HeadCandidate
from fine_tuning.candidates.instructions_file import model_with_file, read_instructions
from fine_tuning.candidates.optimised_prompt import OptimisedPrompt, PromptSearch
from fine_tuning.candidates.served_model import ServedModel
from fine_tuning.candidates.written_prompt import WrittenPrompt
from fine_tuning.errors import ConflictError, FineTuningError, StorageError
from fine_tuning.evaluation import metrics
from fine_tuning.evaluation.paired_non_inferiority import ALPHA, examples_needed, power
from fine_tuning.serving.model_resolution import resolve_target
from fine_tuning.store import bakeoffs
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.bakeoff import bakeoff_data, bakeoff_result, incumbent_answers
from fine_tuning.workflows.bakeoff.bakeoff_data import BakeoffData, Row
from fine_tuning.workflows.bakeoff.bakeoff_plan import EMBEDDINGS, NO_EMBEDDING, BakeoffPlan
from fine_tuning.workflows.bakeoff.bakeoff_result import CandidateResult, Measured
from fine_tuning.workflows.bakeoff.fine_tune_candidate import FineTuneCandidate, WaitForJob
from fine_tuning.workflows.bakeoff.incumbent_answers import Incumbent, ModelCalls
from fine_tuning.workflows.bakeoff.quantized_candidate import QuantizedCandidate
from fine_tuning.workflows.bakeoff.setting_search import SettingSearch

OnMessage = Callable[[str], None]
ASSUMED_DISCORDANT = 0.1  # share of calls on which an equally good candidate differs, before any is measured
RISK_SHARE = 0.5  # of the margin, that the expected loss of a cascade may be
HEADS_RISK_SHARE = 0.1  # the same of a cascade of two heads, of which the second one costs only time
TIMED = 50  # requests by which the fastest head is found


@dataclass
class BakeoffOutcome:
    """What a bake-off found.

    Attributes:
        incumbent: the name in `results` that the others are compared with.
        is_agreement: whether the expected answers are the incumbent's own, so that scores are agreement with it.
        results: the incumbent's and those of the candidates that could be measured.
        not_applicable: the reason of each other candidate, by its name.
        winner: the name of the cheapest candidate that is not worse; None where there is none.
        looks: how many bake-offs were decided on calls of this test part before.
        parts: the number of calls in each.
        fitted: the candidates, by name.
        spent: US dollars that the answers of asked models have cost, in earlier runs too; nan where unknown.
    """

    id: int
    incumbent: str
    is_agreement: bool
    results: list[CandidateResult]
    not_applicable: dict[str, str]
    winner: str | None
    looks: int
    parts: dict[str, int]
    notes: list[str] = field(default_factory=list)
    fitted: dict[str, Candidate] = field(default_factory=dict, repr=False)
    spent: float = 0.0


@dataclass
class _Table:
    """What is measured so far, in the order of the candidates."""

    calls: ModelCalls
    measured: dict[str, Measured] = field(default_factory=dict)
    fitted: dict[str, Candidate] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BakeoffRun:
    """A bake-off in a workspace.

    Attributes:
        wait_for_job: waits until the job of a fine-tune has ended.
    """

    workspace: Workspace
    plan: BakeoffPlan
    on_message: OnMessage
    wait_for_job: WaitForJob

    def run(self, dataset: str) -> BakeoffOutcome:
        """Compare the candidates on a dataset.

        Raises:
            NotFoundError, DataError: there is no such dataset, or too few calls.
            ConflictError: no candidate could be measured.
            ProviderError, ConfigurationError: the incumbent cannot be asked.
        """
        data = bakeoff_data.read(self.workspace, dataset, self.plan)
        calls = ModelCalls(self.workspace, self.plan.max_tokens, self.plan.budget)
        candidates = [*self._candidates(calls)]
        if not candidates:
            raise ConflictError(f"there is no candidate beside the incumbent {self.plan.incumbent} itself")
        name = self.plan.incumbent
        is_own = name is not None and incumbent_answers.answers_are_own(self.workspace, name, data.test)
        if name is not None and is_own:
            data = data.judged_by(name)
        heads = sum(isinstance(each, HeadCandidate) for each in candidates)
        cascades = (heads > 0 and self.plan.incumbent is not None) + (heads > 1)
        notes = self._power_notes(data, len(candidates) + cascades)
        rows = [*data.train, *data.validation, *data.test]
        incumbent, table = None if name is None else Incumbent(name, calls, rows, is_own=is_own), _Table(calls)
        if incumbent is not None:
            self.on_message(f"incumbent: {incumbent.name}")
            answers = incumbent.answer(_requests(data.validation)), incumbent.answer(_requests(data.test))
            table.measured[incumbent.name] = self._judged(*answers, data, 0.0)
        for candidate in candidates:
            self._add(candidate, data, table)
        for cascade in self._cascades(data, table, incumbent):
            self._add(cascade, data, table)
        if not table.fitted:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in table.refused.items())
            raise ConflictError(f"no candidate could be measured ({reasons})")
        outcome = self._concluded(data, table, incumbent, notes)
        outcome.spent = calls.spent
        return outcome

    def _power_notes(self, data: BakeoffData, candidates: int) -> list[str]:
        margin, rows, alpha = self.plan.margin, len(data.test), ALPHA / candidates
        needed = examples_needed(margin, ASSUMED_DISCORDANT, alpha)
        clusters = _clusters(data.test)
        count, unit = (rows, "calls") if clusters is None else (len({*clusters}), "conversations")
        shown = power(count, margin, ASSUMED_DISCORDANT, alpha)
        together = "" if clusters is None else f" from {count:,} conversations, each right or wrong as a whole"
        line = (
            f"{len(data.train):,} calls to learn from, {len(data.validation):,} to choose by, {rows:,} to test on"
            f"{together}: an equally good candidate that answers {ASSUMED_DISCORDANT:.0%} of the {unit} differently is "
            f"shown not to be worse by {margin:g}, as one of {candidates}, with a chance of {shown:.0%} ({needed:,} "
            f"test {unit}: 80 %)"
        )
        self.on_message(line)
        left_out = {
            "their answers are rated 3 or less": data.badly_rated,
            "their conversations are in the validation or test part, too": data.leaked,
            f"they test agreement with {self.plan.incumbent}, and their answers are of others": data.of_others,
        }
        notes = [line, *(f"{count:,} calls were left out: {why}" for why, count in left_out.items() if count)]
        if len({row.call.answer for row in data.test}) == 1:
            notes.append("all calls of the test part have the same answer: whatever always gives it is right")
        return notes

    def _candidates(self, calls: ModelCalls) -> Iterator[Candidate]:
        plan, price = self.plan, self.workspace.settings.machine_usd_per_hour
        for embedding in (plan.embeddings or EMBEDDINGS) if plan.heads else ():
            yield HeadCandidate(None if embedding == NO_EMBEDDING else embedding, price)
        for model in (each for each in plan.models if each != plan.incumbent):
            yield ServedModel(model, calls.ask)
        for model in plan.few_shots:
            yield FewShot(model, calls.ask, self._score, self._place_of)
        for model in plan.prompts:
            search = PromptSearch(plan.prompt_writer or model, plan.prompt_calls, plan.seed)
            yield OptimisedPrompt(model, calls.ask, self._score, self._place_of, search)
        for given in plan.prompt_files:
            model, file = model_with_file(given)
            yield WrittenPrompt(f"prompt: {given}", model, read_instructions(file), calls.ask, self._place_of)
        for base in plan.fine_tunes:
            folder = self.workspace.folder("datasets") / "bakeoff"
            settings = SettingSearch(plan.trials, plan.seed, plan.trials_at_once)
            tuned = FineTuneCandidate(base, self.workspace, folder, calls.ask, self.wait_for_job, settings)
            yield tuned
            for kind in plan.quantizations:
                yield QuantizedCandidate(tuned, kind.lower(), self.workspace, calls.ask)

    def _place_of(self, model: str) -> tuple[str, str]:
        with self.workspace.database.read() as tx:
            target = resolve_target(tx, model, self.workspace.settings)
        return target.provider, target.model

    def _add(self, candidate: Candidate, data: BakeoffData, table: _Table) -> None:
        """Fit and measure a candidate; one that does not apply, or fails, is noted with the reason."""
        self.on_message(candidate.name)
        try:
            begun = len(table.calls.costs)
            candidate.fit(_calls(data.train), _calls(data.validation))
            calls_cost, own = sum(table.calls.costs[begun:]), candidate.investment()
            answers = _validated(candidate, _requests(data.validation)), candidate.answer(_requests(data.test))
            table.measured[candidate.name] = self._judged(*answers, data, None if own is None else own + calls_cost)
            table.fitted[candidate.name] = candidate
        except StorageError:
            raise  # of this workspace: it says nothing of the candidate
        except FineTuningError as error:
            self.on_message(f"{candidate.name}: {error}")
            table.refused[candidate.name] = str(error)

    def _judged(
        self,
        valid: Sequence[CandidateAnswer],
        test: Sequence[CandidateAnswer],
        data: BakeoffData,
        investment: float | None,
    ) -> Measured:
        chosen = self._scores(valid, data.validation)
        return {
            "answers": test,
            "scores": self._scores(test, data.test),
            "validation_quality": float(np.mean(chosen)) if chosen else nan,
            "investment": investment,
        }

    def _scores(self, answers: Sequence[CandidateAnswer], rows: Sequence[Row]) -> list[float]:
        return [self._score(each.text, row.call.answer) for each, row in zip(answers, rows, strict=True)]

    def _score(self, text: str | None, reference: str) -> float:
        """A failed call is a wrong answer to whoever waits for it."""
        return 0.0 if text is None else float(metrics.find(self.plan.metric).score(text, reference))

    def _cascades(self, data: BakeoffData, table: _Table, incumbent: Incumbent | None) -> Iterator[Cascade]:
        """The head that is best on the validation part behind the fastest one, and before the incumbent."""
        heads = [each for each in table.fitted.values() if isinstance(each, HeadCandidate)]
        if not heads:
            return
        best = max(heads, key=lambda each: table.measured[each.name]["validation_quality"])
        fastest = min(heads, key=lambda each: each.latency(_requests(data.validation[:TIMED])))
        if fastest is not best:
            yield Cascade(fastest, best, self._score, HEADS_RISK_SHARE * self.plan.margin)
        if incumbent is not None:
            yield Cascade(best, incumbent.answer, self._score, RISK_SHARE * self.plan.margin)

    def _concluded(
        self, data: BakeoffData, table: _Table, incumbent: Incumbent | None, notes: list[str]
    ) -> BakeoffOutcome:
        best = max(table.measured, key=lambda name: table.measured[name]["validation_quality"])
        base = best if incumbent is None else incumbent.name
        clusters = _clusters(data.test)
        kind, slices = metrics.find(self.plan.metric).kind, [row.slices for row in data.test]
        results = bakeoff_result.compare(table.measured, base, self.plan.margin, kind, clusters, slices)
        winner = bakeoff_result.cheapest_not_worse(results, base)
        name = None if winner is None else winner["name"]
        if incumbent is None:
            notes.append(f"no incumbent is named: {base}, the best on the validation part, stands in its place")
        if self.workspace.settings.machine_usd_per_hour is None:
            notes.append(
                "this machine has no price, so that what runs here has no cost: set FINE_TUNING_MACHINE_USD_PER_HOUR"
            )
        with self.workspace.database.write() as tx:
            plan = {**self.plan.model_dump(mode="json"), "dataset": data.name}
            number = bakeoffs.add(
                tx,
                {"test_hash": data.test_hash, "plan": plan, "results": list(results), "winner": name},
                data.test_calls,
            )
            looks = bakeoffs.earlier_looks(tx, number)
        if looks.bakeoffs:
            is_all = looks.calls == len(data.test_calls)
            part = "this test part was" if is_all else f"{looks.calls:,} of the test calls were"
            notes.append(f"{part} looked at {looks.times} before: its verdicts are no longer of unseen calls")
        parts = {part: len(getattr(data, part)) for part in bakeoff_data.PARTS}
        is_own = incumbent is not None and incumbent.is_own
        refused, fitted = table.refused, table.fitted
        return BakeoffOutcome(number, base, is_own, results, refused, name, looks.bakeoffs, parts, notes, fitted)


def _clusters(rows: Sequence[Row]) -> list[int] | None:
    """The conversations of calls; None where each call has its own."""
    found = [row.conversation for row in rows]
    return found if len({*found}) < len(found) else None


def _validated(candidate: Candidate, requests: Sequence[Request]) -> list[CandidateAnswer]:
    """The answers to validation calls; of heads as they were before they learnt from those."""
    if isinstance(candidate, HeadCandidate | Cascade):
        return candidate.validated_answers(requests)
    return candidate.answer(requests)


def _requests(rows: Sequence[Row]) -> list[Request]:
    return [row.call.request for row in rows]


def _calls(rows: Sequence[Row]) -> list[LabelledCall]:
    return [row.call for row in rows]
