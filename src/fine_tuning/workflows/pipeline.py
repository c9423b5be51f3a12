"""The loop from captured calls to a registered model, a function a stage, joined by what is stored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

from fine_tuning._util import checks, hosts
from fine_tuning._util.model_names import version_name
from fine_tuning.base_models import catalogue
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.rows import prompt_and_reference
from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.datasets.examples_with_recipe import Examples
from fine_tuning.errors import DataError, TrainingError
from fine_tuning.llm_service import LLMService
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.model_evaluator import EvaluationResult, ModelEvaluator
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.openai_fine_tuner import OpenAIFineTuner
from fine_tuning.store import costs
from fine_tuning.store.database import open_database
from fine_tuning.store.records import ModelVersion
from fine_tuning.training.jobs.fine_tuner import FineTuner

Example = Mapping[str, Any]
Messages = list[Message]
Report = Callable[[str], None]
Follow = Callable[[FineTuner, str], Mapping[str, Any]]
MIN_EXAMPLES = 10  # what OpenAI requires of a training file


@dataclass(frozen=True)
class Plan:
    """What to train and on what.

    Attributes:
        base_model: a catalogue name, folder or Hugging Face id (trained here), else a model of an OpenAI-like host.
        model_name: the registered name.
        train_ratio: share of the examples to train on; the rest is for evaluation.
        max_answer_tokens: longest answer in the evaluation.

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
    max_answer_tokens: int = 256
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checks.count("n_epochs", self.n_epochs, 1)
        if self.max_steps is not None:
            checks.count("max_steps", self.max_steps, 1)

    @property
    def is_local(self) -> bool:
        """Whether training happens on this machine."""
        return catalogue.is_known(self.base_model)


@dataclass
class Answers:
    """A model's answers to questions whose right answers are known."""

    predictions: list[str]
    references: list[str]
    latencies_ms: list[float] | None
    costs: list[float | None]

    @property
    def mean_cost(self) -> float | None:
        """US dollars a call; None where any is unknown."""
        known = [cost for cost in self.costs if cost is not None]
        return sum(known) / len(known) if known and len(known) == len(self.costs) else None


def select(plan: Plan) -> Examples[dict[str, Any]]:
    """Captured examples that are fit for training.

    Raises:
        DataError: there are too few.
    """
    builder = DatasetBuilder()
    found = builder.build_from_distillation(min_rating=plan.min_rating, domain=plan.domain)
    fit = builder.validate_examples(found)["valid_examples"]
    if len(fit) < MIN_EXAMPLES:
        raise DataError(
            f"{len(fit)} valid examples rated {plan.min_rating} or more in domain {plan.domain or 'any'}; "
            f"at least {MIN_EXAMPLES} are needed: capture more calls (ft-cli capture import FILE)"
        )
    return fit


def fine_tune(plan: Plan, train: Sequence[Example], validation: Sequence[Example], follow: Follow) -> Mapping[str, Any]:
    """Freeze both sides, train, wait; an interrupted run of the same plan and data goes on. Returns the job's view.

    Raises:
        TrainingError, ProviderError: the job did not succeed.
    """
    builder = DatasetBuilder()
    tuner: FineTuner = LocalFineTuner() if plan.is_local else OpenAIFineTuner()
    files = [
        tuner.upload_training_file(builder.save_dataset(side, f"{plan.model_name}_{label}"))
        for label, side in (("train", train), ("validation", validation))
        if side
    ]
    hyperparameters = {"n_epochs": plan.n_epochs, **plan.hyperparameters}
    if plan.max_steps is not None:
        hyperparameters["max_steps"] = plan.max_steps
    job = tuner.resume_like(plan.base_model, files[0], **hyperparameters) if isinstance(tuner, LocalFineTuner) else None
    if job is None:
        validation_file = files[1] if len(files) > 1 else None
        job = tuner.create_fine_tuning_job(
            plan.base_model, files[0], validation_file, plan.model_name, **hyperparameters
        )
    ended = follow(tuner, job["job_id"])
    if ended["status"] != "succeeded":
        raise TrainingError(f"job {ended['job_id']} {ended['status']}: {ended['error'] or 'no reason was given'}")
    return ended


def register(plan: Plan, job: Mapping[str, Any], rows: int) -> ModelVersion:
    """Add the job's model as the next version, with what its training cost. Returns the record."""
    with open_database().read() as tx:
        recorded = costs.training_jobs(tx, job_id=job["job_id"])
    spent = recorded[0]["total_cost"] if recorded else _hosted_cost(plan, job)
    return ModelRegistry().register_model(
        plan.model_name,
        plan.base_model,
        job["job_id"],
        rows,
        cost=spent,
        provider=None if plan.is_local else hosts.address(),
        provider_model=None if plan.is_local else job["fine_tuned_model"],
    )


def _hosted_cost(plan: Plan, job: Mapping[str, Any]) -> float:
    tokens = job["trained_tokens"]
    return nan if tokens is None else float(OpenAIFineTuner().estimate_cost(tokens, plan.base_model)["total_cost"])


def ask(
    model: str, questions: Sequence[Messages], references: Sequence[str], max_tokens: int, **kwargs: Any
) -> Answers:
    """A model's greedy answers, in order; the calls are kept in the ledger as evaluation."""
    service = LLMService(model=model, default_temperature=0.0, purpose="evaluation")
    answered = list(service.complete_many(questions, max_tokens=max_tokens, **kwargs))
    return Answers(
        predictions=[answer["content"] for answer in answered],
        references=list(references),
        latencies_ms=[answer["latency_ms"] for answer in answered],
        costs=[answer["cost"] for answer in answered],
    )


def evaluate(plan: Plan, version: int, test: Sequence[Example]) -> tuple[EvaluationResult, EvaluationResult]:
    """Exact match of the base model and of the new version by real answers to the same questions."""
    rows = DatasetBuilder().to_openai_format(test)
    asked = [prompt_and_reference(row, f"example {number}") for number, row in enumerate(rows, 1)]
    questions, references = [messages for messages, _ in asked], [answer for _, answer in asked]
    evaluator = ModelEvaluator()
    results = []
    for name, kind in ((plan.base_model, "base"), (version_name(plan.model_name, version), "fine_tuned")):
        answers = ask(name, questions, references, plan.max_answer_tokens)
        shown = plan.model_name if kind == "fine_tuned" else name
        cost = answers.mean_cost
        results.append(
            evaluator.evaluate_exact_match(
                answers.predictions,
                references,
                shown,
                kind,
                answers.latencies_ms,
                nan if cost is None else cost,
                {"version": version} if kind == "fine_tuned" else None,
            )
        )
    return results[0], results[1]


@dataclass
class Outcome:
    """What a run of the pipeline made."""

    job: Mapping[str, Any]
    record: dict[str, Any]
    base: EvaluationResult
    tuned: EvaluationResult


def run(plan: Plan, report: Report, follow: Follow) -> Outcome:
    """Captured calls in, a registered and evaluated version out; `report` is told each stage."""
    examples = select(plan)
    train, test = DatasetBuilder().split_train_test(examples, plan.train_ratio)
    report(f"data: {len(examples)} examples, {len(train)} to train on, {len(test)} held out")
    return train_and_judge(plan, train, test, report, follow)


def train_and_judge(
    plan: Plan, train: Sequence[Example], test: Sequence[Example], report: Report, follow: Follow
) -> Outcome:
    """Train on one side, register, and evaluate base and new version on the other."""
    report(f"training {plan.base_model} {'on this machine' if plan.is_local else 'at ' + hosts.address()}")
    job = fine_tune(plan, train, test, follow)
    record = register(plan, job, len(train))
    report(f"registered {plan.model_name} v{record['version']}; evaluating on {len(test)} held-out examples")
    base, tuned = evaluate(plan, record["version"], test)
    ModelRegistry().set_accuracy(plan.model_name, record["version"], tuned.accuracy)
    return Outcome(job, {**record, "accuracy": tuned.accuracy}, base, tuned)
