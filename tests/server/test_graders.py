"""Graders over HTTP, asked by the real SDK; judges are tiny models behind the server's own engines."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI

from fine_tuning import CostTracker
from fine_tuning.evaluation.graders.grading import FLAGS
from fine_tuning.server.server_config import ServerConfig
from tests.server.conftest import ALIAS, client_of, listening

CHECK: dict[str, Any] = {
    "type": "string_check",
    "name": "capital",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.capital }}",
    "operation": "eq",
}
SIMILAR: dict[str, Any] = {
    "type": "text_similarity",
    "name": "words",
    "input": "{{ sample.output_text }}",
    "reference": "{{ item.capital }}",
    "evaluation_metric": "rouge_1",
}
JUDGE_INPUT = [{"role": "user", "content": "Is {{ sample.output_text }} the capital of {{ item.country }}?"}]
SCORE: dict[str, Any] = {"type": "score_model", "name": "score", "model": ALIAS, "input": JUDGE_INPUT, "range": [2, 3]}
LABEL: dict[str, Any] = {
    "type": "label_model",
    "name": "label",
    "model": ALIAS,
    "input": JUDGE_INPUT,
    "labels": ["right", "wrong"],
    "passing_labels": ["right"],
}
PYTHON: dict[str, Any] = {
    "type": "python",
    "name": "length",
    "source": "def grade(sample, item):\n    return len(sample['output_text']) / item['limit']",
}
ITEM = {"country": "France", "capital": "Paris", "limit": 10}


def run(client: OpenAI, grader: Any, sample: str = "Paris", item: Any = ITEM) -> Any:
    return client.fine_tuning.alpha.graders.run(grader=grader, model_sample=sample, item=item)


def raised(result: Any) -> set[str]:
    return {flag for flag in FLAGS if result.metadata.errors.model_dump(by_alias=True)[flag]}


def multi(graders: Any, formula: str) -> dict[str, Any]:
    return {"type": "multi", "name": "all", "graders": graders, "calculate_output": formula}


@pytest.fixture
def python_client(workspace: Path) -> Iterator[OpenAI]:
    with listening(ServerConfig(python_graders=True)) as address:
        yield client_of(address)


def test_run_string_check_has_every_field_of_the_sdk(client: OpenAI) -> None:
    found = run(client, CHECK)
    assert (found.reward, found.sub_rewards, found.api_model_grader_token_usage_per_model) == (1, {}, {})
    assert (found.metadata.name, found.metadata.type, found.metadata.scores) == ("capital", "string_check", {})
    assert (found.metadata.token_usage, found.metadata.sampled_model_name) == (None, None)
    assert 0 <= found.metadata.execution_time < 60
    written = found.to_dict()
    type(found).model_validate(written, strict=True)
    assert raised(found) == set()
    assert {"model_grader_server_error_details", "python_grader_server_error_type"} <= written["metadata"][
        "errors"
    ].keys()
    assert run(client, CHECK, "paris").reward == 0


def test_run_multi_combines_rewards(client: OpenAI) -> None:
    # ROUGE-1 of "Paris France" and "Paris": precision 1/2, recall 1, F1 2/3; the strings differ.
    found = run(client, multi({"same": CHECK, "near": SIMILAR}, "0.25 * same + 0.75 * near"), "Paris France")
    assert found.reward == pytest.approx(0.5)
    assert found.sub_rewards == {"same": 0, "near": pytest.approx(2 / 3)}
    assert run(client, multi(CHECK, "capital / 2")).reward == 0.5  # one grader, as the SDK types it


def test_run_label_model_asks_the_servers_model(client: OpenAI) -> None:
    found = run(client, LABEL)
    assert raised(found) == set()
    assert found.metadata.scores["label"] in {"right", "wrong"}
    assert found.reward == float(found.metadata.scores["label"] == "right")
    assert found.metadata.sampled_model_name == ALIAS
    counts = found.api_model_grader_token_usage_per_model[ALIAS]
    assert counts["total_tokens"] == counts["prompt_tokens"] + counts["completion_tokens"] == found.metadata.token_usage
    assert run(client, LABEL).metadata.scores == found.metadata.scores  # greedy
    passing = {**LABEL, "passing_labels": ["right", "wrong"]}
    both = run(client, multi({"a": passing, "b": LABEL}, "a + b"))
    assert both.reward == 1 + found.reward
    assert both.api_model_grader_token_usage_per_model[ALIAS]["total_tokens"] == 2 * found.metadata.token_usage


def test_run_records_the_calls_of_judges(client: OpenAI) -> None:
    found = [run(client, SCORE), run(client, multi({"a": LABEL, "b": LABEL}, "a + b"))]
    run(client, LABEL, "word " * 5000)  # a call that failed has no tokens to record
    run(client, CHECK)
    tokens = [found[0].metadata.token_usage, found[1].api_model_grader_token_usage_per_model[ALIAS]["total_tokens"]]
    [(name, judged)] = CostTracker().get_cost_summary()["judge_by_model"].items()
    assert (name, judged["count"], judged["tokens"]) == (ALIAS, 3, sum(tokens))
    assert CostTracker().get_cost_summary()["inference_by_model"] == {}


def test_run_with_a_judge_whose_budget_is_spent_says_so(client: OpenAI) -> None:
    tracker = CostTracker()
    tracker.set_budget(ALIAS, 1.0, hard=True)
    tracker.record_inference(ALIAS, 10, 2.0, is_fine_tuned=False)
    found = run(client, LABEL)
    assert raised(found) == {"model_grader_server_error"}
    assert "budget" in found.metadata.errors.model_grader_server_error_details
    assert CostTracker().get_cost_summary()["judge_by_model"] == {}


def test_run_score_model_is_in_its_range_or_says_why_not(client: OpenAI) -> None:
    found = run(client, SCORE)
    assert raised(found) <= {"model_grader_parse_error"}
    if not raised(found):
        assert 2 <= found.reward == found.metadata.scores["result"] <= 3
    short = run(client, {**SCORE, "sampling_params": {"max_completions_tokens": 2}})
    assert (short.reward, raised(short)) == (0, {"model_grader_parse_error"})
    assert "cut off at 2 tokens" in short.metadata.errors.details
    assert short.metadata.token_usage > 2


def test_run_prompt_beyond_the_context_is_a_judges_error(client: OpenAI) -> None:
    found = run(client, LABEL, "word " * 5000)
    assert (found.reward, raised(found)) == (0, {"model_grader_server_error"})
    assert "context" in found.metadata.errors.api_model_grader_server_error_details


def test_run_missing_variable_is_flagged_and_named(client: OpenAI) -> None:
    found = run(client, CHECK, item={"country": "France"})
    assert (found.reward, raised(found)) == (0, {"invalid_variable_error"})
    assert found.metadata.errors.details.startswith("item.capital is missing: item has no 'capital', it has country")
    json_check = {**CHECK, "input": "{{ sample.output_json.city }}"}
    assert run(client, json_check, '{"city": "Paris"}').reward == 1
    assert raised(run(client, json_check, "Paris")) == {"sample_parse_error"}
    without = client.fine_tuning.alpha.graders.run(grader=CHECK, model_sample="x")  # type: ignore[arg-type]
    assert raised(without) == {"invalid_variable_error"}


def test_run_missing_extra_is_one_line(client: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nltk.translate.gleu_score", None)
    with pytest.raises(openai.InternalServerError, match=r"the metric gleu needs .*\[evaluate\]"):
        run(client, {**SIMILAR, "evaluation_metric": "gleu"})


def test_run_formula_without_value_is_flagged(client: OpenAI) -> None:
    found = run(client, multi({"same": CHECK}, "1 / (1 - same)"))
    assert (found.reward, raised(found), found.sub_rewards) == (0, {"formula_parse_error"}, {"same": 1})


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's seccomp")
def test_run_python_grader_where_it_is_allowed(python_client: OpenAI) -> None:
    assert run(python_client, PYTHON).reward == 0.5
    failed = run(python_client, PYTHON, item={})
    assert (failed.reward, raised(failed)) == (0, {"python_grader_runtime_error"})
    assert failed.metadata.errors.python_grader_runtime_error_details == "KeyError: 'limit' (line 2)"
    assert python_client.fine_tuning.alpha.graders.validate(grader=PYTHON).grader.to_dict() == PYTHON  # type: ignore


@pytest.mark.parametrize(
    "grader", [CHECK, SIMILAR, SCORE, LABEL, multi({"a": CHECK, "b": LABEL}, "a + b"), multi(CHECK, "capital")]
)
def test_validate_returns_the_grader(client: OpenAI, grader: Any) -> None:
    raw = client.fine_tuning.alpha.graders.with_raw_response.validate(grader=grader)
    assert raw.http_response.json() == {"grader": grader}
    assert raw.parse().grader is not None


REFUSED: list[tuple[Any, str, str]] = [
    ({**CHECK, "operation": "matches"}, "grader.operation", "expected one of 'eq', 'ne', 'like' or 'ilike'"),
    ({key: CHECK[key] for key in CHECK if key != "reference"}, "grader.reference", "Missing required parameter"),
    ({**CHECK, "input": "{{ items.x }}"}, "grader.input", "no path into item or sample"),
    ({**CHECK, "input": "{{ item.x"}, "grader.input", "does not end"),
    ({**CHECK, "input": 3}, "grader.input", "expected a string"),
    ({**CHECK, "party": 1}, "grader.party", "Unknown parameter"),
    ({**SIMILAR, "evaluation_metric": "chrf"}, "grader.evaluation_metric", "'rouge_l'"),
    ({"type": "vibes", "name": "x"}, "grader", "must have a type of string_check"),
    ({"name": "x"}, "grader", "must have a type of string_check"),
    ("exact", "grader", "must have a type of string_check"),
    ({**SCORE, "range": [3, 2]}, "grader.range", "the lower one first"),
    ({**SCORE, "model": "gpt-99"}, "grader.model", "does not exist"),
    ({**SCORE, "model": "wordllama"}, "grader.model", "embedding model"),
    ({**SCORE, "input": []}, "grader.input", "may not be empty"),
    (
        {**SCORE, "input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
        "grader.input[0].content[0].type",
        "'input_text' or 'output_text'",
    ),
    ({**SCORE, "input": [{"role": "user", "content": "{{ x }}"}]}, "grader.input[0].content", "no path"),
    ({**SCORE, "sampling_params": {"temperature": 3}}, "grader.sampling_params.temperature", "at most 2"),
    ({**LABEL, "passing_labels": ["great"]}, "grader.passing_labels", "must be among the labels"),
    (PYTHON, "grader.type", "--python-graders"),
    (multi({"a": CHECK, "p": PYTHON}, "a"), "grader.graders.p.type", "--python-graders"),
    (multi({"a": {**CHECK, "operation": "x"}}, "a"), "grader.graders.a.operation", "'ilike'"),
    (multi({"a": {**SCORE, "model": "gpt-99"}}, "a"), "grader.graders.a.model", "does not exist"),
    (multi({"a": multi(CHECK, "capital")}, "a"), "grader.graders.a", "in a multi grader"),
    (multi({"a": CHECK}, "a + c"), "grader.calculate_output", "the formula names 'c'"),
    (multi({"a": CHECK}, "__import__('os')"), "grader.calculate_output", "unknown function|unexpected"),
    (multi({}, "1"), "grader.graders", "may not be empty"),
]


@pytest.mark.parametrize(("grader", "param", "message"), REFUSED, ids=[str(index) for index in range(len(REFUSED))])
def test_invalid_grader_returns_400_naming_the_field(client: OpenAI, grader: Any, param: str, message: str) -> None:
    for call in (lambda: client.fine_tuning.alpha.graders.validate(grader=grader), lambda: run(client, grader)):
        with pytest.raises(openai.BadRequestError, match=message) as caught:
            call()
        body: Any = caught.value.body
        assert body["param"] == param
        assert "\n" not in body["message"]


@pytest.mark.parametrize(
    ("change", "param"), [({"model_sample": 3}, "model_sample"), ({"item": "x"}, "item"), ({"more": 1}, "more")]
)
def test_invalid_run_returns_400(address: str, change: dict[str, Any], param: str) -> None:
    body = {"grader": CHECK, "model_sample": "x", "item": {}, **change}
    found = httpx2.post(f"{address}/fine_tuning/alpha/graders/run", json=body)
    assert (found.status_code, found.json()["error"]["param"]) == (400, param)


def test_run_uses_models_of_the_own_project_only(address: str, client: OpenAI, tiny_model_dir: Path) -> None:
    with pytest.raises(openai.BadRequestError, match="does not exist"):
        run(client, {**SCORE, "model": str(tiny_model_dir)})
