"""Wherever an answer is compared, its tool calls count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import ABTestFramework, LLMService, ModelEvaluator
from fine_tuning.costs.data_costs import price_of_answer
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.answers import as_compared
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.errors import UsageError
from fine_tuning.evaluation import metrics
from fine_tuning.store.database import Database
from fine_tuning.workflows.evaluation_questions import Question, read_questions
from tests import wire

TEXTS = ("exact_match", "substring_match", "token_f1", "edit_similarity", "rouge1", "rouge2", "rougeL", "tool_calls")


def message(name: str, arguments: str = '{"n": 1}', text: str | None = None) -> dict[str, Any]:
    call = {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": text, "tool_calls": [call]}


RIGHT = as_compared(message("cancel_order", text="One moment."))
WRONG = as_compared(message("cancel_orders", text="One moment."))


@pytest.mark.parametrize("metric", TEXTS)
def test_metric_of_calls_gives_wrong_function_zero(metric: str) -> None:
    score = metrics.find(metric).score
    assert isinstance(RIGHT, str)
    assert isinstance(WRONG, str)
    assert score(RIGHT, RIGHT) == score(json.dumps(message("cancel_order", '{"n": 1.0}')), RIGHT) == 1
    assert score(WRONG, RIGHT) == score("cancel_order", RIGHT) == score("One moment.", RIGHT) == score("", RIGHT) == 0
    assert score('<tool_call>{"name": "cancel_order", "arguments": {"n": 1}}</tool_call>', RIGHT) == 1


@pytest.mark.parametrize("reference", ['{"name": "Bob", "age": 3}', '[{"name": "Bob"}]', '{"name": "Bob"}', "[1, 2]"])
def test_metric_of_other_json_compares_texts(reference: str) -> None:
    score = metrics.find("exact_match").score
    assert score(reference, reference) == 1
    assert score('{"name": "Bob"}' if "age" in reference else '{"name":"Bob"}', reference) == 0


@pytest.mark.parametrize(
    "answer",
    [
        message("f"),
        message("f", '{"n": 1.0}', "Now:"),
        [{"name": "f", "arguments": {"n": 1}}],
        [{"id": "7", "type": "function", "function": {"name": "f", "arguments": '{"n":1}'}}],
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "So"}, {"type": "tool_use", "name": "f", "input": {"n": 1}}],
        },
    ],
)
def test_evaluation_of_messages_compares_their_calls(database: Database, answer: Any) -> None:
    evaluator, reference = ModelEvaluator(), message("f", text="Let me see.")
    for other, right in ((answer, 1), (message("g", text="Let me see."), 0), ("Let me see.", 0), ("", 0)):
        assert evaluator.evaluate([other], [reference], "m").figures["exact_match"].value == right
        assert evaluator.evaluate_exact_match([other], [reference], "m").accuracy == right
    with pytest.raises(UsageError, match="example 1: predictions and references must be text, not int"):
        evaluator.evaluate([5], [reference], "m")  # type: ignore[list-item]


def test_experiment_scores_the_calls_of_answers(database: Database, host: wire.Host, monkeypatch: Any) -> None:
    def answer(request: wire.Request) -> tuple[int, dict[str, Any]]:
        found = message("f" if request.body["model"] == "old" else "g")
        choice = {"index": 0, "finish_reason": "tool_calls", "message": found}
        return 200, {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    host.answers["POST /chat/completions"] = answer
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    framework = ABTestFramework()
    framework.create_test("t", "old", "new")
    service = LLMService(model="old", experiment="t")
    for unit in range(12):
        service.complete("Do it", unit_id=f"u{unit}", reference=message("f", '{"n": 1.0}', "Doing it."))
    found = framework.monitor("t")
    assert (found.model_a_accuracy, found.model_b_accuracy) == (1, 0)
    framework.record_sample("t", "model_b", None, None, 1, 0, sample_id="late")
    framework.record_sample("t", "model_b", message("f"), None, 1, 0, sample_id="later")
    assert framework.record_outcome("t", "later", message("f", '{"n": 1.0}'))
    assert framework.monitor("t").model_b_accuracy > 0


def test_rows_with_predicted_calls_are_questions(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    row = {"prompt": "q", "prediction": message("f", text="So"), "reference": message("f")["tool_calls"]}
    file.write_text(json.dumps(row) + "\n")
    (question,) = read_questions(file)
    assert question.prediction is not None
    assert question.prediction.text == question.reference == '[{"arguments": {"n": 1}, "name": "f"}]'


def test_question_text_has_earlier_calls() -> None:
    asked = {"role": "user", "content": "Where?"}
    shown = {"role": "tool", "tool_call_id": "call_f", "content": "Oslo"}
    one, other = (Question([asked, message(name, text="So"), shown], "x").text for name in ("f", "g"))  # type: ignore[list-item]
    assert "So" in one
    assert '"name": "f"' in one
    assert one != other


def test_price_of_answer_counts_calls_beside_text(database: Database) -> None:
    collector, prices = DistillationDataCollector(), PriceList({})
    asked = {"role": "user", "content": "Where is it?"}
    for answer in ({"role": "assistant", "content": "One moment."}, message("f", text="One moment.")):
        collector.capture_conversation([asked, answer], "d", "t", 5, model_used="gpt-4o")
    costs = [price_of_answer(example, prices).usd or 0 for example in collector.get_curated_examples()]
    assert min(costs) > 0
    assert max(costs) > 2 * min(costs)
