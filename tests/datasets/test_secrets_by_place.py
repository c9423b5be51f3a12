"""Secrets that a column, a cookie, a pipe or a PIN's name gives away."""

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

SESSION = "9f86d081884c7d659a2feaa0c55ad015"  # made up
FOUND = [
    ("user,password\nann,S3cret!x\nbob,hunter2x\n", ["S3cret!x", "hunter2x"]),
    ('"id","password"\r\n"1","x9!fQ2w,7"\r\n', ["x9!fQ2w,7"]),
    ("name;api_key;role\nx;8a7b6c5d4e3f2a1z;admin", ["8a7b6c5d4e3f2a1z"]),
    ("host\tDB_PASSWORD\ndb1\tpa55w0rd!", ["pa55w0rd!"]),
    ("| user | password |\n|---|---|\n| ann | Tr0ub4dor |\n\nThat is all.", ["Tr0ub4dor"]),
    (f"Cookie: session={SESSION}; theme=dark", [SESSION]),
    (f"Set-Cookie: sid={SESSION}; Path=/; HttpOnly; Max-Age=3600", [SESSION]),
    (f"curl -b 'session={SESSION}' https://shop.example/orders", [SESSION]),
    ("echo 'S3cr3tPw' | docker login -u me --password-stdin", ["S3cr3tPw"]),
    ("My PIN is 4821.", ["4821"]),
    ('{"card": "ann", "pin": 4821}', ["4821"]),
]
PLAIN = [
    "token, key, and more\nfoo, bar, and baz",
    "token,count\nhello,5\nworld,6",
    "key,value\nname,Ann\ncity,Oslo",
    "key,translation\nwelcome_message,Hallo Welt",
    "user,password\nann,<your password>",
    "Name | Token\n--- | ---\nA | tokenizer",
    "Set-Cookie: theme=dark; Path=/; Max-Age=31536000",
    "Cookie: session=your-session-id-goes-here",
    "GPIO pin 4 is low. The PIN code 110001 is in Delhi.",
    '{"pin": "A13", "pins": 4821}',
]


@pytest.mark.parametrize(("text", "values"), FOUND)
def test_secret_by_its_place_is_found_alone(text: str, values: list[str]) -> None:
    assert [each.value for each in find_in(text, secrets())] == values


@pytest.mark.parametrize("text", PLAIN)
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    assert find_in(text, secrets()) == []
