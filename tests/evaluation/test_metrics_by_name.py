"""Metrics against published scores, definitions and each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fine_tuning.errors import UsageError
from fine_tuning.evaluation import bleu_chrf_ter, judge_prompts, metrics, refusal
from tests import wire


def score(name: str, prediction: str, reference: str) -> float:
    return metrics.find(name).score(prediction, reference)


def test_corpus_scores_match_sacrebleu_documentation() -> None:
    # The example of sacrebleu's README, with its first reference alone, and its documented figures for both.
    system = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    reference = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
    from sacrebleu.metrics import BLEU, CHRF, TER

    other = ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."]
    assert BLEU().corpus_score(system, [reference, other]).score == pytest.approx(48.53, abs=0.01)
    assert CHRF().corpus_score(system, [reference, other]).score == pytest.approx(59.73, abs=0.01)
    for kind, metric in (("bleu", BLEU()), ("chrf", CHRF()), ("ter", TER())):
        assert bleu_chrf_ter.corpus_score(system, reference, kind) == metric.corpus_score(system, [reference]).score
    assert metrics.find("ter").higher_is_better is False


@pytest.mark.parametrize(
    ("name", "prediction", "reference", "expected"),
    [
        ("token_f1", "The Red lamp!", "a red lamp", 1.0),
        ("token_f1", "blue lamp", "red lamp", 0.5),
        ("token_f1", "", "", 1.0),
        ("token_f1", "", "lamp", 0.0),
        ("edit_similarity", "lamp", "lamps", 0.8),
        ("rouge1", "the cat sat", "the cat stood", 2 / 3),
        ("rouge2", "the cat sat", "the cat stood", 0.5),
        ("rougeL", "a b c d", "a c d b", 0.75),
        ("numeric", "That makes 1,234.50 euros.", "1234.5", 1.0),
        ("numeric", "none", "3", 0.0),
        ("numeric:0.1", "about 105", "100", 1.0),
        ("numeric:0.01", "about 105", "100", 0.0),
        ("regex", " AB-123 ", r"[A-Z]{2}-\d+", 1.0),
        ("regex", "x AB-123", r"[A-Z]{2}-\d+", 0.0),
        ("json_valid", '```json\n{"a": 1}\n```', "", 1.0),
        ("json_valid", "{a: 1}", "", 0.0),
        ("json_field_f1", '{"a": 1, "b": {"c": 2}}', '{"a": 1, "b": {"c": 3}}', 0.5),
        ("json_field_f1", "nothing", '{"a": 1}', 0.0),
        ("json_field_f1", "[]", "[]", 1.0),
        ("json_field_f1", '{"a/b": 1}', '{"a": {"b": 1}}', 0.0),
        ("json_field_f1", '{"a": 1.0}', '{"a": 1}', 1.0),
        ("json_valid", "NaN", "", 0.0),
        ("json_valid", '{"a": 1e999}', "", 0.0),
        ("numeric", "1e999", "1e998", 0.0),
        ("tool_calls", '{"name": "f", "arguments": "{x"}', '{"name": "f", "arguments": "{y"}', 0.0),
        ("tool_calls", '[{"name": "f", "arguments": {"x": 1}}]', '{"name": "f", "arguments": "{\\"x\\": 1}"}', 1.0),
        ("tool_calls", '{"name": "f", "arguments": {"x": 2}}', '{"name": "f", "arguments": {"x": 1}}', 0.0),
        ("tool_calls", "I would call f.", '{"name": "f"}', 0.0),
        ("json_field_f1", '{"n": 12345678901234567890.0}', '{"n": 12345678901234567890}', 1.0),
        ("json_field_f1", '{"n": 12345678901234567891}', '{"n": 12345678901234567890}', 0.0),
        ("json_field_f1", '{"n": 1e-1}', '{"n": 0.10}', 1.0),
        ("json_field_f1", '{"n": 1e-999999999}', '{"n": 0}', 1.0),
        ("json_field_f1", '{"n": true}', '{"n": 1}', 0.0),
        ("json_field_f1", '{"n": 0.1' + "0" * 5000 + "}", '{"n": 0.1}', 1.0),
        ("json_field_f1", '{"n": "1"}', '{"n": 1}', 0.0),
        ("json_valid", '```JSON\n{"a": 1}\n```', "", 1.0),
        ("json_valid", '\ufeff{"a": 1}', "", 1.0),
    ],
)  # fmt: skip
def test_metric_scores_match_expected(name: str, prediction: str, reference: str, expected: float) -> None:
    assert score(name, prediction, reference) == pytest.approx(expected)


def test_embedding_similarity_works_offline() -> None:
    near = score("embedding_similarity", "Where is my parcel?", "When will my package arrive?")
    far = score("embedding_similarity", "Where is my parcel?", "I like cheese")
    assert near > far + 0.2
    assert score("embedding_similarity", "", "") == 1
    assert score("embedding_similarity", "half \ud83d", "half") > 0.5


def test_json_schema_metric_reads_its_file(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(
        json.dumps({"type": "object", "required": ["place"], "properties": {"place": {"type": "string"}}})
    )
    name = f"json_schema:{schema}"
    assert (score(name, '{"place": "Paris"}', ""), score(name, '{"place": 1}', ""), score(name, "Paris", "")) == (
        1,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("name", "reference", "said"),
    [
        ("beauty", "", "unknown metric 'beauty'; use one of bleu, chrf"),
        ("json_schema", "", "json_schema takes a file"),
        ("numeric:much", "", "numeric takes a tolerance"),
        ("regex", "(", "is not a regular expression"),
        ("regex", "a{99999999999}", "is not a regular expression"),
        ("json_field_f1", "text", "the reference is not JSON"),
        ("tool_calls", "text", "the reference has no tool calls"),
        ("judge", "", "the judge is a model"),
    ],
)
def test_find_with_wrong_name_or_reference_is_refused(name: str, reference: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        score(name, "x", reference)


NAMES = [name for name in metrics.names() if name not in {"judge", "json_schema:FILE", "embedding_similarity", "ter"}]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NAMES), st.text(max_size=40), st.text(max_size=40))
def test_metric_scores_stay_within_bounds(name: str, prediction: str, reference: str) -> None:
    metric = metrics.find(name)
    try:
        found = metric.score(prediction, reference)
    except UsageError:
        return  # the reference is none of this metric
    assert metric.bounds is not None
    assert metric.bounds[0] <= found <= metric.bounds[1] + 1e-9
    assert found in (0, 1) or metric.kind != "binary"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I cannot provide this.", True),
        ("Unfortunately, I am unable to do so.", True),
        ("As an AI language model, I won't.", True),
        ("I can help: the lamp is red.", False),
        ("Sorry for the delay. Your parcel arrives today.", False),
        ("I\u02bcm sorry, but I can\u2019t help with that.", True),
        ("I\u00a0can\u00b4t\nhelp.", True),
        ("", False),
    ],
)
def test_is_refusal_recognizes_openings(text: str, expected: bool) -> None:
    assert refusal.is_refusal(text) is expected


@pytest.mark.parametrize(
    ("reply", "grade"),
    [
        ("Grade (1-5): 4", 0.75),
        ("**Score: 4/5**", 0.75),
        ("The grade is 4.", 0.75),
        ("Grade: 4.5", 0.875),
        ("I would upgrade 3 things.", None),
        ("Grade: -1", None),
        ("Grade: 3-4", None),
        ("Grade: 10", None),
    ],
)
def test_grade_of_parses_many_forms(reply: str, grade: float | None) -> None:
    assert judge_prompts.grade_of(reply) == grade


@pytest.mark.parametrize(
    ("reply", "choice"),
    [
        ("Better: a tie", 0),
        ("Better: Answer A", -1),
        ("The better answer is B.", 1),
        ("Better: A and B are equal", None),
        ("A better one would say more", None),
    ],
)
def test_choice_of_parses_many_forms(reply: str, choice: int | None) -> None:
    assert judge_prompts.choice_of(reply) == choice


def test_combined_choice_needs_two_consistent_replies() -> None:
    assert judge_prompts.grade_of("It is right.\nGrade: 4") == 0.75
    assert judge_prompts.grade_of("**Grade:** 1, or rather Grade: 5.") == 1.0
    assert judge_prompts.grade_of("Grade: 7") is None
    assert (
        judge_prompts.choice_of("Better: B"),
        judge_prompts.choice_of("better: tie"),
        judge_prompts.choice_of("both"),
    ) == (1, 0, None)
    assert judge_prompts.combined_choice("Better: A", "Better: B") == -1  # the first answer, in either place
    assert judge_prompts.combined_choice("Better: A", "Better: A") == 0  # the place, not the answer
    assert judge_prompts.combined_choice("Better: A", "hm") is None


def test_json_schema_fetches_nothing_that_it_refers_to(tmp_path: Path, host: wire.Host) -> None:
    host.answers["GET /schema.json"] = (200, {"type": "object"})
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"properties": {"a": {"$ref": f"{host.url}/schema.json"}}}))
    with pytest.raises(UsageError, match=f"refers to {host.url}/schema.json, which is not in it and is not fetched"):
        score(f"json_schema:{schema}", '{"a": 1}', "")
    assert host.requests == []
    schema.write_text('{"$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}}')
    other = schema.rename(tmp_path / "other.json")
    assert [score(f"json_schema:{other}", text, "") for text in ("{}", "3")] == [1, 0]
