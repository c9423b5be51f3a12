"""Captured calls: identity, ratings, corrections, conversations, files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fine_tuning.distillation
from fine_tuning import DatasetBuilder
from fine_tuning.distillation import DistillationDataCollector, capture_cloud_success
from fine_tuning.errors import DataError, NotFoundError, UsageError
from fine_tuning.store.database import Database

TALK = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "how tall is it?"},
    {"role": "assistant", "content": "how tall is what?"},
    {"role": "user", "content": "the tower"},
    {"role": "assistant", "content": "330 metres"},
]


def test_capture_success_same_call_twice_counts_two_sightings(database: Database) -> None:
    collector = DistillationDataCollector()
    first = collector.capture_success("a question", "an answer", "d", "t", rating=3)
    second = DistillationDataCollector().capture_success("a question", "an answer", "d", "t", rating=5)
    assert first == second
    assert first.startswith("sha256:")
    (example,) = collector.get_curated_examples()
    assert (example["sightings"], example["rating"], example["curated"]) == (2, 5, True)


def test_get_curated_examples_returns_contract_keys(database: Database) -> None:
    capture_cloud_success("a question", "an answer", "d", "t", metadata={"x": 1})
    (example,) = DistillationDataCollector().get_curated_examples(domain="d")
    keys = "id prompt response domain task_type rating model_used metadata captured_at curated".split()
    assert set(keys) <= set(example)
    assert (example["model_used"], example["metadata"]) == ("gpt-4o", {"x": 1})
    assert example["captured_at"].endswith("+00:00")


def test_to_openai_format_keeps_conversations_tools_and_system_prompts(database: Database) -> None:
    collector = DistillationDataCollector()
    tools = [{"type": "function", "function": {"name": "measure", "parameters": {}}}]
    collector.capture_conversation(TALK, "d", "t", tools=tools)
    collector.capture_success("a question", "an answer", "d", "t", system_prompt="be kind")
    builder = DatasetBuilder()
    rows = builder.to_openai_format(builder.build_from_distillation())
    assert rows[0] == {"messages": TALK, "tools": tools}
    assert rows[1]["messages"][0] == {"role": "system", "content": "be kind"}
    with pytest.raises(DataError, match="must end with an assistant message"):
        collector.capture_conversation(TALK[:-1], "d", "t")


@pytest.mark.parametrize(
    ("result", "rating"),
    [
        ({}, 5),
        ({"review_feedback": "nice"}, 4),
        ({"review_feedback": "nice", "review_issues": ["typo"]}, 3),
        ({"success": False}, None),
        ({"code": "too short"}, None),
    ],
)
def test_capture_task_completion_rates_by_review(
    database: Database, result: dict[str, object], rating: int | None
) -> None:
    collector = DistillationDataCollector()
    request = {"user_request": "draw a chart", "domain": "d", "task_type": "t"}
    captured = collector.capture_task_completion({"success": True, "code": "x" * 50, **result}, request)
    examples = collector.find_examples(min_rating=1)
    assert [example["rating"] for example in examples] == ([rating] if rating else [])
    assert (captured is None) == (rating is None)


def test_correct_stores_preference_pair_and_lowers_rating(database: Database) -> None:
    collector = DistillationDataCollector()
    wrong = collector.capture_success("a question", "a wrong answer", "d", "t", rating=4)
    right = collector.correct(wrong, "the right answer")
    (pair,) = collector.get_preferences()
    assert (pair["chosen"], pair["rejected"]) == ("the right answer", "a wrong answer")
    ratings = {example["id"]: example["rating"] for example in collector.find_examples()}
    assert ratings == {wrong: 2, right: 5}
    collector.thumbs(right, up=False)
    assert collector.get_curated_examples() == []
    with pytest.raises(UsageError, match="must be a different, non-empty answer"):
        collector.correct(wrong, "a wrong answer")
    with pytest.raises(NotFoundError, match="no captured example sha256:0"):
        collector.rate("sha256:0", 3)


@pytest.mark.parametrize("rating", [0, 6, 9, True, "5", 4.5, None])
def test_capture_success_rating_out_of_range_raises(rating: object) -> None:
    collector = DistillationDataCollector()
    with pytest.raises(UsageError, match="rating must be a whole number from 1 to 5"):
        collector.capture_success("a question", "an answer", "d", "t", rating=rating)  # type: ignore[arg-type]
    assert collector.find_examples() == []


def test_capture_file_with_bad_rows_reports_counts_and_lines(database: Database, tmp_path: Path) -> None:
    good = {"prompt": "a question", "response": "an answer", "rating": 5}
    lines = [
        json.dumps(good),
        json.dumps(good),
        "",
        "{broken",
        json.dumps(good | {"rating": 9}),
        json.dumps({"prompt": "no response"}),
        "[1]",
        json.dumps({"messages": TALK}),
    ]
    (tmp_path / "calls.jsonl").write_text("\n".join(lines))
    report = DistillationDataCollector().capture_file(tmp_path / "calls.jsonl", domain="mine")
    assert (report.read, report.captured, report.duplicates) == (7, 2, 1)
    assert [row["line"] for row in report.rejected] == [4, 5, 6, 7]
    assert "rating must be" in report.rejected[1]["reason"]
    assert report.read == report.captured + report.duplicates + len(report.rejected)
    assert {example["domain"] for example in DistillationDataCollector().find_examples()} == {"mine"}


@pytest.mark.parametrize("format", ["alpaca", "sharegpt", "raw"])
def test_export_for_training_each_format_writes_row(format: str, tmp_path: Path) -> None:
    collector = DistillationDataCollector(output_dir=tmp_path / "mine")
    collector.capture_success("a question", "an answer", "d", "t")
    (row,) = json.loads(Path(collector.export_for_training(format=format)).read_text())
    expected = {
        "alpaca": {"instruction": "a question", "input": "", "output": "an answer"},
        "sharegpt": {
            "conversations": [{"from": "human", "value": "a question"}, {"from": "gpt", "value": "an answer"}]
        },
    }
    if format == "raw":
        assert row["prompt"] == "a question"
    else:
        assert row == expected[format]


def test_export_for_training_unknown_format_raises() -> None:
    with pytest.raises(UsageError, match="unknown export format 'csv'"):
        DistillationDataCollector().export_for_training(format="csv")


def test_distillation_all_lists_public_names() -> None:
    assert set(fine_tuning.distillation.__all__) == {
        "DistillationDataCollector",
        "capture_cloud_success",
        "get_distillation_status",
    }


def test_capture_success_after_rating_keeps_rating(database: Database) -> None:
    collector = DistillationDataCollector()
    wrong = collector.capture_success("Where is it?", "No idea.", "d", "t")
    collector.correct(wrong, "In the van.")
    rated = collector.capture_success("And the other?", "Lost.", "d", "t")
    collector.rate(rated, 1)
    for question, answer in (("Where is it?", "No idea."), ("And the other?", "Lost.")):
        collector.capture_success(question, answer, "d", "t", rating=5)
    assert [(each["response"], each["sightings"]) for each in collector.get_curated_examples()] == [("In the van.", 1)]
    assert {each["response"]: each["rating"] for each in collector.find_examples()}["Lost."] == 1
