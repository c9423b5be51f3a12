"""Classifier heads learn labels, objects and copied spans; are saved whole; and refuse what they cannot do."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.candidates.candidate import LabelledCall, Request
from fine_tuning.candidates.head_fitting import fit_head
from fine_tuning.errors import DataError, UsageError
from fine_tuning.serving.heads.classifier_head import SETTINGS, TENSORS, load_head

pytest.importorskip("sklearn", reason="the extra `candidates` is not installed")
SAID = {"refund": ["money back for {}", "refund {} please"], "track": ["where is {}", "has {} been sent"]}
MONTHS = ["January", "March", "August"]


def call(question: str, answer: str, system: str = "Triage.") -> LabelledCall:
    return LabelledCall(Request([{"role": "system", "content": system}, {"role": "user", "content": question}]), answer)


def tickets(count: int, seed: int = 0) -> list[LabelledCall]:
    """Objects with a label, a copied number or null, and a date that is written anew."""
    rng, found = random.Random(seed), []
    for _ in range(count):
        intent = rng.choice(sorted(SAID))
        order = str(rng.randrange(10_000, 99_999)) if rng.random() < 0.8 else None
        day, month = rng.randrange(1, 28), rng.choice(MONTHS)
        question = rng.choice(SAID[intent]).format(f"order {order}" if order else "my parcel")
        date = f"{day} {month}" if rng.random() < 0.7 else None
        if date:
            question += rng.choice([f", bought on {month} {day}", f" of the {day}th of {month[:3].lower()}"])
        found.append(call(question, json.dumps({"intent": intent, "order": order, "date": date})))
    return found


def test_head_answers_objects_with_labels_spans_and_dates() -> None:
    head = fit_head(tickets(300), tickets(60, 1), None).final
    test = tickets(100, 2)
    answers = head.answers([head.text_of(each.request.messages) for each in test])
    right = [found.text == each.answer for found, each in zip(answers, test, strict=True)]
    assert sum(right) / len(right) > 0.95
    assert sum(found.confidence for found in answers) / len(answers) == pytest.approx(sum(right) / len(right), abs=0.1)


def test_saved_head_answers_the_same(tmp_path: Path) -> None:
    head = fit_head(tickets(120), tickets(40, 1), "wordllama").final
    head.save(tmp_path / "head")
    texts = [head.text_of(each.request.messages) for each in tickets(50, 2)]
    assert [each.text for each in load_head(tmp_path / "head").answers(texts)] == [
        each.text for each in head.answers(texts)
    ]
    assert {each.name for each in (tmp_path / "head").iterdir()} == {SETTINGS, TENSORS}


def test_validated_head_has_not_seen_the_validation_calls() -> None:
    unheard = [call(f"zebra {at} quokka", "animals") for at in range(30)]
    fitted = fit_head(tickets(60), [*tickets(20, 1)], None)
    assert "quokka" not in fitted.final.features.parts["words"].vocabulary_
    labelled = [call(each.request.messages[-1]["content"], json.loads(each.answer)["intent"]) for each in tickets(60)]
    both = fit_head(labelled, unheard, None)
    assert "quokka" not in both.validated.features.parts["words"].vocabulary_
    assert both.final.answers(["zebra quokka"])[0].text == "animals"


@pytest.mark.parametrize(
    "script", ["Wo ist {}?", "где {}", "{} はどこですか", "איפה {}", "कहाँ है {}", "订单{}在哪", "หมายเลข{}ครับ"]
)
def test_number_is_copied_next_to_any_script(script: str) -> None:
    rng = random.Random(3)
    numbers = [str(rng.randrange(1000, 99_999)) for _ in range(80)]
    calls = [call(script.format(number), json.dumps({"order": int(number)})) for number in numbers]
    head = fit_head(calls[:60], calls[60:], None).final
    assert head.answers([script.format("31415")])[0].text == '{"order": 31415}'


def test_free_text_is_refused_by_its_field() -> None:
    rows = [call(f"question {at}", json.dumps({"note": f"words number {at * 7} of my own"})) for at in range(60)]
    with pytest.raises(DataError, match="note is free text: 50 of 50 values differ"):
        fit_head(rows[:50], rows[50:], None)


def test_what_is_no_text_is_refused() -> None:
    parts: Any = [{"type": "image_url", "image_url": {"url": "https://host.example/a.png"}}]
    seen = LabelledCall(Request([{"role": "user", "content": parts}]), "cat")
    with pytest.raises(UsageError, match="reads text only"):
        fit_head([seen] * 30, [seen], None)
    with pytest.raises(DataError, match="needs 20 calls"):
        fit_head(tickets(5), tickets(5), None)


def test_system_prompts_that_differ_are_read() -> None:
    rows = [
        call("Is it big?", answer, f"About {animal}.") for animal, answer in (("mice", "no"), ("whales", "yes"))
    ] * 30
    head = fit_head(rows, rows[:10], None).final
    assert head.reads_system
    assert head.answers([head.text_of(rows[1].request.messages)])[0].text == "yes"


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / TENSORS).write_bytes(b"\x08\0\0\0\0\0\0\0{}"),
        lambda folder: (folder / SETTINGS).write_text("[]"),
        lambda folder: (folder / SETTINGS).write_text('{"format": 9}'),
        lambda folder: (folder / TENSORS).unlink(),
        lambda folder: (folder / SETTINGS).write_text(
            (folder / SETTINGS).read_text().replace('"embedding": null', '"embedding": "/etc"')
        ),
    ],
)
def test_damaged_head_is_one_line(tmp_path: Path, harm: Any) -> None:
    fit_head(tickets(40), tickets(20, 1), None).final.save(tmp_path / "head")
    harm(tmp_path / "head")
    with pytest.raises(DataError) as caught:
        load_head(tmp_path / "head")
    assert "\n" not in str(caught.value)
