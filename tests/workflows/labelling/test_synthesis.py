"""Inputs that a teacher writes: new, near nothing held out, labelled and judged."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.distillation import DistillationDataCollector
from tests.workflows.labelling.conftest import Teacher

MATTERS = ("refund", "parcel", "invoice", "password", "delivery")
THINGS = ("kettle", "lamp", "chair", "phone", "coat", "desk", "bicycle", "camera", "printer", "tent")


def said(matter: str, thing: str) -> str:
    return f"My {thing} needs a {matter}, it was the {matter} of last week that went wrong with this {thing}"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder of a training part and a test part."""
    folder = tmp_path / "data"
    folder.mkdir()
    rows = [
        {"prompt": said(matter, thing), "response": matter, "rating": 5}
        for thing in ("kettle", "pan")
        for matter in MATTERS
    ]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    held = {"prompt": said("refund", "lamp"), "response": "refund", "rating": 5}
    (folder / "test.jsonl").write_text(json.dumps(held))
    return folder


def writes(teacher: Teacher) -> None:
    """A teacher that writes inputs: one that is held out, one that is a seed, and new ones."""
    made = [said(matter, thing) for thing in THINGS[1:] for matter in MATTERS]

    def answer(question: str, _: int) -> Any:
        if question.startswith("Grade"):
            return "Grade: 2" if "tent" in question else "Grade: 5"
        if "Write 5 new messages" not in question:
            return next(each for each in MATTERS if each in question)
        number = int(re.findall(r"call (\d+)", question)[0]) - 1
        if number == 1:
            return "Sure! Here they are."
        texts = [made.pop(0) for _ in range(4)]
        return f"```json\n{json.dumps({'messages': [*texts, said('parcel', 'kettle')]})}\n```"

    teacher.answer = answer


def test_inputs_are_new_and_labelled(cli: Any, teacher: Teacher, dataset: Path) -> None:
    writes(teacher)
    command = ("synthesise", str(dataset), "--teacher", "big", "--count", "12", "--concurrency", "1", "--json")
    code, out, err = cli(*command)
    assert code == 0, err
    found = json.loads(out)
    assert (found["seeds"], found["accepted"], found["leaking"], found["unreadable"]) == (10, 12, 1, 1)
    assert found["near"] == found["calls"] - 1  # each reply but the unreadable one repeats a seed
    assert found["diversity"]["labels"] == [5, 5]
    assert found["diversity"]["inputs"]["nearest"] > 0
    asked = teacher.host.requests[0].body
    assert "<example>" in asked["messages"][0]["content"]
    assert not any("lamp needs a refund" in json.dumps(each.body) for each in teacher.host.requests), "held out"

    stored = DistillationDataCollector().find_examples()
    assert len(stored) == 12
    assert {each["metadata"]["synthesised"]["by"] for each in stored} == {"big"}
    assert all(each["response"] in each["prompt"] for each in stored)
    assert all(each["metadata"]["cost"] > 0 for each in stored)
    before = len(teacher.host.requests)
    again = json.loads(cli(*command)[1])
    assert (again["accepted"], again["spent"]) == (12, found["spent"])
    assert len(teacher.host.requests) == before, "nothing is paid twice"


def test_judge_leaves_out_what_it_grades_low(cli: Any, teacher: Teacher, dataset: Path) -> None:
    writes(teacher)
    command = ("synthesise", str(dataset), "--teacher", "big", "--count", "44", "--judge", "judge")
    code, out, err = cli(*command, "--json", "--concurrency", "1")
    found = json.loads(out)
    assert code == 1, err
    assert found["graded"] > found["accepted"] > 0
    stored = DistillationDataCollector().find_examples()
    assert not any("tent" in each["prompt"] for each in stored)
    assert {each["metadata"]["grade"] for each in stored} == {1.0}


def test_budget_and_missing_seeds_are_said(cli: Any, teacher: Teacher, dataset: Path, tmp_path: Path) -> None:
    writes(teacher)
    code, _, err = cli("synthesise", str(dataset), "--teacher", "big", "--budget", "0.3", "--count", "50")
    assert code == 1
    assert "of 50 new examples: the budget is spent" in err
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    (tmp_path / "turns.jsonl").write_text(json.dumps({"messages": turns}))
    code, _, err = cli("synthesise", str(tmp_path / "turns.jsonl"), "--teacher", "big")
    assert (code, "has no input that is one text of a user" in err) == (1, True)


def test_host_that_loses_every_call_is_asked_no_more(cli: Any, teacher: Teacher, dataset: Path) -> None:
    teacher.answer = lambda *_: (504, {"error": {"message": "upstream timed out"}})
    code, out, err = cli("synthesise", str(dataset), "--teacher", "big", "--count", "10", "--json")
    assert (code, json.loads(out)["calls"]) == (1, 0)
    assert "timed out" in err
    assert len(teacher.host.requests) == 2, "each of them may have been paid"
