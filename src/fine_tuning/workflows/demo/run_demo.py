"""Run the demo in a separate workspace, with the facades that an application uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import resources
from math import nan
from pathlib import Path

from fine_tuning._util.files import sha256_file
from fine_tuning._util.model_names import version_name
from fine_tuning._util.same_model import is_same
from fine_tuning.ab_testing import ABTestFramework, ABTestResult
from fine_tuning.base_models import catalogue
from fine_tuning.costs.data_costs import price_of_answer
from fine_tuning.costs.prices import PriceList
from fine_tuning.costs.roi import DEFAULT_HORIZON_DAYS, CostAnalysis
from fine_tuning.costs.roi_facts import RoiRequest
from fine_tuning.data_io.messages import Message
from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.import_report import ImportReport
from fine_tuning.errors import DataError
from fine_tuning.experiments import model_return
from fine_tuning.experiments.assignment import assign
from fine_tuning.experiments.sufficient_statistics import ARMS, B
from fine_tuning.llm_service import LLMService
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.settings import Settings
from fine_tuning.store.records.examples import Example
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.local_trainer import check_installed
from fine_tuning.workflows.pipeline import CapturedExamples, Outcome, Pipeline, Plan, predict_test_set, questions_of

MODEL_NAME = "support-inbox"
MACHINE_USD_PER_HOUR = 0.10  # of a rented machine with two cores, unless FINE_TUNING_MACHINE_USD_PER_HOUR is set
MONTHLY_CALLS = 10_000
MAX_TOKENS = 48
FRESH_REQUEST = (
    "Hello there, the kettle from order 58213 came with a cracked lid and it leaks all over the counter. "
    "It was delivered on the 14th of October. Please advise. Thanks, Mira"
)


@dataclass
class DemoAnswer:
    """A production call: the request, the model that answered, and its response."""

    question: str
    model: str
    content: str


@dataclass
class Teacher:
    """The model of most captured calls, which is replaced.

    Attributes:
        cost_per_call: mean over the held-out examples, US dollars by today's prices; nan is unknown.
        share: of the held-out answers that it gave.
    """

    name: str
    cost_per_call: float
    share: float

    @property
    def references(self) -> str:
        """Whose answers the held-out references are."""
        return self.name if self.share == 1 else "the captured answers"


@dataclass
class DemoResult:
    """What the demo found.

    Attributes:
        recommendation: of the A/B test; see `ABTestFramework.recommend_winner`.
        deployed: `<name>-v<version>`; None if the fine-tuned model did not win.
        machine_usd_per_hour: the price of this machine.
    """

    captured: ImportReport
    outcome: Outcome
    experiment: ABTestResult
    recommendation: str
    deployed: str | None
    answer: DemoAnswer
    teacher: Teacher
    analysis: CostAnalysis
    machine_usd_per_hour: float


def demo_settings(settings: Settings, data: Path | None = None, kind: str = "demo") -> Settings:
    """The settings of the demo's workspace inside the user's, one per data file, so that no data is mixed.

    Local calls and training have a price in it.

    Args:
        kind: of demo, by which its folder is named.

    Raises:
        NotFoundError, DataError: the file cannot be read.
    """
    name = kind if data is None else f"{kind}-{sha256_file(data)[:8]}"
    price = settings.machine_usd_per_hour
    changes = {
        "home": settings.home.absolute() / name,
        "database_url": None,  # the demo has its own, whatever database the user's application has
        "machine_usd_per_hour": MACHINE_USD_PER_HOUR if price is None else price,
    }
    return settings.model_copy(update=changes)


def run(pipeline: Pipeline, data: Path | None = None) -> DemoResult:
    """Capture, build, train, evaluate, A/B test, deploy, answer, and calculate the return.

    Args:
        pipeline: in the demo's workspace, of a base model that can be trained here.
        data: a JSONL file of rated calls; the packaged support inbox by default.

    Raises:
        MissingDependencyError: a package that training needs is not installed; nothing was done.
        FineTuningError: a step failed; the results so far are kept.
    """
    workspace, plan, on_message = pipeline.workspace, pipeline.plan, pipeline.on_message
    catalogue.check(plan.base_model)
    check_installed()
    captured = _capture(workspace, data)
    earlier = "" if captured.known_since is None else "; these rows were already captured"
    on_message(
        f"captured {captured.captured} teacher calls ({captured.read} rows read, {captured.duplicates} seen twice, "
        f"{len(captured.rejected)} malformed and skipped{earlier})"
    )
    examples = pipeline.select_examples()
    train, test, traffic = _split(workspace, examples, plan.train_ratio)
    on_message(
        f"data: {len(train)} examples to train on, {len(test)} held out for evaluation, {len(traffic)} as traffic"
    )
    outcome = pipeline.train_and_evaluate(train, test)
    version = version_name(MODEL_NAME, outcome.record["version"])
    on_message(f"A/B test: {plan.base_model} against {version} on {len(traffic)} requests")
    experiment = _run_experiment(workspace, plan, version, traffic)
    recommendation = ABTestFramework(workspace=workspace).recommend_winner(experiment)
    deployed = version if recommendation == version else None
    if deployed is not None:
        reason = f"won A/B test {experiment.test_id}"
        ModelRegistry(workspace=workspace).deploy_model(MODEL_NAME, outcome.record["version"], reason)
        on_message(f"deployed {deployed}")
    question = FRESH_REQUEST if data is None else str(traffic[0]["prompt"])
    price, prices = workspace.settings.machine_usd_per_hour, PriceList(workspace.settings.prices)
    teacher = _teacher(test, prices)
    answered = [example for example in traffic if assign(experiment.test_id, str(example["id"])) == B]
    request = RoiRequest(
        MODEL_NAME,
        MONTHLY_CALLS,
        MONTHLY_CALLS / DEFAULT_HORIZON_DAYS,
        incumbent=teacher.name,
        incumbent_answers=_costs(teacher.name, answered, prices),
    )
    with workspace.database.read() as tx:  # before the one call below, which is no measurement
        analysis = model_return.calculate(tx, request, workspace.settings)
    return DemoResult(
        captured=captured,
        outcome=outcome,
        experiment=experiment,
        recommendation=recommendation,
        deployed=deployed,
        answer=_answer(workspace, MODEL_NAME if deployed else plan.base_model, question, _messages(examples[0])),
        teacher=teacher,
        analysis=analysis,
        machine_usd_per_hour=nan if price is None else price,
    )


def demo_plan(base_model: str, epochs: int, max_steps: int | None) -> Plan:
    """The plan of the demo."""
    return Plan(base_model, MODEL_NAME, n_epochs=epochs, max_steps=max_steps, max_tokens=MAX_TOKENS)


def _split(
    workspace: Workspace, examples: CapturedExamples, train_ratio: float
) -> tuple[CapturedExamples, CapturedExamples, CapturedExamples]:
    """Examples to train on, to evaluate on, and as traffic of the A/B test."""
    builder = DatasetBuilder(workspace=workspace)
    train, held_out = builder.split_train_test(examples, train_ratio)
    test, traffic = builder.split_train_test(held_out, 0.5)
    if not test or not traffic:
        raise DataError(f"{len(examples)} examples are too few to hold some out for evaluation and A/B test; add more")
    return train, test, traffic


def _capture(workspace: Workspace, data: Path | None) -> ImportReport:
    collector = DistillationDataCollector(workspace=workspace)
    with calls_file(data) as path:
        return collector.capture_file(path)


@contextmanager
def calls_file(data: Path | None) -> Iterator[Path]:
    """The user's file of rated calls, or the packaged support inbox."""
    packaged = resources.files("fine_tuning.workflows.demo").joinpath("support_inbox.jsonl")
    with nullcontext(data) if data is not None else resources.as_file(packaged) as path:
        yield path


def _run_experiment(workspace: Workspace, plan: Plan, version: str, traffic: CapturedExamples) -> ABTestResult:
    """An A/B test in which each request is answered by the model that its hash assigns."""
    framework = ABTestFramework(workspace=workspace)
    test_id = f"demo-{version}"
    framework.create_test(test_id, plan.base_model, version)
    assigned = [assign(test_id, str(example["id"])) for example in traffic]
    answered: dict[str, Iterator[tuple[str, str, float, float | None]]] = {}
    for arm, model in zip(ARMS, (plan.base_model, version), strict=True):
        requests = [example for example, chosen in zip(traffic, assigned, strict=True) if chosen == arm]
        found = predict_test_set(workspace, model, questions_of(requests, workspace), plan.max_tokens)
        answered[arm] = zip(found.predictions, found.references, found.latencies_ms, found.costs, strict=True)
    for arm in assigned:  # as the requests came
        framework.record_sample(test_id, arm, *next(answered[arm]))
    return framework.conclude_test(test_id)


def _answer(workspace: Workspace, model: str, question: str, captured: Sequence[Message]) -> DemoAnswer:
    """One production call, with the system prompt of the captured calls."""
    system = captured[0].get("content") if captured and captured[0].get("role") == "system" else None
    service = LLMService(model=model, default_temperature=0.0, workspace=workspace)
    answer = service.complete(
        question, system_prompt=system if isinstance(system, str) else None, max_tokens=MAX_TOKENS
    )
    return DemoAnswer(question, answer["model"], answer["content"])


def _messages(example: Example) -> list[Message]:
    """The captured conversation; empty where only prompt and response were captured."""
    return example.get("messages") or []


def _teacher(examples: CapturedExamples, prices: PriceList) -> Teacher:
    """The model of most of the calls, with its price for them."""
    names = [str(example["model_used"]) for example in examples]
    name = max(dict.fromkeys(names), key=names.count)
    share = sum(is_same(each, name) for each in names) / len(names)
    costs = _costs(name, examples, prices)
    return Teacher(name, sum(costs) / len(costs) if costs else nan, share)


def _costs(model: str, examples: Sequence[Example], prices: PriceList) -> tuple[float, ...]:
    """The known prices of a model's answers, US dollars by today's prices of their texts."""
    found = (price_of_answer(example, prices).usd for example in examples if example["model_used"] == model)
    return tuple(price for price in found if price is not None)
