"""Questions that one sign makes other questions, alone and at the end of long ones."""

# ruff: noqa: RUF001 - signs of many kinds

from __future__ import annotations

import time
from pathlib import Path

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.datasets import near_duplicates
from fine_tuning.datasets.telling_words import key_of, telling
from fine_tuning.datasets.words import normalised
from tests.datasets.test_building import build, chat, question, write

LONG = (
    "Please read this slowly and take all the time that it needs before an answer is given in one short sentence: "
    "what does {} mean, as we have learned it in class last week?"
)
DIFFERENT = [
    ("7 + 5", "7 - 5"), ("7 * 5", "7 / 5"), ("7 × 5", "7 ÷ 5"), ("2 ** 3", "2 * 3"), ("2^3", "2*3"), ("17", "71"),
    ("F", "F#"), ("F#", "F++"), ("p && q", "p || q"), ("p & q", "p && q"), ("p | q", "p || q"), ("p", "¬p"),
    ("y > 9", "y < 9"), ("y <= 9", "y >= 9"), ("y == 9", "y != 9"), ("y = z", "y ≠ z"), ("y := 9", "y = 9"),
    ("8 °C", "-8 °C"), ("8 °C", "8 °F"), ("8 kg", "8 g"), ("8 mg", "8 µg"), ("90 km/h", "90 m/h"), ("$8", "€8"),
    ("8%", "8‰"), ("CO", "CO2"), ("CO₂", "CO₃"), ("z²", "z³"), ("½", "¼"), ("√2", "2"), ("∞", "-∞"), ("1e3", "1e-3"),
    ("🙂", "🙁"), ("👍🏽", "👍🏿"), ("🇫🇷", "🇩🇪"), ("A ∧ B", "A ∨ B"), ("A → B", "A ← B"), ("12－4", "12＋4"),
    ("!ready", "ready"), ("a::b", "a:b"), ("a?.b", "a.b"), ("u-v", "u+v"), ("(2+3)*4", "2+(3*4)"), ("~5", "5"),
    ("it is allowed", "it is not allowed"), ("one can", "one can't"), ("es geht", "es geht nicht"),
    ("это можно", "это не можно"), ("可以", "不可以"), ("食べる", "食べない"), ("三个", "五个"),
]  # fmt: skip
SAME = [
    ("7+5", "7 + 5"), ("y>9", "y  > 9"), ("p&&q", "p && q"), ("u-v", "u - v"), ("y!=9", "y != 9"), ("F #", "F#"),
    ("(2+3)*4", "( 2 + 3 ) * 4"), ("-8 °C", "-8°C"), ("¬ p", "¬p"), ("where is it", "where\nis it"),
]  # fmt: skip
PLACES = ["{}", "what is {}?", LONG]


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_groups_of_questions_that_differ_in_a_sign_are_two(first: str, second: str) -> None:
    for place in PLACES:
        assert near_duplicates.groups([place.format(first), place.format(second)]) == [0, 1], place


@pytest.mark.parametrize(("first", "second"), SAME)
def test_groups_of_questions_that_differ_in_white_space_are_one(first: str, second: str) -> None:
    for place in PLACES:
        for threshold in (0.8, 1.0):
            assert near_duplicates.groups([place.format(first), place.format(second)], threshold) == [0, 0], place


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("**Where** is it, and <b>how</b> big?", ()),
        ("> Where is Tom & Jerry, or he/she, or well-known?", ()),
        ("Don't go 5 km/h, go 10 miles", ("not", "5", "km", "/", "h", "10", "miles")),
        ("At 2026-03-01 10:22:33 it was 5", ("5",)),  # the time of a log
        ("On 2026-03-01 it was 5", ("2026", "-", "03", "-", "01", "5")),
        (f"Order number 4711 and ticket 12: {LONG}", ()),
        ("Is order 4711 late?", ("4711",)),
        ("Brand™ 😀😀", ("😀",)),
    ],
)
def test_telling_words_are_no_signs_of_mark_up(text: str, found: tuple[str, ...]) -> None:
    assert telling(normalised(text)) == found
    assert (key_of(normalised(text)) == 0) == (not found)


def test_build_and_leaks_tell_long_questions_by_one_sign(tmp_path: Path) -> None:
    rows = [chat(LONG.format(sign), f"It is {at} of the hills.") for at, pair in enumerate(DIFFERENT) for sign in pair]
    rows = list({key_of(normalised(each["messages"][0]["content"])): each for each in rows}.values())
    again = [chat(LONG.format(sign).replace(" ", "  "), "It is over there.") for sign, _ in SAME]
    others = [chat(question(n)) for n in range(20)]
    first = write(tmp_path / "rows.jsonl", [*rows, *others])
    made = build("signs", first, validation=0.2, test=0.2)
    assert made["counts"]["kept"] == len(rows) + 20
    assert made["findings"] == []
    signs = [each for each, _ in SAME]
    second = write(tmp_path / "more.jsonl", [chat(LONG.format(sign), "There.") for sign in ("4711", "6 < 7", "7 < 6")])
    assert DatasetBuilder().find_leaks(str(first), str(second))["leaking"] == 0
    known = write(tmp_path / "known.jsonl", [chat(LONG.format(sign)) for sign in signs])
    repeated = write(tmp_path / "again.jsonl", again)
    assert DatasetBuilder().find_leaks(str(known), str(repeated))["leaking"] == len(SAME)


def test_build_last_turns_that_differ_in_a_sign_are_kept(tmp_path: Path) -> None:
    before = [("user", "Hi, can you help me with a sum for school?"), ("assistant", "Of course, show me the sum.")]
    rows = []
    for sign in "+-*/<>":
        said = [*before, ("user", LONG.format(f"7 {sign} 5")), ("assistant", f"It is a matter of {sign}.")]
        rows.append({"messages": [{"role": role, "content": text} for role, text in said]})
    assert build("turns", write(tmp_path / "rows.jsonl", rows), validation=0, test=0)["counts"]["kept"] == 6


@pytest.mark.parametrize("text", ["[" * 20_000, '["-' * 5_000, "|" * 20_000 + "5", "a-b " * 20_000, "1*(" * 8_000])
def test_telling_words_of_many_signs_take_no_time(text: str) -> None:
    started = time.process_time()
    telling(normalised(text))
    assert time.process_time() - started < 5
