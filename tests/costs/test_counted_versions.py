"""Training, data and judges of one set of versions: of those up to the one that answers."""

from __future__ import annotations

from math import inf

import pytest

from fine_tuning import CostTracker, DatasetBuilder, ModelRegistry, OpenAIFineTuner
from fine_tuning.cost_tracker import CostAnalysis
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database
from tests import wire


@pytest.fixture
def three(database: Database) -> None:
    """Versions 1 (100 dollars), 2 (5) and 3 (1) of `m`; a call of v1 costs 0.1 cents, one of v2 1 cent."""
    for number, cost in ((1, 100.0), (2, 5.0), (3, 1.0)):
        ModelRegistry().register_model("m", "small", f"job-{number}", 10, cost=cost)
    for _ in range(3):
        CostTracker().record_inference("m-v1", 10, 0.001, is_fine_tuned=True)
        CostTracker().record_inference("m-v2", 10, 0.01, is_fine_tuned=True)


def returned(name: str = "m", incumbent: str | None = None) -> CostAnalysis:
    return CostTracker().calculate_roi(name, None if incumbent else 0.02, 10_000, incumbent=incumbent)


def test_training_of_a_version_that_was_rolled_back_to_is_its_own(three: None) -> None:
    registry = ModelRegistry()
    registry.deploy_model("m", 1)
    registry.deploy_model("m", 2)
    registry.rollback_model("m", 1)
    analysis = returned(incumbent="m-v2")
    assert analysis.roi_at_expected == pytest.approx(-0.1)
    assert analysis.break_even_inferences == pytest.approx(100 / 0.009)
    assert "training cost $100, the versions up to m-v1" in analysis.assumptions
    assert returned("m-v1", "m-v2").investment == analysis.investment == 100


@pytest.mark.parametrize(
    ("deployed", "incumbent", "expected", "shown"),
    [
        (None, None, 106, "all versions together"),
        (3, None, 106, "all versions together"),
        (2, None, 105, "the versions up to m-v2"),
        (2, "m-v1", 5, "the versions after m-v1 up to m-v2"),
        (2, "m-v3", 105, "the versions up to m-v2"),
        (3, "m-v1", 6, "the versions after m-v1"),
        (3, "m-v2", 1, "the versions after m-v2"),
        (1, "m-v3", 100, "the versions up to m-v1"),
    ],
)
def test_training_counts_up_to_the_deployed_version(
    three: None, deployed: int | None, incumbent: str | None, expected: float, shown: str
) -> None:
    if deployed is not None:
        ModelRegistry().deploy_model("m", deployed)
    analysis = returned(incumbent=incumbent)
    assert analysis.training_cost == expected
    assert f"training cost ${expected}, {shown}" in analysis.assumptions


def test_training_of_two_versions_is_known_after_a_rollback(database: Database) -> None:
    for number in (1, 2):
        ModelRegistry().register_model("m", "small", f"job-{number}", 10, cost=7.0)
        ModelRegistry().deploy_model("m", number)
    ModelRegistry().rollback_model("m", 1)
    assert returned(incumbent="m-v2").training_cost == 7


def test_judges_are_of_the_versions_that_count(three: None) -> None:
    ModelRegistry().deploy_model("m", 2)
    for number in (1, 2, 3):
        CostTracker().record_inference("judge", 10, 10.0**number, False, {"about": f"m-v{number}"}, kind="judge")
    assert returned().judge_cost == 110
    assert returned("m-v2").judge_cost == 100


@pytest.fixture
def two_of_data(database: Database, host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """`m` v1 of 50 answers of a dollar, v2 of 50 others of a cent, 10 dollars of training each; v2 is deployed."""
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    collector, builder, tuner = DistillationDataCollector(), DatasetBuilder(), OpenAIFineTuner()
    for number, (domain, cost) in enumerate((("a", 1.0), ("b", 0.01)), 1):
        for place in range(50):
            prompt = f"Where is order {domain} number {place} of the list?"
            collector.capture_success(
                prompt, f"It is the {domain} {place} one, sent.", domain, "t", metadata={"cost": cost}
            )
        file = builder.save_dataset(builder.build_from_distillation(domain=domain), f"of-{domain}")
        host.answers["POST /files"] = (200, wire.file(id=f"file-{number}"))
        host.answers["POST /fine_tuning/jobs"] = lambda request, number=number: (
            200,
            wire.job(
                id=f"ftjob-{number}", metadata=request.body["metadata"], training_file=request.body["training_file"]
            ),
        )
        job = tuner.create_fine_tuning_job("small", tuner.upload_training_file(file))
        ModelRegistry().register_model("m", "small", job["job_id"], 50, cost=10.0)
    ModelRegistry().deploy_model("m", 2)
    for name in ("m-v1", "m-v2"):
        CostTracker().record_inference(name, 10, 0.001, is_fine_tuned=True)
    CostTracker().record_inference("gpt-4o", 10, 0.01, is_fine_tuned=False)


def test_data_and_training_are_of_the_same_versions(two_of_data: None) -> None:
    analysis = CostTracker().calculate_roi("m", None, 10_000)
    assert (analysis.training_cost, analysis.data_cost) == (20, pytest.approx(50.5))
    assert analysis.roi_at_expected == pytest.approx((90 - 70.5) / 70.5)
    assert any("the data cost $50.5: 100 answers" in line and "all versions" in line for line in analysis.assumptions)
    alone = CostTracker().calculate_roi("m-v2", None, 10_000)
    assert (alone.training_cost, alone.data_cost) == (10, pytest.approx(0.5))
    ModelRegistry().rollback_model("m", 1)
    assert CostTracker().calculate_roi("m", None, 10_000).investment == pytest.approx(60)


def test_data_that_is_not_recorded_of_one_version_is_said(two_of_data: None) -> None:
    ModelRegistry().register_model("m", "small", "by-hand", 50, cost=10.0)
    ModelRegistry().deploy_model("m", 3)
    analysis = CostTracker().calculate_roi("m", None, 10_000, incumbent="gpt-4o")
    assert analysis.data_cost == pytest.approx(50.5)
    assert any("the data of job by-hand is not recorded and not in its cost" in line for line in analysis.assumptions)
    assert analysis.break_even_inferences < inf
