"""The whole loop on your own rated calls, a line a stage: python examples/own_data.py calls.jsonl

Each row of the file needs prompt and response (or messages), and may have rating, domain, task_type, model_used.
"""

from __future__ import annotations

import sys

import typer

from fine_tuning import DatasetBuilder, FineTuningError, LLMService, LocalFineTuner, ModelEvaluator, ModelRegistry
from fine_tuning.distillation import DistillationDataCollector

NAME = "own-model"
BASE = "smollm2-135m-instruct"


def main(path: str, base: str = BASE) -> None:
    """Capture, build, train, evaluate, register, deploy, answer."""
    report = DistillationDataCollector().capture_file(path)
    print(f"captured {report.captured}, rejected {len(report.rejected)}")

    builder = DatasetBuilder()
    valid = builder.validate_examples(builder.build_from_distillation(min_rating=4))["valid_examples"]
    train, test = builder.split_train_test(valid, train_ratio=0.8)

    tuner = LocalFineTuner()
    file_id = tuner.upload_training_file(builder.save_dataset(train, NAME))
    job = tuner.wait_for_job(tuner.create_fine_tuning_job(base, file_id, suffix=NAME, n_epochs=1)["job_id"])

    registry = ModelRegistry()
    registry.register_model(NAME, base, job["job_id"], len(train))
    registry.deploy_model(NAME)

    llm = LLMService(model=NAME, default_temperature=0)
    answers = [answer["content"] for answer in llm.complete_many([e["prompt"] for e in test], max_tokens=128)]
    result = ModelEvaluator().evaluate_exact_match(answers, [e["response"] for e in test], NAME, "fine_tuned")
    low, high = result.accuracy_interval
    print(f"exact match {result.accuracy:.1%} of {result.test_set_size}, 95 % interval {low:.1%} to {high:.1%}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except FineTuningError as error:  # expected, such as a missing file: one line, no traceback
        sys.exit(str(error))
