"""What was found in a row is masked wherever the row repeats it, as a whole word or number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fine_tuning.datasets.privacy.row_privacy import masked_text
from fine_tuning.datasets.privacy.secret_finder import secrets
from tests.datasets.test_building import build, chat, rows_of, write


@pytest.mark.parametrize(
    ("given", "repeat", "expected"),
    [
        ("PIN: 7305 for the safe", "The safe opens with 7305 now.", "The safe opens with <PASSWORD> now."),
        ("PIN: 7305 for the safe", "li,12,7305,x", "li,12,<PASSWORD>,x"),
        ("PIN: 4821 for the door", "Dial 4821, not 148210.", "Dial <PASSWORD>, not 148210."),
        ('{"password": "letmein"}', "say letmein", "say <PASSWORD>"),
        ("PIN: 7305 for the safe", "保险箱用7305打开", "保险箱用<PASSWORD>打开"),
        ("PIN: 7305 for the safe", "173052 and a7305 and 0.7305 and 7305.2", None),
        ('{"user": "li", "password": "marzipan"}', "Log in with marzipan, please.", "Log in with <PASSWORD>, please."),
        ('{"user": "li", "password": "marzipan"}', "marzipans and Marzipan", None),
        ('{"user": "li", "password": "калина"}', "Войдите: калина.", "Войдите: <PASSWORD>."),
        ('{"user": "li", "password": "калина"}', "калинами", None),
        ('{"user": "li", "password": "水到渠成"}', "请用水到渠成登录", "请用<PASSWORD>登录"),
    ],
)
def test_masked_text_found_value_is_masked_where_repeated(given: str, repeat: str, expected: str | None) -> None:
    row = json.dumps({"question": given, "answer": repeat})
    assert json.loads(masked_text(row, secrets()))["answer"] == (expected or repeat)


def test_masked_text_password_named_as_a_part_of_the_row_keeps_the_row() -> None:
    row = {"messages": [{"role": "assistant", "content": '{"user": "li", "password": "assistant"}'}]}
    found = json.loads(masked_text(json.dumps(row), secrets()))
    assert found["messages"][0] == {"role": "assistant", "content": '{"user": "li", "password": "<PASSWORD>"}'}


def test_masked_text_number_that_measures_stays_a_number() -> None:
    row = {"pin": 7305, "code": 7305, "usage": {"prompt_tokens": 7305}}
    found = json.loads(masked_text(json.dumps(row), secrets()))
    assert found == {"pin": "<PASSWORD>", "code": "<PASSWORD>", "usage": {"prompt_tokens": 7305}}


def test_build_masks_repeats_in_every_file(tmp_path: Path) -> None:
    row = chat("PIN: 7305 for the safe", "The safe opens with 7305 now.")
    made = build("masked", write(tmp_path / "rows.jsonl", [row]), secrets="mask", validation=0, test=0)
    assert [each["content"] for each in rows_of(made)[0]["messages"]][-2:] == [
        "PIN: <PASSWORD> for the safe",
        "The safe opens with <PASSWORD> now.",
    ]
