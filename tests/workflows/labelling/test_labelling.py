"""Labels from a teacher: what is asked, kept, left out, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import CostTracker
from fine_tuning.distillation import DistillationDataCollector
from tests import wire
from tests.workflows.labelling.conftest import USD_PER_CALL, Teacher


def test_labels_are_examples_that_say_who_labelled_them(
    cli: Any, teacher: Teacher, prompts: Path, tmp_path: Path
) -> None:
    out_file = tmp_path / "labels.jsonl"
    code, out, err = cli(
        "label", str(prompts), "--teacher", "big", "--system", "Shout.", "--output", str(out_file), "--json"
    )
    assert code == 0, err
    assert "40 prompts: 40 calls of big, about $" in err
    found = json.loads(out)
    assert (found["labelled"], found["stored"], found["kept"]) == (40, 40, 0)
    assert found["spent"] == pytest.approx(40 * USD_PER_CALL)
    sent = teacher.host.asked("POST /chat/completions")[0].body
    assert sent["messages"][0] == {"role": "system", "content": "Shout."}
    assert (sent["temperature"], sent["max_tokens"]) == (0.0, 1024)

    examples = DistillationDataCollector().find_examples(domain="shop")
    assert len(examples) == 40
    assert all(each["response"] == each["prompt"].upper() for each in examples)
    assert all(each["curated"] and each["model_used"] == "big" and each["messages"] is None for each in examples)
    metadata = examples[0]["metadata"]
    assert metadata["labelled_by"] == "big"
    assert metadata["teacher_prompt"] == "Shout."
    assert metadata["cost"] == pytest.approx(USD_PER_CALL)
    costs = CostTracker().get_cost_summary()
    assert costs["total_labelling_cost"] == pytest.approx(40 * USD_PER_CALL)
    assert costs["labelling_by_model"]["big"]["count"] == 40
    assert len(out_file.read_text().splitlines()) == 40
    assert cli("dataset", "check", str(out_file))[0] == 0

    code, out, err = cli("label", str(prompts), "--teacher", "big", "--system", "Shout.", "--json")
    again = json.loads(out)
    assert (code, again["labelled"], again["stored"], again["kept"]) == (0, 40, 0, 40), err
    assert again["spent"] == found["spent"]
    assert len(teacher.host.requests) == 40
    assert all(each["sightings"] == 1 for each in DistillationDataCollector().find_examples(domain="shop"))


def test_refusals_cut_off_answers_and_format_failures_are_no_labels(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    def answer(question: str, _: int) -> Any:
        if "refuse" in question:
            return "I'm sorry, but I can't help with that."
        reply = wire.completion(" billing \n" if "right" in question else "billing, I think", "big")
        if "long" in question:
            reply["choices"][0]["finish_reason"] = "length"
        if "filter" in question:
            reply["choices"][0] |= {"finish_reason": "content_filter", "message": {"role": "assistant", "content": ""}}
        return 200, reply

    teacher.answer = answer
    file = tmp_path / "p.txt"
    file.write_text("right one\nright two\n\nrefuse this\nlong one\nfilter it\nwrong one\nright one\n")
    choices = ("--choice", "billing", "--choice", "other")
    code, out, err = cli("label", str(file), "--teacher", "big", *choices, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["defects"] == {"refusals": 2, "cut off": 1, "format failures": 1}
    assert (found["prompts"], found["labelled"], found["repeated"]) == (6, 2, 1)
    assert {each["response"] for each in DistillationDataCollector().find_examples()} == {"billing"}
    code, out, _ = cli("label", str(file), "--teacher", "big", *choices)
    assert "answers left out: refusals" in out
    assert len(teacher.host.requests) == 6


def test_json_schema_is_sent_and_checked(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}},
        "required": ["n"],
        "additionalProperties": False,
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    (tmp_path / "p.txt").write_text("good\nbad\nworse\n")
    teacher.answer = lambda question, _: {"good": '{"n": 3}', "bad": '{"n": "3"}', "worse": "n is 3"}[question]
    code, out, err = cli(
        "label", str(tmp_path / "p.txt"), "--teacher", "big", "--schema-file", str(tmp_path / "schema.json"), "--json"
    )
    assert (code, json.loads(out)["defects"]) == (0, {"format failures": 2}), err
    asked = teacher.host.requests[0].body["response_format"]
    assert asked["json_schema"]["schema"] == schema
    (tmp_path / "schema.json").write_text('{"type": "objekt"}')
    code, _, err = cli(
        "label", str(tmp_path / "p.txt"), "--teacher", "big", "--schema-file", str(tmp_path / "schema.json")
    )
    assert (code, "is no valid JSON schema" in err) == (1, True)


@pytest.mark.parametrize("concurrency", ["1", "8"])
def test_budget_is_never_exceeded(cli: Any, teacher: Teacher, prompts: Path, concurrency: str) -> None:
    common = ("label", str(prompts), "--teacher", "big", "--max-tokens", "10", "--concurrency", concurrency)
    code, out, err = cli(*common, "--budget", str(20 * USD_PER_CALL), "--json")
    found = json.loads(out)
    assert code == 1
    assert found["spent"] <= 20 * USD_PER_CALL
    assert 0 < len(teacher.host.requests) < 20  # each reserves what its longest answer costs
    assert found["labelled"] == len(teacher.host.requests)
    assert found["not_asked"] == 40 - found["labelled"]
    first = len(teacher.host.requests)
    code, out, err = cli(*common, "--budget", str(20 * USD_PER_CALL))
    assert len(teacher.host.requests) == first, "what was paid before counts"
    assert f"{40 - first} not asked: the budget of $" in " ".join(out.split())
    code, out, err = cli(*common, "--budget", "1", "--json")
    assert (code, json.loads(out)["labelled"]) == (0, 40), err
    assert max(teacher.asked.values()) == 1


def test_budget_needs_a_price(cli: Any, teacher: Teacher, prompts: Path) -> None:
    code, _, err = cli("label", str(prompts), "--teacher", "free", "--budget", "1")
    assert (code, "a budget needs the price of free" in err) == (1, True)
    assert not teacher.host.requests
    code, out, err = cli("label", str(prompts), "--teacher", "free", "--json")
    assert (code, json.loads(out)["spent"]) == (0, None), err


def test_estimate_asks_nothing(cli: Any, teacher: Teacher, prompts: Path) -> None:
    code, out, _ = cli("label", str(prompts), "--teacher", "big", "--samples", "3", "--estimate")
    assert code == 0
    assert "40 prompts: 120 calls of big, about $12.3, at most $" in out.replace("  ", " ") or "120 calls" in out
    assert not teacher.host.requests


def test_busy_host_is_asked_again_and_a_refused_prompt_is_not(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    def answer(question: str, number: int) -> Any:
        if "busy" in question and number < 3:
            return 429, {"error": {"message": "slow down"}}
        if "down" in question and number < 2:
            return 503, {"error": {"message": "overloaded"}}
        if "odd" in question:
            return 400, {"error": {"message": "no such thing"}}
        return "fine"

    teacher.answer = answer
    (tmp_path / "p.txt").write_text("busy\ndown\nodd\neasy\n")
    code, out, err = cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--json")
    found = json.loads(out)
    assert (code, found["labelled"], found["unknown"]) == (1, 3, 0), err
    assert [(count, "no such thing" in why) for why, count in found["failed"].items()] == [(1, True)]
    assert teacher.asked == {"busy": 3, "down": 2, "odd": 1, "easy": 1}
    cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--json")
    assert teacher.asked == {"busy": 3, "down": 2, "odd": 2, "easy": 1}, "what was not paid may be asked again"


def test_no_credit_ends_it_in_one_line(cli: Any, teacher: Teacher, prompts: Path) -> None:
    error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
    teacher.answer = lambda *_: (429, {"error": error})
    code, _, err = cli("label", str(prompts), "--teacher", "big", "--concurrency", "2")
    assert (code, "exceeded your current quota" in err, "Traceback" in err) == (1, True, False)
    assert len(teacher.host.requests) <= 4
    teacher.answer = lambda *_: "fine"
    code, out, err = cli("label", str(prompts), "--teacher", "big", "--json")
    assert (code, json.loads(out)["labelled"]) == (0, 40), err


def test_answer_that_breaks_off_is_not_paid_twice(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("whole\nbroken\n")
    is_broken = [True]

    def answer(question: str, _: int) -> Any:
        if question == "broken" and is_broken[0]:
            return 504, {"error": {"message": "upstream timed out"}}
        return "fine"

    teacher.answer = answer
    common = ("label", str(tmp_path / "p.txt"), "--teacher", "big", "--json")
    for _ in range(2):
        code, out, err = cli(*common)
        found = json.loads(out)
        assert (code, found["labelled"], found["unknown"]) == (1, 1, 1), err
        assert teacher.asked == {"whole": 1, "broken": 1}
    assert found["spent"] > 2 * USD_PER_CALL, "what it may have cost counts"
    is_broken[0] = False
    code, out, err = cli(*common, "--repeat-unknown")
    assert (code, json.loads(out)["labelled"]) == (0, 2), err
    first = json.loads(out)["spent"]
    assert first == pytest.approx(found["spent"] + USD_PER_CALL), "the lost call may have been paid, too"
    assert json.loads(cli(*common)[1])["spent"] == pytest.approx(first)


def test_best_of_several_is_the_most_frequent(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\ntwo\n")
    teacher.answer = lambda question, number: (
        '{"a": 1, "b": 2}' if number == 2 else '{"b":2,"a":1}' if number == 4 else f"{number}"
    )
    code, out, err = cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--samples", "5", "--json")
    assert code == 0, err
    assert json.loads(out)["spent"] == pytest.approx(10 * USD_PER_CALL)
    assert teacher.host.requests[0].body["temperature"] == 0.7
    for each in DistillationDataCollector().find_examples():
        assert json.loads(each["response"]) == {"a": 1, "b": 2}
        assert each["metadata"]["agreement"] == pytest.approx(0.4)
        assert each["metadata"]["cost"] == pytest.approx(5 * USD_PER_CALL)


def test_judge_grades_several_and_its_price_counts(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\ntwo\n")

    def answer(question: str, number: int) -> Any:
        if question.startswith("Grade"):
            return "Good. Grade: 5" if "answer 2" in question else "Meh. Grade: 2"
        return f"answer {number}"

    teacher.answer = answer
    common = ("label", str(tmp_path / "p.txt"), "--teacher", "big", "--samples", "3", "--judge", "judge", "--json")
    code, out, err = cli(*common)
    assert code == 0, err
    each = DistillationDataCollector().find_examples()[0]
    assert (each["response"], each["metadata"]["grade"], each["metadata"]["judge"]) == ("answer 2", 1.0, "judge")
    judged = (5 * 1 + 3 * 10) / 1e6
    assert each["metadata"]["cost"] == pytest.approx(3 * USD_PER_CALL + 3 * judged)
    assert json.loads(out)["spent"] == pytest.approx(6 * USD_PER_CALL + 6 * judged)
    assert CostTracker().get_cost_summary()["judge_by_model"]["judge"]["count"] == 6
    before = len(teacher.host.requests)
    code, out, err = cli(*common, "--budget", "1")
    assert (code, len(teacher.host.requests)) == (0, before)
    assert json.loads(out)["spent"] == pytest.approx(6 * USD_PER_CALL + 6 * judged)


def test_logprobs_are_kept(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("one\n")
    reply = wire.completion("yes", "big")
    token = {"token": "yes", "logprob": -0.25, "bytes": None, "top_logprobs": []}
    reply["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    teacher.answer = lambda *_: (200, reply)
    code, _, err = cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--logprobs", "--json")
    assert code == 0, err
    assert teacher.host.requests[0].body["logprobs"] is True
    assert DistillationDataCollector().find_examples()[0]["metadata"]["logprobs"] == [["yes", -0.25]]


def test_refused_key_is_one_line_and_nothing_is_paid(cli: Any, teacher: Teacher, prompts: Path) -> None:
    teacher.answer = lambda *_: (401, {"error": {"message": "bad key"}})
    code, _, err = cli("label", str(prompts), "--teacher", "big")
    assert (code, "refused the API key" in err, "Traceback" in err) == (1, True, False)
    teacher.answer = lambda *_: "fine"
    assert json.loads(cli("label", str(prompts), "--teacher", "big", "--json")[1])["labelled"] == 40


def test_tools_are_sent_and_calls_are_labels(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    rows = [{"messages": [{"role": "user", "content": text}], "tools": [tool]} for text in ("good", "bad")]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def answer(question: str, _: int) -> Any:
        reply = wire.completion("", "big")
        name = "look_up" if question == "good" else "unheard_of"
        call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}
        reply["choices"][0] |= {
            "finish_reason": "tool_calls",
            "message": {"role": "assistant", "content": None, "tool_calls": [call]},
        }
        return 200, reply

    teacher.answer = answer
    code, out, err = cli("label", str(tmp_path / "p.jsonl"), "--teacher", "big", "--json")
    assert (code, json.loads(out)["defects"]) == (0, {"format failures": 1}), err
    (example,) = DistillationDataCollector().find_examples()
    assert example["tools"] == [tool]
    assert example["messages"][-1]["tool_calls"][0]["function"]["name"] == "look_up"


def test_wrong_plans_are_one_line(cli: Any, teacher: Teacher, prompts: Path) -> None:
    for options, said in (
        (("--judge", "judge"), "a judge chooses among several answers"),
        (("--choice", "a", "--schema-file", "x.json"), "name one of them"),
        (("--schema-file", "none.json"), "none.json"),
        (("--budget", "0"), "budget"),
    ):
        code, _, err = cli("label", str(prompts), "--teacher", "big", *options)
        assert code in (1, 2)
        assert said in err
        assert "Traceback" not in err
    code, _, err = cli("label", "nowhere.jsonl", "--teacher", "big")
    assert (code, "nowhere.jsonl" in err) == (1, True)
    assert not teacher.host.requests


def test_two_runs_at_once_pay_for_each_prompt_once(cli: Any, teacher: Teacher, prompts: Path) -> None:
    command = [sys.executable, "-m", "fine_tuning.cli", "label", str(prompts), "--teacher", "big", "--json"]
    teacher.answer = lambda question, _: time.sleep(0.05) or question  # type: ignore[func-returns-value]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as other:
        while not teacher.host.requests and other.poll() is None:
            time.sleep(0.01)
        code, out, err = cli(*command[3:])
        assert "Traceback" not in err + other.communicate()[1]
    assert max(teacher.asked.values()) == 1
    assert sum(teacher.asked.values()) == 40
    assert (code, json.loads(out)["labelled"] < 40) in ((0, False), (1, True))
    assert json.loads(cli(*command[3:])[1])["labelled"] == 40


def test_teacher_that_chooses_its_temperature_is_asked_without(
    cli: Any, teacher: Teacher, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "p.txt").write_text("one\ntwo\nthree\n")
    message = "Unsupported value: 'temperature' does not support 0 with this model."
    error = {"message": message, "param": "temperature", "code": "unsupported_value"}

    def reply(request: wire.Request) -> Any:
        if "temperature" in request.body:
            return 400, {"error": error}
        return 200, wire.completion("fine", "big")

    teacher.host.answers["POST /chat/completions"] = reply
    code, out, err = cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--concurrency", "1", "--json")
    assert (code, json.loads(out)["labelled"]) == (0, 3), err
    assert "big chooses its temperature itself" in caplog.text
    assert len(teacher.host.requests) == 4, "it is told once"


def test_refusal_beside_the_content_is_a_refusal(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    reply = wire.completion("", "big")
    reply["choices"][0]["message"] |= {"content": None, "refusal": "That is against the rules."}
    teacher.answer = lambda *_: (200, reply)
    (tmp_path / "p.txt").write_text("one\n")
    for _ in range(2):  # the second from the record
        found = json.loads(cli("label", str(tmp_path / "p.txt"), "--teacher", "big", "--json")[1])
        assert (found["defects"], found["labelled"]) == ({"refusals": 1}, 0)


def test_reasoning_before_answers_is_no_label_and_no_disagreement(cli: Any, teacher: Teacher, tmp_path: Path) -> None:
    said = ["<think>it is a bill</think>\n\nbilling", "shipping", "so, money</think>billing", "<think>only"]
    teacher.answer = lambda _, number: said[number - 1]
    (tmp_path / "p.txt").write_text("one\n")
    asked = ("label", str(tmp_path / "p.txt"), "--teacher", "big", "--concurrency", "1", "--samples", "4")
    code, out, err = cli(*asked, "--choice", "billing", "--choice", "shipping", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["labelled"], found["defects"]) == (1, {"format failures": 1})
    (label,) = DistillationDataCollector().find_examples()
    assert label["response"] == "billing"
    assert label["metadata"]["agreement"] == pytest.approx(2 / 3)
