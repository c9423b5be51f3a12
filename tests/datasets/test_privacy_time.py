"""Texts that patterns could match in very many ways, and long ones, are scanned at once; see `attack_privacy.py`."""

from __future__ import annotations

import time

import pytest

from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.secret_finder import secrets

TEXTS = {
    "quotes of a statement": "insert into users (name, password) values (" + "'" * 90,
    "quotes of a cell": "name|password\na|" + "'" * 90 + "b\n",
    "underscores": "数据库密码为Falco" + "_" * 99,
    "calls": "password: x" + "(.a" * 33,
    "digits of ones and zeros": "The code is 00512" + "01" * 60,
}

# Each behind a name, since all patterns are tried where one is; with the square of their length, these take minutes.
LONG = {
    "names": "password token key " * 4_000,
    "words of a letter": "password " + "a." * 50_000,
    "digits": "password " + "1 " * 50_000,
    "a letter": "password " + "A" * 100_000,
    "escapes": "password " + "\\n\\u0041" * 5_000,
}


@pytest.mark.parametrize("name", TEXTS)
def test_text_of_repeats_is_scanned_at_once(name: str) -> None:
    started = time.monotonic()
    for detector in (secrets(), personal_data()):
        find_in(TEXTS[name], detector)
    assert time.monotonic() - started < 20  # unbounded, these take years, or seconds each


@pytest.mark.parametrize("name", LONG)
def test_long_text_is_scanned_at_once(name: str) -> None:
    started = time.monotonic()
    for detector in (secrets(), personal_data()):
        assert find_in(LONG[name], detector) == []
    assert time.monotonic() - started < 20
