"""The demo's stages, one after the other; each uses the same doors as an application would."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from math import nan
from pathlib import Path
from typing import Any

from fine_tuning._util.files import sha256_file
from fine_tuning._util.model_names import version_name
from fine_tuning.ab_testing import ABTestFramework, ABTestResult
from fine_tuning.base_models import catalogue
from fine_tuning.cost_tracker import CostAnalysis, CostTracker
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.rows import prompt_and_reference
from fine_tuning.dataset_builder import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.import_report import ImportReport
from fine_tuning.errors import DataError
from fine_tuning.experiments.assignment import assign
from fine_tuning.experiments.recommendation import recommend
from fine_tuning.llm_service import LLMService
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.settings import get_settings
from fine_tuning.store.tables import ARMS
from fine_tuning.workflows import pipeline
from fine_tuning.workflows.pipeline import Follow, Outcome, Plan, Report

MODEL_NAME = "support-inbox"
MACHINE_USD_PER_HOUR = 0.10  # about what a rented machine with two cores costs; FINE_TUNING_MACHINE_USD_PER_HOUR wins
MONTHLY_CALLS = 10_000
MAX_ANSWER_TOKENS = 48
FRESH_REQUEST = (
    "Hello there, the kettle from order 58213 came with a cracked lid and it leaks all over the counter. "
    "It was delivered on the 14th of October. Please advise. Thanks, Mira"
)


@dataclass
class DemoResult:
    """What each stage of the demo found."""

    captured: ImportReport
    outcome: Outcome
    experiment: ABTestResult
    recommendation: str
    deployed: str | None
    question: str
    answer: dict[str, Any]
    teacher: str
    teacher_cost: float
    analysis: CostAnalysis
    machine_usd_per_hour: float


@contextmanager
def workspace(data: Path | None = None) -> Iterator[Path]:
    """A workspace of the demo's own inside the user's, one for each file, so that no data is mixed.

    Local work gets a price in it.

    Raises:
        NotFoundError, DataError: the file cannot be read.
    """
    name = "demo" if data is None else f"demo-{sha256_file(data)[:8]}"
    home, price = get_settings().home.absolute() / name, get_settings().machine_usd_per_hour
    changed = {
        "FINE_TUNING_HOME": str(home),
        "FINE_TUNING_MACHINE_USD_PER_HOUR": str(MACHINE_USD_PER_HOUR if price is None else price),
        # Said, not left out: a .env file may name the database of the user's application.
        "FINE_TUNING_DATABASE_URL": str(home / "fine_tuning.db"),
    }
    before = {name: os.environ.get(name) for name in changed}
    try:
        _set_environment(changed)
        yield get_settings().home
    finally:
        _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def run(
    data: Path | None, base_model: str, epochs: int, max_steps: int | None, report: Report, follow: Follow
) -> DemoResult:
    """Capture, build, train, evaluate, A/B test, deploy, answer, count the cost.

    Args:
        data: the user's own JSONL of rated calls; the packaged support inbox by default.
        base_model: one that can be trained here: a catalogue name, a folder or a Hugging Face id.

    Raises:
        FineTuningError: a stage cannot go on; what was done so far is kept.
    """
    catalogue.check(base_model)
    plan = Plan(base_model, MODEL_NAME, n_epochs=epochs, max_steps=max_steps, max_answer_tokens=MAX_ANSWER_TOKENS)
    captured = _capture(data)
    known = "" if captured.known_since is None else "; these rows were captured before"
    report(
        f"captured {captured.captured} teacher calls ({captured.read} rows read, {captured.duplicates} seen twice, "
        f"{len(captured.rejected)} malformed and left out{known})"
    )
    examples = pipeline.select(plan)
    train, held_out = DatasetBuilder().split_train_test(examples, plan.train_ratio)
    test, traffic = DatasetBuilder().split_train_test(held_out, 0.5)
    if not test or not traffic:
        raise DataError(f"{len(examples)} examples are too few to hold some out for evaluation and A/B test; add more")
    report(f"data: {len(train)} examples to train on, {len(test)} held out for evaluation, {len(traffic)} as traffic")
    outcome = pipeline.train_and_judge(plan, train, test, report, follow)
    version_id = version_name(MODEL_NAME, outcome.record["version"])
    report(f"A/B test: {base_model} against {version_id} on {len(traffic)} requests")
    experiment = _experiment(plan, version_id, traffic)
    recommendation = ABTestFramework().recommend_winner(experiment)
    deployed = version_id if recommend(experiment).winner == "model_b" else None
    if deployed is not None:
        reason = f"won A/B test {experiment.test_id}"
        ModelRegistry().deploy_model(MODEL_NAME, outcome.record["version"], reason)
        report(f"deployed {deployed}")
    question = FRESH_REQUEST if data is None else str(traffic[0]["prompt"])
    answer = _answer(MODEL_NAME if deployed else base_model, question, examples[0])
    teacher, teacher_cost = _teacher_cost(examples)
    return DemoResult(
        captured=captured,
        outcome=outcome,
        experiment=experiment,
        recommendation=recommendation,
        deployed=deployed,
        question=question,
        answer=answer,
        teacher=teacher,
        teacher_cost=teacher_cost,
        analysis=CostTracker().calculate_roi(MODEL_NAME, teacher_cost, MONTHLY_CALLS),
        machine_usd_per_hour=nan if (price := get_settings().machine_usd_per_hour) is None else price,
    )


def _capture(data: Path | None) -> ImportReport:
    collector = DistillationDataCollector()
    if data is not None:
        return collector.capture_file(data)
    packaged = resources.files("fine_tuning.workflows.demo").joinpath("support_inbox.jsonl")
    with resources.as_file(packaged) as path:
        return collector.capture_file(path)


def _experiment(plan: Plan, version_id: str, traffic: Sequence[Mapping[str, Any]]) -> ABTestResult:
    """Each request is answered by the model that its hash assigns it to."""
    framework = ABTestFramework()
    test_id = f"demo-{version_id}"
    framework.create_test(test_id, plan.base_model, version_id)
    asked = [prompt_and_reference(row, "traffic") for row in DatasetBuilder().to_openai_format(traffic)]
    arms = [assign(test_id, str(example["id"])) for example in traffic]
    for arm, model in zip(ARMS, (plan.base_model, version_id), strict=True):
        mine = [pair for pair, assigned in zip(asked, arms, strict=True) if assigned == arm]
        answers = pipeline.ask(model, [q for q, _ in mine], [a for _, a in mine], plan.max_answer_tokens)
        for position, prediction in enumerate(answers.predictions):
            latency = answers.latencies_ms[position] if answers.latencies_ms else None
            reference, cost = answers.references[position], answers.costs[position]
            framework.record_sample(test_id, arm, prediction, reference, latency, cost)
    return framework.conclude_test(test_id)


def _answer(model: str, question: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """One production call, with the system prompt that the captured calls had."""
    first = (example.get("messages") or [{}])[0]
    system = first["content"] if first.get("role") == "system" else None
    service = LLMService(model=model, default_temperature=0.0)
    return service.complete(question, system_prompt=system, max_tokens=MAX_ANSWER_TOKENS)


def _teacher_cost(examples: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    """The teacher most calls came from, and its mean price per call by today's prices; nan where unknown."""
    names = [str(example["model_used"]) for example in examples]
    teacher = max(set(names), key=names.count)
    prices, known = PriceList(get_settings().prices), []
    for example in examples:
        asked = example.get("messages") or [{"content": example["prompt"]}, {}]
        prompt = "\n".join(str(message.get("content") or "") for message in asked[:-1])
        price = prices.text_price(teacher, prompt, example["response"]) if example["model_used"] == teacher else None
        if price is not None:
            known.append(price)
    return teacher, sum(known) / len(known) if known else nan
