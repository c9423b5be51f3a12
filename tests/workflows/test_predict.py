"""Predictions for a file of questions: failures, pace, resuming, judges, comparisons."""

from __future__ import annotations

import cProfile
import json
import math
import os
import pstats
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker, ModelEvaluator, ModelRegistry
from fine_tuning.errors import NotFoundError, ProviderError, UsageError
from fine_tuning.evaluation import tool_call_match
from fine_tuning.serving.model_resolution import find_target
from fine_tuning.settings import get_settings
from fine_tuning.store import evaluations
from fine_tuning.store.database import Database
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows import judging, prediction_cache
from fine_tuning.workflows.evaluation_questions import Prediction, Question, read_questions
from fine_tuning.workflows.predict import CallOptions, cached_predictions, predict
from tests import wire


def completion(text: str) -> tuple[int, dict[str, Any]]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return 200, {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


def reply(request: wire.Request) -> tuple[int, dict[str, Any]]:
    """Upper case for model `loud`, what was asked for others; a grade for a judge; an error for what fails."""
    said = str(request.body["messages"][-1]["content"])
    if said == "fail":
        return 400, {"error": {"message": "too long"}}
    if "Grade an answer" in said:
        return completion(f"Fine. Grade: {5 if 'RIGHT' in said else 1}")
    if "Which is better" in said:
        return completion("Better: A" if said.index("RIGHT") < said.index("WRONG") else "Better: B")
    return completion(said.upper() if request.body["model"] == "loud" else said)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    with wire.host() as running:
        running.answers["POST /chat/completions"] = reply
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def predicted(model: str, asked: list[Question], options: CallOptions, **more: Any) -> list[Prediction]:
    return predict(model, asked, options, workspace=open_workspace(), **more)


def questions(*texts: str) -> list[Question]:
    return [Question([{"role": "user", "content": text}], text.upper()) for text in texts]


def test_predict_with_a_failing_call_keeps_the_order_and_the_error(database: Database, host: wire.Host) -> None:
    counts: list[int] = []
    found = predicted("loud", questions("a", "fail", "b"), CallOptions(16), on_progress=counts.append)
    assert [answer.text for answer in found] == ["A", None, "B"]
    assert "too long" in str(found[1].error)
    assert found[0].latency_ms is not None
    assert sum(counts) == 3
    assert CostTracker().get_cost_summary()["total_inference_cost"] == 0  # an evaluation, in the ledger as such


def test_predict_after_an_interrupted_run_calls_only_the_missing_questions(host: wire.Host) -> None:
    asked = questions("a", "b", "c")
    predicted("loud", asked[:2], CallOptions(16))
    found = predicted("loud", asked, CallOptions(16))
    assert [(answer.text, answer.is_cached) for answer in found] == [("A", True), ("B", True), ("C", False)]
    assert len(host.requests) == 3
    predicted("loud", asked, CallOptions(17))  # other options, other answers
    predicted("quiet", asked, CallOptions(16))
    predicted("loud", asked, CallOptions(16, fresh=True))
    assert len(host.requests) == 12
    for file in get_settings().folder("evaluations").glob("*.jsonl"):
        with file.open("a", encoding="utf-8") as stream:
            stream.write('\n{"question": "cut')  # a run that was killed
    predicted("loud", asked, CallOptions(16))
    assert len(host.requests) == 13  # one, by which the host tells what it has behind the name


def test_predict_repeats_a_failed_call(host: wire.Host) -> None:
    predicted("loud", questions("a", "fail"), CallOptions(16))
    host.answers["POST /chat/completions"] = completion("now it works")
    assert [a.text for a in predicted("loud", questions("a", "fail"), CallOptions(16))] == ["A", "now it works"]


def test_prediction_cache_keeps_unusual_characters(host: wire.Host) -> None:
    """Some characters end a line for Python and not for JSON; half a surrogate pair is no UTF-8."""
    odd = "a\u2028b\u2029c\x85d\ud800"
    host.answers["POST /chat/completions"] = completion(odd)
    predicted("loud", questions("a", "b"), CallOptions(16))
    assert [answer.text for answer in predicted("loud", questions("a", "b"), CallOptions(16))] == [odd, odd]
    assert len(host.requests) == 3
    kept = cached_predictions("loud", questions("a", "c"), 16, "gone", workspace=open_workspace())
    assert [(answer.text, answer.error) for answer in kept] == [(odd, None), (None, "gone")]


def test_predict_without_any_answer_raises_the_reason(host: wire.Host) -> None:
    with pytest.raises(ProviderError, match="no question was answered: .*too long"):
        predicted("loud", questions("fail"), CallOptions(16))
    host.answers["POST /chat/completions"] = (404, {"error": {"message": "no such model"}})
    with pytest.raises(NotFoundError, match="does not know"):
        predicted("gone", questions("a"), CallOptions(16))


def test_predict_per_minute_spaces_the_calls(host: wire.Host) -> None:
    waited: list[float] = []
    options = CallOptions(16, per_minute=600)
    predicted("loud", questions(*"abcdef"), options, clock=lambda: 100.0, sleep=waited.append)
    assert sorted(waited) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    for wrong in ({"per_minute": 0}, {"concurrency": 0}):
        with pytest.raises(UsageError):
            predicted("loud", questions("a"), CallOptions(16, **wrong))


def test_judging_grades_prefers_and_corrects(host: wire.Host) -> None:
    asked = questions("one", "two", "three")
    workspace = open_workspace()
    assert judging.grades("judge", asked, ["RIGHT", "WRONG", None], workspace=workspace) == [1.0, 0.0, None]
    first, second = ["RIGHT x", "WRONG x"], ["WRONG y", "RIGHT y"]
    found = judging.preferences("judge", asked[:2], first, second, workspace=workspace)
    assert found == [-1, 1]
    grades: list[float | None] = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, None]
    corrected = judging.corrected(grades, [1.0, 0.0, 0.0, 1.0, None, None, 1.0])
    assert corrected.low < corrected.estimate < corrected.high


def test_evaluate_compare_of_two_models_prints_metrics_slices_and_examples(
    host: wire.Host, cli: Any, tmp_path: Path
) -> None:
    rows = [
        {"prompt": text, "response": text.upper() if n % 2 else text, "domain": "even" if n % 2 else "odd"}
        for n, text in enumerate(["lamp", "RIGHT", "desk", "chair", "sofa", "bed"])
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    options = ["--metric", "exact", "--metric", "token_f1", "--metric", "bleu"]
    code, out, _ = cli("evaluate-model", "quiet", "base", "test.jsonl", *options, "--judge", "judge")
    assert code == 0
    for said in ("exact_match", "token_f1", "bleu", "judge", "errors", "refusals", "By domain", "95 % interval"):
        assert said in out
    code, out, _ = cli("evaluate-model", "loud", "fine_tuned", "test.jsonl", *options, "--json")
    facts = json.loads(out)
    assert (facts["accuracy"], facts["figures"]["exact_match"]["examples"]) == (0.5, 6)
    assert facts["slices"]["domain"]["even"]["exact_match"]["value"] == 1.0
    code, out, _ = cli("evaluate-compare", "quiet", "loud", "--json")
    found = json.loads(out)
    assert (code, found["examples"], [change["metric"] for change in found["changes"]]) == (
        0,
        6,
        ["exact_match", "bleu", "token_f1"],
    )
    assert {each["value"]: each["second"] for each in found["slices"]} == {"even": 1.0, "odd": 0.0}
    code, out, _ = cli("evaluate-compare", "quiet", "loud")
    for said in ("on 6 examples", "McNemar, exact", "paired bootstrap", "domain = even", "Changed examples (5"):
        assert said in out


def test_evaluate_model_with_conversations_widens_the_interval(host: wire.Host, cli: Any, tmp_path: Path) -> None:
    rows = [{"prompt": f"RIGHT {n}", "response": f"RIGHT {n}", "session_id": n // 5} for n in range(20)]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    figures = {}
    for name in ("loud", "quiet"):
        code, out, _ = cli("evaluate-model", name, "base", "test.jsonl", "--json")
        assert code == 0
        figures[name] = json.loads(out)["figures"]["exact_match"]
    assert figures["loud"]["value"] == 1
    assert figures["loud"]["low"] < 0.4  # four conversations, not twenty examples
    code, out, _ = cli("evaluate-compare", "quiet", "loud", "--json")
    assert (code, json.loads(out)["changes"][0]["test"]) == (0, "paired t, clustered")
    said = cli("evaluate-compare", "quiet", "nobody")[2]
    assert said.startswith("ft-cli: no evaluation of nobody; evaluated are: loud, quiet")
    assert cli("evaluate-compare", "1", "99")[0] == 1


def test_evaluate_model_with_human_ratings_corrects_the_judge(host: wire.Host, cli: Any, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"q{n}",
            "prediction": "RIGHT" if n % 4 else "no",
            "reference": "r",
            **({"human_rating": 5 if n % 2 else 2} if n < 20 else {}),
        }
        for n in range(60)
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge", "--json")
    found = json.loads(out)["judge_corrected"]
    assert code == 0
    assert found["low"] < found["estimate"] < found["high"]
    assert found["estimate"] == pytest.approx(0.625, abs=0.1)  # the judge alone says 0.75
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge")
    assert (code, "estimated human score" in out) == (0, True)
    (tmp_path / "test.jsonl").write_text(json.dumps({**rows[0], "human_rating": 9}))
    assert (
        "row 1: human_rating must be a number from 1 to 5, not 9" in cli("evaluate-model", "m", "base", "test.jsonl")[2]
    )


def test_evaluate_model_weights_human_ratings_by_their_probabilities(host: wire.Host, cli: Any, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"prompt": f"q{n}", "prediction": f"{'RIGHT' if n % 4 else 'WRONG'} {n}", "reference": "r"} for n in range(80)
    ]
    for n in range(40):  # the wrong ones are drawn four times as often
        rows[n] |= {"human_rating": 5 if n % 4 else 1, "human_probability": 0.2 if n % 4 else 0.8}
    file = tmp_path / "test.jsonl"

    def corrected(rows: list[dict[str, Any]]) -> Any:
        file.write_text("\n".join(map(json.dumps, rows)))
        return json.loads(cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge", "--json")[1])

    host.answers["POST /chat/completions"] = completion("Grade: 3")  # tells nothing apart
    found = corrected(rows)["judge_corrected"]["estimate"]
    assert found == pytest.approx(30 / 0.2 / (30 / 0.2 + 10 / 0.8), abs=0.02)
    alike = [{name: value for name, value in row.items() if name != "human_probability"} for row in rows]
    assert corrected(alike)["judge_corrected"]["estimate"] == pytest.approx(0.75)
    for row, message in (
        ({**rows[0], "human_probability": 0}, "row 1: human_probability must be above 0"),
        ({**rows[0], "human_probability": 2}, "row 1: human_probability must be between 0 and 1"),
        (alike[0], "39 of 40 rows with human_rating have human_probability; all must"),
    ):
        file.write_text("\n".join(map(json.dumps, [row, *rows[1:]])))
        code, _, err = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge")
        assert (code, message in err) == (1, True), err
    with pytest.raises(UsageError, match="1 of 2 human scores have a probability"):
        judging.corrected([1.0, 0.0], [1.0, 0.0], probabilities=[0.5, None])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--metric", "beauty"), "unknown metric 'beauty'"),
        (("--concurrency", "0"), "--concurrency must be"),
        (("--per-minute", "0"), "per_minute must be more than 0"),
    ],
)
def test_evaluate_model_with_wrong_options_makes_no_call(
    host: wire.Host,
    cli: Any,
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    (tmp_path / "test.jsonl").write_text('{"prompt": "a", "response": "A"}')
    code, _, err = cli("evaluate-model", "loud", "base", "test.jsonl", *arguments)
    assert (code, said in err) == (2, True)
    assert host.requests == []


def test_evaluate_with_mismatched_columns_is_refused() -> None:
    evaluator = ModelEvaluator()
    for arguments, said in (
        ({"latencies_ms": [1.0]}, "1 latencies_ms for 2 references"),
        ({"metrics": []}, "name at least one metric"),
        ({"scores": {"judge": [1.0]}}, "1 judge for 2 references"),
        ({"costs": [-1.0, 0.0]}, "cost must be"),
    ):
        with pytest.raises(UsageError, match=said):
            evaluator.evaluate(["a", None], ["a", "b"], "m", **arguments)  # type: ignore[arg-type]
    found = evaluator.evaluate(["a", None], ["a", "b"], "m", errors=[None, "timeout"])
    assert (found.figures["exact_match"].value, found.figures["exact_match"].examples) == (1.0, 1)
    assert (found.errors.value, found.rows[1]["error"], found.f1_score) == (0.5, "timeout", 1.0)
    assert evaluator.get_results()[-1].accuracy == 1.0


def test_predict_keeps_answers_that_arrive_before_a_slow_one(host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> None:
    others_arrived, progress = threading.Event(), []

    def count(predictions: int) -> None:
        progress.append(predictions)
        if sum(progress) == 8:
            others_arrived.set()

    def slowly(request: wire.Request) -> tuple[int, dict[str, Any]]:
        if request.body["messages"][-1]["content"] == "slow":
            assert others_arrived.wait(60)
            return 404, {"error": {"message": "gone meanwhile"}}
        return reply(request)

    host.answers["POST /chat/completions"] = slowly
    with pytest.raises(NotFoundError):
        predicted("loud", questions("slow", *"abcdefgh"), CallOptions(16, concurrency=4), on_progress=count)
    host.answers["POST /chat/completions"] = reply
    asked = len(host.requests)
    predicted("loud", questions("slow", *"abcdefgh"), CallOptions(16, concurrency=4))
    assert len(host.requests) == asked + 1


def test_predict_during_a_deployment_stays_on_one_version(database: Database, host: wire.Host) -> None:
    registry = ModelRegistry()
    for name in ("quiet", "loud"):
        registry.register_model("prod", "base", "job", 1, provider=host.url, provider_model=name)
    registry.deploy_model("prod", 1)

    def deploying(request: wire.Request) -> tuple[int, dict[str, Any]]:
        if request.body["messages"][-1]["content"] == "c":
            registry.deploy_model("prod", 2)
        return reply(request)

    host.answers["POST /chat/completions"] = deploying
    found = predicted("prod", questions(*"abcdefgh"), CallOptions(16, concurrency=1))
    assert [answer.text for answer in found] == list("abcdefgh")
    assert [answer.text for answer in predicted("prod", questions("a"), CallOptions(16))] == ["A"]


def test_evaluate_with_an_error_ignores_the_prediction(cli: Any, tmp_path: Path) -> None:
    found = ModelEvaluator().evaluate(["", "a"], ["b", "a"], "m", errors=["timeout", None])
    assert (found.errors.value, found.figures["exact_match"].value, found.figures["exact_match"].examples) == (
        0.5,
        1,
        1,
    )
    rows = [{"prediction": "", "reference": "b", "error": "timeout"}, {"prediction": "a", "reference": "a"}]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    facts = json.loads(cli("evaluate-model", "m", "base", "test.jsonl", "--json")[1])
    assert (facts["accuracy"], facts["errors"]["value"]) == (1.0, 0.5)
    with pytest.raises(UsageError, match="scores of judge lie between 0 and 1"):
        ModelEvaluator().evaluate(["a"], ["a"], "m", scores={"judge": [7]})


def test_compare_evaluations_without_questions_matches_by_position(tmp_path: Path) -> None:
    evaluator = ModelEvaluator()
    first = evaluator.evaluate(["a", "x", "a"], ["a", "b", "a"], "first")
    second = evaluator.evaluate(["a", "b", "a"], ["a", "b", "a"], "second")
    assert len(evaluator.compare_evaluations(first.id or 0, second.id or 0)["rows"]) == 1
    other = evaluator.evaluate(["a", "a", "b"], ["a", "a", "b"], "other")
    with pytest.raises(UsageError, match="have no questions to match their examples by"):
        evaluator.compare_evaluations(first.id or 0, other.id or 0)
    talk = Question(
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "go on"}],
        "r",
    )
    assert talk.text == "user: a\nassistant: b\nuser: go on"


def test_compare_evaluations_without_the_schema_file_succeeds(tmp_path: Path) -> None:
    evaluator, schema = ModelEvaluator(), tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')
    made = [
        evaluator.evaluate([said], ["r"], "m", metrics=[f"json_schema:{schema}"], questions=["q"])
        for said in ("{}", "1")
    ]
    schema.unlink()
    assert evaluator.compare_evaluations(*(each.id or 0 for each in made))["changes"][0]["difference"] == -1.0


@pytest.mark.slow
def test_corpus_metrics_are_resampled_without_scoring_again(tmp_path: Path) -> None:
    words = [" ".join(chr(97 + (n * k) % 26) * 3 for k in range(1, 30)) for n in range(60)]
    said = [text if n % 3 else words[n - 1] for n, text in enumerate(words)]
    with cProfile.Profile() as profile:
        found = ModelEvaluator().evaluate(said, words, "m", metrics=["ter", "bleu", "chrf"])
    assert found.figures["bleu"].low < found.figures["bleu"].value < found.figures["bleu"].high
    assert pstats.Stats(profile).total_calls < 4_000_000  # a million scores each row once; resamples only add up


def test_judging_reports_failed_grades(host: wire.Host, cli: Any, tmp_path: Path) -> None:
    asked = questions("one", "two")
    usual = host.answers["POST /chat/completions"]

    def some_fail(request: wire.Request) -> Any:
        said = request.body["messages"][-1]["content"]
        return (400, {"error": {"message": "too long"}}) if "WRONG" in said else usual(request)

    host.answers["POST /chat/completions"] = some_fail
    found = judging.grade_predictions("judge", asked, ["RIGHT", "WRONG"], workspace=open_workspace())
    assert (found[0].value, found[1].value) == (1.0, None)
    assert "too long" in str(found[1].error)
    rows = [{"prompt": "q", "prediction": said, "reference": "r"} for said in ("RIGHT a", "WRONG b")]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge")
    assert (code, "1 of 2 predictions were not judged" in out) == (0, True)
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge", "--json")
    assert len(json.loads(out)["judge_errors"]) == 1
    assert cli("evaluate-model", "m", "base", "test.jsonl", "--rubric", "x")[0] == 2


def test_judging_with_wrong_arguments_is_refused() -> None:
    asked = questions("one")
    for wrong in (
        lambda: judging.grades("judge", asked, [], workspace=open_workspace()),
        lambda: judging.preferences("judge", asked, ["a"], [], workspace=open_workspace()),
        lambda: judging.preferences("judge", asked, [None], ["a"], workspace=open_workspace()),  # type: ignore[list-item]
        lambda: judging.corrected([1.0], []),
        lambda: judging.corrected([math.nan], [1.0]),
        lambda: judging.corrected([4.0], [1.0]),
    ):
        with pytest.raises(UsageError):
            wrong()


def weather(city: str, call_id: str) -> dict[str, Any]:
    arguments = f'{{"days": {1.0 if call_id == "call_9" else 1}, "city": {json.dumps(city)}}}'  # of the host: 1.0
    function = {"name": "weather", "arguments": arguments}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": call_id, "type": "function", "function": function}],
    }


def test_rows_with_tools_are_evaluated_with_their_tools(database: Database, host: wire.Host, tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}

    def call(request: wire.Request) -> tuple[int, dict[str, Any]]:
        if not request.body.get("tools"):
            return completion("It is sunny.")
        found = completion("")
        city = str(request.body["messages"][-1]["content"]).split()[-1]
        found[1]["choices"][0] |= {"message": weather(city, "call_9"), "finish_reason": "tool_calls"}
        return found

    host.answers["POST /chat/completions"] = call
    file = tmp_path / "test.jsonl"
    asked = [
        {"messages": [{"role": "user", "content": f"Rain in {city}"}, weather(expected, "call_1")], "tools": [tool]}
        for city, expected in (("Oslo", "Oslo"), ("Bergen", "Paris"))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in [*asked, {"prompt": "Rain in Oslo", "response": "No."}]))
    found = read_questions(file)
    assert [question.tools for question in found] == [[tool], [tool], []]
    for _ in range(2):  # the second time from what is kept, where the row without tools is another question
        texts = [str(each.text) for each in predicted("gpt-4o", found, CallOptions(max_tokens=9))]
        references = [question.reference for question in found]
        answered = list(zip(texts, references, strict=True))
        assert [text == reference for text, reference in answered] == [True, False, False]
        assert [tool_call_match.matches(*each) for each in answered[:2]] == [True, False]
        assert texts[2] == "It is sunny."
    assert len(host.asked("POST /chat/completions")) == 4  # one is asked again


def test_evaluation_is_of_the_version_that_answered(
    database: Database, host: wire.Host, tmp_path: Path, cli: Any
) -> None:
    registry = ModelRegistry()
    for number in (1, 2, 3):
        registry.register_model("inbox", "b", f"j{number}", 1, provider=host.url, provider_model=f"loud-{number}")
    registry.deploy_model("inbox", 1)
    registry.set_alias("inbox", "champion", 2)
    file = tmp_path / "test.jsonl"
    file.write_text('{"prompt": "hello", "response": "HELLO"}\n')
    for name, version in (("inbox", 1), ("inbox@champion", 2), ("inbox-v3", 3)):
        code, out, _ = cli("evaluate-model", name, "fine_tuned", str(file), "--json")
        evaluation = json.loads(out)
        assert (code, evaluation["model_name"], evaluation["metadata"]["version"]) == (0, "inbox", version)
        assert host.asked("POST /chat/completions")[-1].body["model"] == f"loud-{version}"
        with database.read() as tx:
            assert [each["id"] for each in evaluations.of_version(tx, "inbox", version)] == [evaluation["id"]]
    assert "inbox-v3 on test.jsonl" in cli("evaluate-model", "inbox-v3", "fine_tuned", str(file))[1]
    compared = ModelEvaluator().compare_evaluations("inbox-v1", "inbox@champion")
    assert (compared["first"]["id"], compared["second"]["id"]) == (1, 2)
    code, _, said = cli("evaluate-model", "inbox@nobody", "fine_tuned", str(file))
    assert (code, "inbox has no alias nobody; it has champion" in said) == (1, True)


@pytest.mark.parametrize("aliased", [True, False])
def test_predictions_of_a_file_are_refused_for_a_version_that_does_not_exist(
    database: Database, tmp_path: Path, cli: Any, aliased: bool
) -> None:
    ModelRegistry().register_model("inbox", "b", "j", 1)
    if aliased:
        ModelRegistry().set_alias("inbox", "champion", 1)
    (tmp_path / "pr.jsonl").write_text('{"prediction": "a", "reference": "a"}\n')
    known = "champion" if aliased else "none"
    for name, reason in (("inbox@nosuch", f"no alias nosuch; it has {known}"), ("inbox-v9", "no version 9; it has 1")):
        code, _, said = cli("evaluate-model", name, "fine_tuned", "pr.jsonl")
        assert (code, reason in " ".join(said.split())) == (1, True)
        with pytest.raises(NotFoundError, match=reason):
            ModelEvaluator().evaluate_exact_match(["a"], ["a"], name)
        with database.read() as tx, pytest.raises(NotFoundError, match=reason):
            find_target(tx, name)
    with pytest.raises(NotFoundError, match="no version 9"):
        ModelEvaluator().evaluate(["a"], ["a"], "inbox", metadata={"version": 9})
    assert ModelEvaluator().get_results() == []
    stored = ["inbox-v1", "inbox", "me@work", "llama-v3", *(["inbox@champion"] if aliased else [])]
    assert [cli("evaluate-model", name, "fine_tuned", "pr.jsonl")[0] for name in stored] == [0] * len(stored)
    with database.read() as tx:
        assert len(evaluations.of_version(tx, "inbox", 1)) == len(stored) - 2


def test_kept_answers_are_told_with_age_and_asked_again_of_another_model(
    database: Database, host: wire.Host, tmp_path: Path, cli: Any
) -> None:
    serving = {"model": "house-1", "system_fingerprint": "fp_1"}
    host.answers["POST /chat/completions"] = lambda request: (200, {**reply(request)[1], **serving})
    file = tmp_path / "test.jsonl"
    file.write_text("".join(f'{{"prompt": "q{number}", "response": "q{number}"}}\n' for number in range(3)))

    def evaluate() -> tuple[str, int]:
        before = len(host.asked("POST /chat/completions"))
        code, out, _ = cli("evaluate-model", "prod", "base", str(file))
        assert code == 0
        return " ".join(out.split()), len(host.asked("POST /chat/completions")) - before

    first, calls = evaluate()
    assert ("earlier runs" in first, calls) == (False, 3)
    kept, calls = evaluate()
    assert calls == 1  # by which the host tells what it has behind the name
    assert "3 predictions are from earlier runs, the oldest of 20" in kept
    assert "answered by house-1 fp_1; --fresh calls the model again" in kept
    serving["system_fingerprint"] = "fp_2"
    again, calls = evaluate()
    assert ("earlier runs" in again, calls) == (False, 4)
    assert evaluate()[1] == 1
    serving["system_fingerprint"] = "fp_3"
    file.write_text("".join(f'{{"prompt": "q{number}", "response": "q{number}"}}\n' for number in range(4)))
    assert evaluate()[1] == 4  # the new one tells that the others are of a former model
    host.answers["POST /chat/completions"] = lambda _: (401, {"error": {"message": "no such key"}})
    assert "4 predictions are from earlier runs" in evaluate()[0]


def test_kept_answers_of_a_host_that_says_nothing_are_told_to_differ(
    database: Database, host: wire.Host, caplog: pytest.LogCaptureFixture
) -> None:
    said = ["right"]
    host.answers["POST /chat/completions"] = lambda _: completion(said[0])
    asked = [Question([{"role": "user", "content": f"q{number}"}], "right") for number in range(3)]
    predicted("prod", asked, CallOptions(max_tokens=9))
    assert [each.text for each in predicted("prod", asked, CallOptions(max_tokens=9))] == ["right"] * 3
    assert "differently" not in caplog.text
    said[0] = "wrong"
    again = predicted("prod", asked, CallOptions(max_tokens=9))
    assert prediction_cache.kept_note(again, "answers").startswith("3 answers are from earlier runs, the oldest of 20")
    assert "answers a question of an earlier run differently now" in caplog.text


def test_kept_answers_of_local_weights_that_were_written_anew_are_asked_again(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "weights"))
    asked = [Question([{"role": "user", "content": "Hello there"}], "x")]
    is_cached = []
    for _ in range(2):
        is_cached += [predicted(str(folder), asked, CallOptions(max_tokens=3))[0].is_cached for _ in range(2)]
        os.utime(folder / "model.safetensors", ns=(1, 1))
    assert is_cached == [False, True, False, True]
