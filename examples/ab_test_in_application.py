"""An A/B test inside an application: python examples/ab_test_in_application.py MODEL_A MODEL_B questions.jsonl

Each row of the file has `prompt` and `response`, the expected answer. The application calls one service, the test
decides which model answers a user, and the verdict may be read after every call.
"""

from __future__ import annotations

import json
from pathlib import Path

import typer

from fine_tuning import ABTestFramework, LLMService

TEST = "example-rollout"


def main(model_a: str, model_b: str, questions: str) -> None:
    """Create the test, serve users with it, read the verdict, conclude."""
    ab = ABTestFramework()
    ab.create_test(TEST, model_a, model_b)
    service = LLMService(model=model_a, experiment=TEST, default_temperature=0)
    for number, line in enumerate(Path(questions).read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        answer = service.complete(row["prompt"], unit_id=f"user-{number}", max_tokens=64)
        # The expected answer is often known later: a user's thumb, a ticket that is closed, a check that ran.
        correct = answer["content"].strip() == row["response"].strip()
        if (sample := answer["experiment"]) is not None:  # None of a user who takes no part yet
            ab.record_outcome(TEST, sample["sample_id"], score=float(correct))

    now = ab.monitor(TEST)
    print(f"{now.model_a_accuracy:.1%} against {now.model_b_accuracy:.1%} after {now.total_samples} answers")
    print(f"p = {now.p_value:.3g}; {'different' if now.statistical_significance else 'no significant difference yet'}")
    print(f"recommended: {ab.recommend_winner(ab.conclude_test(TEST))}")


if __name__ == "__main__":
    typer.run(main)
