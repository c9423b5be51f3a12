"""Answers to a file of questions: failures, pace, going on after an end, judges, comparisons."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker, ModelEvaluator, ModelRegistry
from fine_tuning.errors import NotFoundError, ProviderError, UsageError
from fine_tuning.settings import get_settings
from fine_tuning.store.database import Database
from fine_tuning.workflows import answering, judging
from fine_tuning.workflows.answering import Question
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


def questions(*texts: str) -> list[Question]:
    return [Question([{"role": "user", "content": text}], text.upper()) for text in texts]


def test_answers_come_in_order_and_a_failure_is_one(database: Database, host: wire.Host) -> None:
    told: list[int] = []
    found = answering.answers("loud", questions("a", "fail", "b"), 16, progress=told.append)
    assert [answer.text for answer in found] == ["A", None, "B"]
    assert "too long" in str(found[1].error)
    assert found[0].latency_ms is not None
    assert sum(told) == 3
    assert CostTracker().get_cost_summary()["total_inference_cost"] == 0  # an evaluation, in the ledger as such


def test_a_second_run_goes_on_where_the_first_ended(host: wire.Host) -> None:
    asked = questions("a", "b", "c")
    answering.answers("loud", asked[:2], 16)
    found = answering.answers("loud", asked, 16)
    assert [(answer.text, answer.kept) for answer in found] == [("A", True), ("B", True), ("C", False)]
    assert len(host.requests) == 3
    answering.answers("loud", asked, 17)  # other options, other answers
    answering.answers("quiet", asked, 16)
    answering.answers("loud", asked, 16, fresh=True)
    assert len(host.requests) == 12
    for file in get_settings().folder("evaluations").glob("*.jsonl"):
        with file.open("a", encoding="utf-8") as stream:
            stream.write('\n{"question": "cut')  # a run that was killed
    answering.answers("loud", asked, 16)
    assert len(host.requests) == 12


def test_a_failed_call_is_asked_again_next_time(host: wire.Host) -> None:
    answering.answers("loud", questions("a", "fail"), 16)
    host.answers["POST /chat/completions"] = completion("now it works")
    assert [a.text for a in answering.answers("loud", questions("a", "fail"), 16)] == ["A", "now it works"]


def test_any_answer_is_kept_whole(host: wire.Host) -> None:
    """Some characters end a line for Python and not for JSON; half a surrogate pair is no UTF-8."""
    odd = "a\u2028b\u2029c\x85d\ud800"
    host.answers["POST /chat/completions"] = completion(odd)
    answering.answers("loud", questions("a", "b"), 16)
    assert [answer.text for answer in answering.answers("loud", questions("a", "b"), 16)] == [odd, odd]
    assert len(host.requests) == 2
    kept = answering.kept_answers("loud", questions("a", "c"), 16, "gone")
    assert [(answer.text, answer.error) for answer in kept] == [(odd, None), (None, "gone")]


def test_where_nothing_is_answered_the_reason_is_said(host: wire.Host) -> None:
    with pytest.raises(ProviderError, match="no question was answered: .*too long"):
        answering.answers("loud", questions("fail"), 16)
    host.answers["POST /chat/completions"] = (404, {"error": {"message": "no such model"}})
    with pytest.raises(NotFoundError, match="does not know"):
        answering.answers("gone", questions("a"), 16)


def test_calls_are_paced(host: wire.Host) -> None:
    started = time.monotonic()
    answering.answers("loud", questions(*"abcdef"), 16, per_minute=600)
    assert time.monotonic() - started >= 0.5
    for wrong in ({"per_minute": 0}, {"at_once": 0}):
        with pytest.raises(UsageError):
            answering.answers("loud", questions("a"), 16, **wrong)


def test_a_judge_grades_and_prefers(host: wire.Host) -> None:
    asked = questions("one", "two", "three")
    assert judging.grades("judge", asked, ["RIGHT", "WRONG", None]) == [1.0, 0.0, None]
    found = judging.preferences("judge", asked[:2], ["RIGHT x", "WRONG x"], ["WRONG y", "RIGHT y"])
    assert found == [-1, 1]
    grades: list[float | None] = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, None]
    corrected = judging.corrected(grades, [1.0, 0.0, 0.0, 1.0, None, None, 1.0])
    assert corrected.low < corrected.estimate < corrected.high


def test_two_models_on_one_file_are_compared(host: wire.Host, cli: Any, tmp_path: Path) -> None:
    rows = [{"prompt": text, "response": text.upper() if n % 2 else text, "domain": "even" if n % 2 else "odd"}
            for n, text in enumerate(["lamp", "RIGHT", "desk", "chair", "sofa", "bed"])]  # fmt: skip
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
        0, 6, ["exact_match", "bleu", "token_f1"]
    )  # fmt: skip
    assert {each["value"]: each["second"] for each in found["slices"]} == {"even": 1.0, "odd": 0.0}
    code, out, _ = cli("evaluate-compare", "quiet", "loud")
    for said in ("6 examples of both", "McNemar, exact", "paired bootstrap", "domain = even", "Changed examples (5"):
        assert said in out


def test_rows_of_one_conversation_are_a_cluster(host: wire.Host, cli: Any, tmp_path: Path) -> None:
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


def test_people_correct_a_judge(host: wire.Host, cli: Any, tmp_path: Path) -> None:
    rows = [{"prompt": f"q{n}", "prediction": "RIGHT" if n % 4 else "no", "reference": "r",
             **({"human_rating": 5 if n % 2 else 2} if n < 20 else {})} for n in range(60)]  # fmt: skip
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge", "--json")
    found = json.loads(out)["judge_corrected"]
    assert code == 0
    assert found["low"] < found["estimate"] < found["high"]
    assert found["estimate"] == pytest.approx(0.625, abs=0.1)  # the judge alone says 0.75
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge")
    assert (code, "as people would grade" in out) == (0, True)
    (tmp_path / "test.jsonl").write_text(json.dumps({**rows[0], "human_rating": 9}))
    assert (
        "row 1: human_rating must be a number from 1 to 5, not 9" in cli("evaluate-model", "m", "base", "test.jsonl")[2]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--metric", "beauty"), "unknown metric 'beauty'"),
        (("--at-once", "0"), "at_once must be"),
        (("--per-minute", "0"), "per_minute must be more than 0"),
    ],
)
def test_wrong_options_cost_nothing(
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


def test_what_is_evaluated_fits_together() -> None:
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


def test_a_slow_question_keeps_no_answer_waiting(host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(request: wire.Request) -> tuple[int, dict[str, Any]]:
        if request.body["messages"][-1]["content"] == "slow":
            time.sleep(1.5)
            return 404, {"error": {"message": "gone meanwhile"}}
        return reply(request)

    host.answers["POST /chat/completions"] = slowly
    with pytest.raises(NotFoundError):
        answering.answers("loud", questions("slow", *"abcdefgh"), 16, at_once=4)
    host.answers["POST /chat/completions"] = reply
    asked = len(host.requests)
    answering.answers("loud", questions("slow", *"abcdefgh"), 16, at_once=4)
    assert len(host.requests) == asked + 1


def test_a_deployment_meanwhile_does_not_mix_two_models(database: Database, host: wire.Host) -> None:
    registry = ModelRegistry()
    for name in ("quiet", "loud"):
        registry.register_model("prod", "base", "job", 1, provider=host.url, provider_model=name)
    registry.deploy_model("prod", 1)

    def deploying(request: wire.Request) -> tuple[int, dict[str, Any]]:
        if request.body["messages"][-1]["content"] == "c":
            registry.deploy_model("prod", 2)
        return reply(request)

    host.answers["POST /chat/completions"] = deploying
    found = answering.answers("prod", questions(*"abcdefgh"), 16, at_once=1)
    assert [answer.text for answer in found] == list("abcdefgh")
    assert [answer.text for answer in answering.answers("prod", questions("a"), 16)] == ["A"]


def test_a_failed_call_is_an_error_whatever_it_said(cli: Any, tmp_path: Path) -> None:
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


def test_examples_without_questions_are_compared_in_their_order_or_not_at_all(tmp_path: Path) -> None:
    evaluator = ModelEvaluator()
    first = evaluator.evaluate(["a", "x", "a"], ["a", "b", "a"], "first")
    second = evaluator.evaluate(["a", "b", "a"], ["a", "b", "a"], "second")
    assert len(evaluator.compare_evaluations(first.id or 0, second.id or 0)["rows"]) == 1
    other = evaluator.evaluate(["a", "a", "b"], ["a", "a", "b"], "other")
    with pytest.raises(UsageError, match="hold no questions to match their examples by"):
        evaluator.compare_evaluations(first.id or 0, other.id or 0)
    talk = Question([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                     {"role": "user", "content": "go on"}], "r")  # fmt: skip
    assert talk.text == "user: a\nassistant: b\nuser: go on"


def test_a_comparison_needs_no_schema_file(tmp_path: Path) -> None:
    evaluator, schema = ModelEvaluator(), tmp_path / "schema.json"
    schema.write_text('{"type": "object"}')
    made = [
        evaluator.evaluate([said], ["r"], "m", metrics=[f"json_schema:{schema}"], questions=["q"])
        for said in ("{}", "1")
    ]
    schema.unlink()
    assert evaluator.compare_evaluations(*(each.id or 0 for each in made))["changes"][0]["difference"] == -1.0


def test_scores_of_whole_files_are_resampled_soon(tmp_path: Path) -> None:
    words = [" ".join(chr(97 + (n * k) % 26) * 3 for k in range(1, 30)) for n in range(150)]
    said = [text if n % 3 else words[n - 1] for n, text in enumerate(words)]
    started = time.monotonic()
    found = ModelEvaluator().evaluate(said, words, "m", metrics=["ter", "bleu", "chrf"])
    assert found.figures["bleu"].low < found.figures["bleu"].value < found.figures["bleu"].high
    assert time.monotonic() - started < 60  # it took minutes


def test_a_judge_that_fails_is_told_of(host: wire.Host, cli: Any, tmp_path: Path) -> None:
    asked = questions("one", "two")
    usual = host.answers["POST /chat/completions"]

    def some_fail(request: wire.Request) -> Any:
        said = request.body["messages"][-1]["content"]
        return (400, {"error": {"message": "too long"}}) if "WRONG" in said else usual(request)

    host.answers["POST /chat/completions"] = some_fail
    found = judging.judged("judge", asked, ["RIGHT", "WRONG"])
    assert (found[0].grade, found[1].grade) == (1.0, None)
    assert "too long" in str(found[1].error)
    rows = [{"prompt": "q", "prediction": said, "reference": "r"} for said in ("RIGHT a", "WRONG b")]
    (tmp_path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge")
    assert (code, "1 of 2 answers were not judged" in out) == (0, True)
    code, out, _ = cli("evaluate-model", "m", "base", "test.jsonl", "--judge", "judge", "--json")
    assert len(json.loads(out)["judge_errors"]) == 1
    assert cli("evaluate-model", "m", "base", "test.jsonl", "--rubric", "x")[0] == 2


def test_what_cannot_be_judged_is_said() -> None:
    asked = questions("one")
    for wrong in (
        lambda: judging.grades("judge", asked, []),
        lambda: judging.preferences("judge", asked, ["a"], []),
        lambda: judging.preferences("judge", asked, [None], ["a"]),  # type: ignore[list-item]
        lambda: judging.corrected([1.0], []),
        lambda: judging.corrected([math.nan], [1.0]),
        lambda: judging.corrected([4.0], [1.0]),
    ):
        with pytest.raises(UsageError):
            wrong()
