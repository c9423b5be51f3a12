"""An A/B test inside an application: python examples/ab_test_in_application.py MODEL_A MODEL_B questions.jsonl

Each row of the file has `prompt` and `response`, the expected answer. The application calls one service, the test
decides which model answers a user, and the verdict may be read after every call. Each run is a test of its own.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import typer

from fine_tuning import ABTestFramework, FineTuningError, LLMService


def main(model_a: str, model_b: str, questions: str) -> None:
    """Create the test, serve users with it, read the verdict, conclude."""
    rows = [json.loads(line) for line in Path(questions).read_text(encoding="utf-8").splitlines()]
    ab, test = ABTestFramework(), f"example-rollout-{datetime.now():%Y-%m-%d-%H-%M-%S-%f}"
    ab.create_test(test, model_a, model_b)
    service = LLMService(model=model_a, experiment=test, default_temperature=0)
    for number, row in enumerate(rows):
        answer = service.complete(row["prompt"], unit_id=f"user-{number}", max_tokens=64)
        # The expected answer is often known later: a user's thumb, a ticket that is closed, a check that ran.
        correct = answer["content"].strip() == row["response"].strip()
        if (sample := answer["experiment"]) is not None:  # None of a user who takes no part yet
            ab.record_outcome(test, sample["sample_id"], score=float(correct))

    now = ab.monitor(test)
    print(f"{now.model_a_accuracy:.1%} against {now.model_b_accuracy:.1%} after {now.total_samples} answers")
    print(f"p = {now.p_value:.3g}; {'different' if now.statistical_significance else 'no significant difference yet'}")
    print(f"recommended: {ab.recommend_winner(ab.conclude_test(test))}")


if __name__ == "__main__":
    try:
        typer.run(main)
    except (FineTuningError, OSError) as error:  # expected, such as a missing file: one line, no traceback
        sys.exit(str(error))
