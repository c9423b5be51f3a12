"""The loop from captured calls to a registered model: select, fine-tune, register, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

from fine_tuning._util import checks, hosts
from fine_tuning._util.model_names import version_name
from fine_tuning.base_models import catalogue
from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.datasets import prepare_dataset
from fine_tuning.datasets.examples_with_recipe import Examples
from fine_tuning.errors import DataError, TrainingError
from fine_tuning.llm_service import LLMService
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.model_evaluator import EvaluationResult, ModelEvaluator
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.openai_fine_tuner import OpenAIFineTuner
from fine_tuning.store import costs
from fine_tuning.store.records.examples import Example
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.training.jobs.local_trainer import check_installed
from fine_tuning.workflows import fine_tuners
from fine_tuning.workflows.evaluation_questions import Question, question_of
from fine_tuning.workflows.predict import answer_text, answers

CapturedExamples = Examples[Example]
OnMessage = Callable[[str], None]
WaitForJob = Callable[[FineTuner, str], JobView]
MIN_EXAMPLES = 10  # what OpenAI requires of a training file


@dataclass(frozen=True)
class Plan:
    """The model to train, and the data to train it on.

    Attributes:
        base_model: a catalogue name, folder or Hugging Face id (trained here), else a model of an OpenAI-like host.
        model_name: the registered name.
        train_ratio: share of the examples to train on; the rest is for evaluation.
        max_tokens: longest prediction in the evaluation.

    Raises:
        UsageError: epochs or steps are less than 1.
    """

    base_model: str
    model_name: str
    domain: str | None = None
    min_rating: int = 4
    train_ratio: float = 0.8
    n_epochs: int = 3
    max_steps: int | None = None
    max_tokens: int = 256
    hyperparameters: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checks.count("n_epochs", self.n_epochs, 1)
        if self.max_steps is not None:
            checks.count("max_steps", self.max_steps, 1)

    @property
    def is_local(self) -> bool:
        """Whether training happens on this machine."""
        return catalogue.is_known(self.base_model)

    def chosen_hyperparameters(self) -> dict[str, object]:
        """All hyperparameters of the job."""
        steps = {} if self.max_steps is None else {"max_steps": self.max_steps}
        return {"n_epochs": self.n_epochs, **self.hyperparameters, **steps}


@dataclass
class Outcome:
    """What a run of the pipeline made, and the evaluations of the base and the fine-tuned model."""

    job: JobView
    record: ModelVersion
    base: EvaluationResult
    tuned: EvaluationResult


@dataclass
class TestSetPredictions:
    """A model's predictions for a test set; costs are US dollars, None where unknown."""

    __test__ = False

    predictions: list[str]
    references: list[str]
    latencies_ms: list[float]
    costs: list[float | None]

    @property
    def mean_cost(self) -> float | None:
        """US dollars per call; None where any is unknown."""
        known = [cost for cost in self.costs if cost is not None]
        return sum(known) / len(known) if known and len(known) == len(self.costs) else None


def questions_of(examples: Sequence[Example], workspace: Workspace) -> list[Question]:
    """Held-out examples as questions with their references."""
    rows = DatasetBuilder(workspace=workspace).to_openai_format(examples)
    return [question_of(row, f"example {number}") for number, row in enumerate(rows, 1)]


def predict_test_set(
    workspace: Workspace, model: str, questions: Sequence[Question], max_tokens: int
) -> TestSetPredictions:
    """A model's greedy predictions, in order; the cost ledger has the calls as evaluation."""
    service = LLMService(model=model, default_temperature=0.0, purpose="evaluation", workspace=workspace)
    answered = list(answers(service, questions, max_tokens))
    return TestSetPredictions(
        predictions=[answer_text(answer, question) for answer, question in zip(answered, questions, strict=True)],
        references=[question.reference for question in questions],
        latencies_ms=[answer["latency_ms"] for answer in answered],
        costs=[answer["cost"] for answer in answered],
    )


@dataclass(frozen=True)
class Pipeline:
    """A run of a plan in a workspace.

    Attributes:
        on_message: called with a line about each step.
        wait_for_job: waits until a fine-tuner's job has ended, and returns it.
    """

    workspace: Workspace
    plan: Plan
    on_message: OnMessage
    wait_for_job: WaitForJob

    def run(self) -> Outcome:
        """Train on captured calls; register and evaluate the new version.

        Raises:
            DataError: there are too few examples.
            MissingDependencyError: a package that training here needs is not installed; nothing was done.
            TrainingError, ProviderError: the job did not succeed.
        """
        if self.plan.is_local:
            check_installed()
        examples = self.select_examples()
        train, test = self._builder().split_train_test(examples, self.plan.train_ratio)
        self.on_message(f"data: {len(examples)} examples, {len(train)} to train on, {len(test)} held out")
        return self.train_and_evaluate(train, test)

    def select_examples(self) -> CapturedExamples:
        """The captured examples that are valid for training, however short: a label is an answer.

        Raises:
            DataError: there are too few.
        """
        plan = self.plan
        found = prepare_dataset.find_captured(self.workspace.database, plan.min_rating, plan.domain)
        learnt = prepare_dataset.learnt_of(self.workspace.database, found, plan.min_rating)
        valid, left_out = prepare_dataset.trainable(learnt.examples, "openai", 1, 1)
        left_out += learnt.issues
        others = f"{len(left_out)} left out, {prepare_dataset.summary_of(left_out)}" if left_out else ""
        if len(valid) < MIN_EXAMPLES:
            raise DataError(
                f"{len(valid)} valid examples rated {plan.min_rating} or more in domain {plan.domain or 'any'}"
                f"{f' ({others})' if others else ''}; at least {MIN_EXAMPLES} are needed: capture more calls "
                "(ft-cli capture import FILE)"
            )
        if others:
            self.on_message(f"data: {others}")
        return valid

    def train_and_evaluate(self, train: CapturedExamples, test: CapturedExamples) -> Outcome:
        """Fine-tune on one side, register the model, and evaluate base and new version on the other."""
        plan = self.plan
        where = "on this machine" if plan.is_local else f"at {hosts.find_host(self.workspace.settings).url}"
        self.on_message(f"training {plan.base_model} {where}")
        job = self._fine_tune(train, test)
        record = self._register(job, len(train))
        version = record["version"]
        self.on_message(f"registered {plan.model_name} v{version}; evaluating on {len(test)} held-out examples")
        base, tuned = self._evaluate(version, questions_of(test, self.workspace))
        ModelRegistry(workspace=self.workspace).set_accuracy(plan.model_name, version, tuned.accuracy)
        record["accuracy"] = tuned.accuracy
        return Outcome(job, record, base, tuned)

    def _builder(self) -> DatasetBuilder:
        return DatasetBuilder(workspace=self.workspace)

    def _fine_tune(self, train: CapturedExamples, validation: CapturedExamples) -> JobView:
        """Save both sides, train and wait; an interrupted job of the same plan and data is resumed."""
        plan, builder = self.plan, self._builder()
        tuner: FineTuner
        tuner = LocalFineTuner(workspace=self.workspace) if plan.is_local else OpenAIFineTuner(workspace=self.workspace)
        train_file = Path(builder.save_dataset(train, f"{plan.model_name}_train"))
        validation_file = (
            Path(builder.save_dataset(validation, f"{plan.model_name}_validation")) if validation else None
        )
        model, hyperparameters = plan.base_model, plan.chosen_hyperparameters()
        job = None
        if isinstance(tuner, LocalFineTuner):
            job = tuner.resume_like(model, train_file, **hyperparameters)
        if job is None:
            job = fine_tuners.start(tuner, model, train_file, validation_file, plan.model_name, **hyperparameters)
        ended = self.wait_for_job(tuner, job["job_id"])
        if ended["status"] != "succeeded":
            raise TrainingError(f"job {ended['job_id']} {ended['status']}: {ended['error'] or 'no reason was given'}")
        return ended

    def _register(self, job: JobView, rows: int) -> ModelVersion:
        """Register the job's model as the next version, with its training cost. Returns the record."""
        plan = self.plan
        with self.workspace.database.read() as tx:
            recorded = costs.training_jobs(tx, job_id=job["job_id"])
        return ModelRegistry(workspace=self.workspace).register_model(
            plan.model_name,
            plan.base_model,
            job["job_id"],
            rows,
            cost=recorded[0]["total_cost"] if recorded else self._hosted_cost(job),
            provider=None if plan.is_local else hosts.find_host(self.workspace.settings).url,
            provider_model=None if plan.is_local else job["fine_tuned_model"],
        )

    def _hosted_cost(self, job: JobView) -> float:
        tokens = job["trained_tokens"]
        if tokens is None:
            return nan
        return OpenAIFineTuner(workspace=self.workspace).estimate_cost(tokens, self.plan.base_model)["total_cost"]

    def _evaluate(self, version: int, questions: Sequence[Question]) -> tuple[EvaluationResult, EvaluationResult]:
        """Exact match of the base model and of the new version on the same questions."""
        name = version_name(self.plan.model_name, version)
        base = self._evaluate_model(self.plan.base_model, questions, self.plan.base_model, "base")
        tuned = self._evaluate_model(name, questions, self.plan.model_name, "fine_tuned", {"version": version})
        return base, tuned

    def _evaluate_model(
        self,
        model: str,
        questions: Sequence[Question],
        name: str,
        model_type: str,
        metadata: Mapping[str, object] | None = None,
    ) -> EvaluationResult:
        """Exact match of a model, kept under `name`."""
        found = predict_test_set(self.workspace, model, questions, self.plan.max_tokens)
        return ModelEvaluator(workspace=self.workspace).evaluate_exact_match(
            found.predictions,
            found.references,
            name,
            model_type,
            found.latencies_ms,
            nan if found.mean_cost is None else found.mean_cost,
            metadata,
            questions=[question.text for question in questions],
        )
