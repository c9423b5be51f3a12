"""Writers of every kind are killed in the midst; what they leave behind is whole."""

from __future__ import annotations

import random
import subprocess
import sys
import time

from fine_tuning import ModelRegistry
from fine_tuning.store.database import Database
from fine_tuning.upkeep import doctor

KILLS = 6  # benchmarks/bench_registry.py has a hundred
WRITES = """
from fine_tuning import CostTracker, DatasetBuilder, ModelEvaluator, ModelRegistry, ABTestFramework
from fine_tuning.distillation import DistillationDataCollector
registry, tracker, evaluator, tests = ModelRegistry(), CostTracker(), ModelEvaluator(), ABTestFramework()
tests.create_test("t", "a", "b")
print("begun", flush=True)
number = 0
while True:
    number += 1
    version = registry.register_model("m", "b", "j", 1)["version"]
    registry.set_alias("m", "newest", version)
    registry.deploy_model("m", version)
    registry.rollback_model("m", max(1, version - 1))
    tracker.record_inference("m", 10, 0.5, True)
    evaluator.evaluate(["a", None], ["a", "b"], "m", questions=["1", "2"])
    tests.record_sample("t", "model_a", "x", "x", 10.0, 0.1)
    DistillationDataCollector().capture_success(f"Where is order {number}?", f"Order {number} is on its way.", "s", "t")
    builder = DatasetBuilder()
    builder.save_dataset(builder.build_from_distillation(limit=20), f"d{number % 3}-{version}")
"""


def test_killed_writers_leave_a_workspace_that_is_well(database: Database) -> None:
    rng = random.Random(1)
    for _ in range(KILLS):
        writer = subprocess.Popen([sys.executable, "-c", WRITES], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.2 + rng.random() * 0.5)
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert [each.what for findings in doctor.examine(database).values() for each in findings] == []
    assert len(ModelRegistry().list_models()) >= KILLS
