"""Graders over texts and their combinations; figures are worked by hand."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from fine_tuning.errors import ProviderError
from fine_tuning.evaluation.graders.grading import Grade, Judge, JudgeReply, Means, PythonLimits, Row
from fine_tuning.evaluation.graders.model_sample import ModelSample
from fine_tuning.evaluation.graders.multi_grader import Grader
from fine_tuning.serving.chat_types import ChatBody, usage

GRADERS: TypeAdapter[Any] = TypeAdapter(Grader)
ANSWER = "{{ sample.output_text }}"


def no_judge(model: str, body: ChatBody) -> JudgeReply:
    raise AssertionError(model)


def grade(
    grader: Mapping[str, object],
    answer: str = "",
    item: dict[str, object] | None = None,
    judge: Judge = no_judge,
    python: PythonLimits | None = None,
) -> Grade:
    made = GRADERS.validate_python({"name": "g", **grader})
    found: Grade = made.grade(Row(item or {}, ModelSample(answer)), Means(judge, python))
    return found


def check(operation: str, text: str = ANSWER, reference: str = "{{ item.answer }}") -> dict[str, object]:
    return {"type": "string_check", "input": text, "reference": reference, "operation": operation}


def similarity(metric: str) -> dict[str, object]:
    return {
        "type": "text_similarity",
        "input": ANSWER,
        "reference": "{{ item.answer }}",
        "evaluation_metric": metric,
    }


def rendered(template: str, answer: str = "", item: dict[str, object] | None = None) -> str:
    """What a template becomes, found by a judge that is shown it."""
    seen: list[ChatBody] = []

    def judge(model: str, body: ChatBody) -> JudgeReply:
        seen.append(body)
        return JudgeReply('{"reason": "", "result": 1}', "stop", usage(0, 0), model)

    made = {"type": "score_model", "model": "m", "input": [{"role": "user", "content": template}]}
    assert grade(made, answer, item, judge).outcome.problems == ()
    return str(seen[0]["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("operation", "answer", "reference", "reward"),
    [
        ("eq", "Paris", "Paris", 1),
        ("eq", "paris", "Paris", 0),
        ("eq", "Paris ", "Paris", 0),
        ("ne", "paris", "Paris", 1),
        ("ne", "Paris", "Paris", 0),
        ("like", "It is Paris.", "Paris", 1),
        ("like", "It is paris.", "Paris", 0),
        ("like", "Par", "Paris", 0),
        ("like", "50%", "%", 1),  # no pattern
        ("like", "Paris", "P%", 0),
        ("ilike", "IT IS PARIS", "paris", 1),
        ("ilike", "STRASSE", "straße", 1),
    ],
)
def test_string_check_operations(operation: str, answer: str, reference: str, reward: int) -> None:
    assert grade(check(operation), answer, {"answer": reference}).outcome.reward == reward


@pytest.mark.parametrize(
    ("metric", "answer", "reference", "reward"),
    [
        ("fuzzy_match", "kitten", "sitting", 1 - 3 / 7),  # three edits, seven characters
        ("rouge_1", "the cat", "the cat sat", 2 * 1 * (2 / 3) / (1 + 2 / 3)),
        ("rouge_2", "the cat", "the cat sat", 2 * 1 * (1 / 2) / (1 + 1 / 2)),
        ("rouge_3", "a b c d", "a b c e", 1 / 2),  # abc of abc, bcd and abc, bce
        ("rouge_4", "a b c d e", "a b c d f", 1 / 2),
        ("rouge_5", "a b c d e f", "a b c d e g", 1 / 2),
        ("rouge_l", "a x b", "a b", 2 * (2 / 3) * 1 / (2 / 3 + 1)),
        ("bleu", "a b c d", "a b c d", 1),
        ("bleu", "a b c d", "a b c e", (3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** (1 / 4)),  # 4-grams: 0 of 1, smoothed to 1/2
        ("gleu", "the cat", "the cat sat", 3 / 6),  # of the, cat, the cat; and those with sat, cat sat, the cat sat
        # All six words match, the second by its stem, in one piece: 1 - 0.5 * (1/6)^3.
        ("meteor", "the cat sat on the mat", "The cats sat on the mat", 1 - 0.5 / 6**3),
        ("cosine", "hello", "hello", 1),
    ],
)
def test_text_similarity_by_hand(metric: str, answer: str, reference: str, reward: float) -> None:
    assert grade(similarity(metric), answer, {"answer": reference}).outcome.reward == pytest.approx(reward, abs=1e-6)


METRICS = "cosine fuzzy_match bleu gleu meteor rouge_1 rouge_2 rouge_3 rouge_4 rouge_5 rouge_l".split()


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("answer", "reference"), [("", ""), ("", "a"), ("a", ""), ("東京です", "東京です"), ("😀", "x\0")]
)
def test_text_similarity_of_any_text_is_bounded(metric: str, answer: str, reference: str) -> None:
    found = grade(similarity(metric), answer, {"answer": reference}).outcome.reward
    assert found is not None
    assert -1 <= found <= 1


def test_templates_fill_paths_once() -> None:
    item: dict[str, object] = {"q": "{{ sample.output_text }}", "list": [{"a": 1.0}, True], "two words": None, "d": {}}
    assert rendered("{{item.q}} {{ sample.output_text }}", "x", item) == "{{ sample.output_text }} x"
    assert rendered("{{ item.list[0].a }} {{item.list.1}} {{ item['two words'] }} {{ item.d }}", "", item) == (
        "1.0 true null {}"
    )
    assert rendered("{{ sample.output_json.y }}", '{"y": ["ä", 1]}') == '["ä", 1]'
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    answer = json.dumps({"role": "assistant", "tool_calls": calls})
    assert rendered("{{ sample.output_tools[0].function.name }}", answer) == "f"
    assert rendered("{{ sample.choices[0].message.tool_calls[0].id }}", answer) == "1"
    assert rendered("{{ sample.output_tools }}{{ sample.choices[0].message.content }}", "hi") == "[]hi"
    assert rendered("} {x} }}", "hi") == "} {x} }}"


@pytest.mark.parametrize(
    ("template", "flag", "words"),
    [
        ("{{ item.nothing }}", "invalid_variable_error", "item.nothing is missing: item has no 'nothing', it has a"),
        ("{{ item.a.b.c }}", "invalid_variable_error", "item.a.b.c is missing: item.a is a list of 2 without 'b'"),
        ("{{ item.a[2] }}", "invalid_variable_error", "item.a[2] is missing"),
        ("{{ item.a[0].x }}", "invalid_variable_error", "item.a[0] is a single value"),
        ("{{ sample.output_json }}", "sample_parse_error", "sample.output_json: the model sample is no valid JSON"),
        ("{{ sample.output_json.y }}", "sample_parse_error", "sample.output_json.y: the model sample"),
    ],
)
def test_missing_variable_is_named_and_has_no_reward(template: str, flag: str, words: str) -> None:
    outcome = grade(check("eq", template, "x"), "not JSON, NaN", {"a": [1, 2]}).outcome
    assert outcome.reward is None
    assert [problem.flag for problem in outcome.problems] == [flag]
    assert words in outcome.problems[0].details


@pytest.mark.parametrize("answer", ["[" * 990 + "]" * 990, "[" * 100_000, '"\\ud800"', "1e999", "NaN", "9" * 5000])
def test_json_that_cannot_be_written_again_is_a_sample_parse_error(answer: str) -> None:
    outcome = grade(check("eq", "{{ sample.output_json }}", answer), answer).outcome
    assert outcome.reward == 1 or outcome.problems[0].flag == "sample_parse_error"


def test_text_similarity_of_long_texts_is_a_problem() -> None:
    [problem] = grade(similarity("rouge_l"), "a" * 20_001, {"answer": "a"}).outcome.problems
    assert problem.details == "20001 characters; at most 20000 can be compared"


@pytest.mark.parametrize(
    "template",
    [
        "{{ item.x",
        "{{ }}",
        "{{ secrets.key }}",
        "{{ item.x + 1 }}",
        "{{ item.x | upper }}",
        "{{ item.x() }}",
        "{{ item[0:2] }}",
        "{{ itemx }}",
        "{{ sample.output }}",
        "{{ {{ item.x }} }}",
    ],
)
def test_invalid_template_is_refused(template: str) -> None:
    with pytest.raises(ValidationError) as caught:
        grade(check("eq", template))
    assert caught.value.errors()[0]["loc"] == ("StringCheck", "input")


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("a + b * 2", 2.5),
        ("(a + b) * 2", 3),
        ("-2^2", -4),
        ("2^3^2", 512),
        ("2^-1", 0.5),
        ("1 - 1 - 1", -1),
        ("8 / 2 / 2", 2),
        ("--1", 1),
        ("min(a, b, 3) + max(a, b)", 1.5),
        ("min(a)", 0.5),
        ("floor(1.5) + ceil(1.5) + abs(-1)", 4),
        ("exp(0) + log(1) + sqrt(4)", 3),
        ("1e1 + .5 + 2.", 12.5),
        ("  a  ", 0.5),
        ("+".join(["a"] * 2000), 1000),
    ],
)
def test_multi_formula_by_hand(formula: str, value: float) -> None:
    graders = {"a": {**check("eq", "x", "y"), "name": "first"}, "b": {**check("eq", "x", "x"), "name": "second"}}
    graders["a"] = {"name": "half", **similarity("fuzzy_match"), "input": "ab", "reference": "ax"}
    found = grade({"type": "multi", "graders": graders, "calculate_output": formula}).outcome
    assert found.reward == pytest.approx(value)
    assert found.sub_rewards == {"a": 0.5, "b": 1}


NO_FORMULAS = ["", "a +", "a b", "(a", "a)", "c", "f(a)", "a.real", "__import__('os')", "a if a else a", "a // a"]
NO_FORMULAS += ["a ** a", "sqrt()", "sqrt(a, a)", "min()", "a[0]", "[a]", "lambda: a", "1_0", "a;a", "a + $", "a=1"]
NO_FORMULAS += ["(" * 4000, "-" * 4000 + "a", "2^" * 1000 + "2", "a" * 5000, "'a'", "0x10", "min(a,)", "1e"]


@pytest.mark.parametrize("formula", NO_FORMULAS)
def test_multi_formula_that_is_none_is_refused(formula: str) -> None:
    with pytest.raises(ValidationError, match=r"formula|calculate_output|missing|argument|unexpected"):
        grade({"type": "multi", "graders": {"a": {"name": "g", **check("eq")}}, "calculate_output": formula})


@pytest.mark.parametrize(
    "formula", ["1 / a", "log(a)", "sqrt(a - 1)", "exp(1000)", "10^400", "1e999", "a^-1", "(a-1)^.5"]
)
def test_multi_formula_without_value_has_no_reward(formula: str) -> None:
    zero = {"name": "g", **check("eq", "x", "y")}
    outcome = grade({"type": "multi", "graders": {"a": zero}, "calculate_output": formula}).outcome
    assert outcome.reward is None
    assert [problem.flag for problem in outcome.problems] == ["formula_parse_error"]
    assert "a=0" in outcome.problems[0].details


def test_multi_of_one_grader_is_named_by_its_name() -> None:
    one = {**check("eq", "x", "x"), "name": "same"}
    assert grade({"type": "multi", "graders": one, "calculate_output": "same / 4"}).outcome.reward == 0.25


def test_multi_with_failed_grader_has_no_reward_and_says_which() -> None:
    graders = {"good": {"name": "g", **check("eq", "x", "x")}, "bad": {"name": "g", **check("eq", "{{ item.x }}", "x")}}
    outcome = grade({"type": "multi", "graders": graders, "calculate_output": "good + bad"}).outcome
    assert (outcome.reward, outcome.sub_rewards) == (None, {"good": 1})
    assert outcome.problems[0].details.startswith("bad: item.x is missing")


def test_unknown_type_and_metric_are_one_line() -> None:
    with pytest.raises(ValidationError, match="a grader must have a type of string_check"):
        grade({"type": "vibes"})
    nested = {"type": "multi", "graders": {"a": {"type": "multi"}}, "calculate_output": "a"}
    with pytest.raises(ValidationError, match="in a multi grader must have a type of string_check"):
        grade(nested)
    with pytest.raises(ValidationError, match="'rouge_l'"):
        grade(similarity("chrf"))


SCORE = {"type": "score_model", "model": "judge", "input": [{"role": "user", "content": f"Score {ANSWER}"}]}
LABEL = {**SCORE, "type": "label_model", "labels": ["good", "fair", "bad"], "passing_labels": ["good", "fair"]}


def replying(text: str, reason: str = "stop") -> Judge:
    return lambda model, _: JudgeReply(text, reason, usage(7, 3), f"{model}-1")


def test_score_model_returns_the_judges_score() -> None:
    found = grade({**SCORE, "range": [1, 5]}, judge=replying('{"reason": "fine", "result": 4.5}')).outcome
    assert (found.reward, found.scores["reason"], found.model) == (4.5, "fine", "judge-1")
    assert found.usage == {"judge-1": usage(7, 3)}


def test_label_model_passes_its_passing_labels() -> None:
    for label, reward in (("good", 1), ("fair", 1), ("bad", 0)):
        found = grade(LABEL, judge=replying(json.dumps({"reason": "", "label": label}))).outcome
        assert (found.reward, found.scores["label"]) == (reward, label)


@pytest.mark.parametrize(
    ("reply", "reason", "flag"),
    [
        ('{"reason": "", "result": 1.5}', "stop", "model_grader_parse_error"),
        ('{"reason": "", "result": true}', "stop", "model_grader_parse_error"),
        ('{"reason": ""}', "stop", "model_grader_parse_error"),
        ('{"result": NaN}', "stop", "model_grader_parse_error"),
        ("[1]", "stop", "model_grader_parse_error"),
        ('{"reason": "\\ud800", "result": 1}', "stop", "model_grader_parse_error"),
        ('{"reason": 1e999, "result": 1}', "stop", "model_grader_parse_error"),
        ("I think 0.5", "stop", "model_grader_parse_error"),
        ('{"result": 1}', "length", "model_grader_parse_error"),
        ("", "content_filter", "model_grader_refusal_error"),
    ],
)
def test_judge_without_a_score_has_no_reward_and_its_tokens_count(reply: str, reason: str, flag: str) -> None:
    outcome = grade(SCORE, judge=replying(reply, reason)).outcome
    assert (outcome.reward, [each.flag for each in outcome.problems]) == (None, [flag])
    assert outcome.usage["judge-1"]["total_tokens"] == 10


def test_failing_judge_is_a_problem_of_the_grade() -> None:
    def failing(model: str, body: ChatBody) -> JudgeReply:
        raise ProviderError("the host is down")

    [problem] = grade(SCORE, judge=failing).outcome.problems
    assert (problem.flag, problem.details) == ("model_grader_server_error", "the host is down")


def test_judge_gets_messages_schema_and_sampling() -> None:
    seen: list[ChatBody] = []

    def judge(model: str, body: ChatBody) -> JudgeReply:
        seen.append(body)
        return JudgeReply('{"reason": "", "result": 0}', "stop", usage(0, 0), model)

    parts = [{"type": "input_text", "text": "Answer:"}, ANSWER, {"type": "output_text", "text": "{{ item.x }}"}]
    messages = [{"role": "developer", "content": "Be strict."}, {"role": "user", "content": parts, "type": "message"}]
    sampling = {"seed": 3, "top_p": 0.5, "temperature": 0.25, "max_completions_tokens": 64, "reasoning_effort": "low"}
    grade({**SCORE, "input": messages, "sampling_params": sampling}, "A", {"x": 1}, judge)
    [body] = seen
    assert body["messages"][0]["role"] == "system"
    assert str(body["messages"][0]["content"]).startswith("Be strict.\n\nReply with JSON")
    assert body["messages"][1] == {"role": "user", "content": "Answer:\nA\n1"}
    assert (body["seed"], body["top_p"], body["temperature"], body["max_tokens"]) == (3, 0.5, 0.25, 64)
    schema: Any = body["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["result"] == {"type": "number", "minimum": 0.0, "maximum": 1.0}


@pytest.mark.parametrize(
    "change",
    [
        {"range": [1, 0]},
        {"range": [1]},
        {"range": [0, math.inf]},
        {"input": []},
        {"input": [{"role": "user", "content": {"type": "input_image", "image_url": "x"}}]},
        {"sampling_params": {"max_completions_tokens": 0}},
        {"unknown": 1},
    ],
)
def test_invalid_score_model_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        grade({**SCORE, **change})


def test_label_model_with_other_passing_labels_is_refused() -> None:
    with pytest.raises(ValidationError, match="'great' is not"):
        grade({**LABEL, "passing_labels": ["great"]})


def test_score_model_temperature_is_zero_by_default() -> None:
    seen: list[ChatBody] = []

    def judge(model: str, body: ChatBody) -> JudgeReply:
        seen.append(body)
        return JudgeReply("{}", "stop", usage(0, 0), model)

    grade(SCORE, judge=judge)
    assert seen[0]["temperature"] == 0


def test_rouge_l_is_that_of_rouge_score_and_fast() -> None:
    from rouge_score.rouge_scorer import RougeScorer

    generator, oracle = random.Random(0), RougeScorer(["rougeL"])
    for _ in range(200):
        answer, reference = (" ".join(generator.choices("abcd", k=generator.randrange(12))) for _ in range(2))
        expected = oracle.score(reference, answer)["rougeL"].fmeasure
        assert grade(similarity("rouge_l"), answer, {"answer": reference}).outcome.reward == pytest.approx(expected)
    start = time.perf_counter()
    grade(similarity("rouge_l"), "a b " * 5000, {"answer": "b c " * 5000})
    assert time.perf_counter() - start < 30
