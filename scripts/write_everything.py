"""Every kind of write to the workspace, over and over until killed; says "begun" once it is at it.

Started by tests/workflows/maintenance/test_kills.py and benchmarks/bench_registry.py, which kill it and look at what is
left.
"""

from __future__ import annotations

import tempfile
from itertools import count
from pathlib import Path

from fine_tuning import ABTestFramework, CostTracker, DatasetBuilder, ModelEvaluator, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.maintenance import backup

registry, tracker, evaluator, tests = ModelRegistry(), CostTracker(), ModelEvaluator(), ABTestFramework()
tests.create_test("t", "a", "b")
print("begun", flush=True)
for number in count(1):
    version = registry.register_model("m", "b", "j", 1)["version"]
    registry.set_alias("m", "newest", version)
    registry.set_tag("m", "n", str(version), version)
    registry.deploy_model("m", version)
    registry.rollback_model("m", max(1, version - 1))
    tracker.record_inference("m", 10, 0.5, True)
    tracker.record_training_job(f"j{number}", "m", "b", 1, 10, 1.0)
    tracker.set_budget("m", 1000.0)
    evaluator.evaluate(["a", None], ["a", "b"], "m", questions=["1", "2"])
    tests.record_sample("t", "model_a", "x", "x", 10.0, 0.1)
    DistillationDataCollector().capture_success(f"Where is order {number}?", f"Order {number} is on its way.", "s", "t")
    if number % 5 == 0:
        builder = DatasetBuilder()
        builder.save_dataset(builder.build_from_distillation(limit=20), f"d{version}-{number}")
    if number % 20 == 0:
        with tempfile.TemporaryDirectory() as folder:
            backup.write(open_workspace(), Path(folder) / "b")
