"""A call under any name is of the version that the name stood for when it was made."""

from __future__ import annotations

import pytest

from fine_tuning import CostTracker, DatasetBuilder, ModelRegistry, OpenAIFineTuner
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.database import Database
from tests import wire


@pytest.fixture
def teacher(database: Database) -> ModelRegistry:
    """Two versions of `t`, of which the second is deployed."""
    registry = ModelRegistry()
    for number in (1, 2):
        registry.register_model("t", "small", f"job-{number}", 10, cost=1.0)
        registry.deploy_model("t", number)
    return registry


def test_price_of_a_version_holds_calls_under_its_aliases(teacher: ModelRegistry) -> None:
    def record(name: str, cost: float) -> None:
        CostTracker().record_inference(name, 10, cost, is_fine_tuned=True)

    def price(name: str) -> float:
        return CostTracker().calculate_roi(name, 5.0, 10, incumbent="gpt-4o").inference_cost_per_call

    teacher.set_alias("t", "live", 1)
    record("t-v1", 1.0)
    record("t@live", 4.0)
    record("t", 9.0)
    teacher.set_alias("t", "live", 2)
    record("t@live", 7.0)
    teacher.remove_alias("t", "live")
    assert (price("t-v1"), price("t-v2"), price("t")) == pytest.approx((2.5, 8.0, 8.0))


@pytest.mark.parametrize(("name", "version"), [("t-v1", 1), ("t@live", 1), ("t", 2)])
def test_teacher_is_the_version_that_its_name_stood_for(
    teacher: ModelRegistry, host: wire.Host, monkeypatch: pytest.MonkeyPatch, name: str, version: int
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    teacher.set_alias("t", "live", 1)
    for number in range(20):
        DistillationDataCollector().capture_success(
            f"Where is order {number}?", f"Order {number} is on its way.", "support", "t", model_used=name
        )
    teacher.set_alias("t", "live", 2)
    builder, tuner = DatasetBuilder(), OpenAIFineTuner()
    file = tuner.upload_training_file(builder.save_dataset(builder.build_from_distillation(), "questions"))
    job = tuner.create_fine_tuning_job("small", file)
    teacher.register_model("m", "small", job["job_id"], 20, cost=5.0)
    assert CostTracker().calculate_roi("m", 0.1, 1000).incumbent == f"t-v{version}"
