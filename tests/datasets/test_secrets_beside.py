"""Secrets that only what stands beside them gives away: a user, a network, a heading, another field."""

from __future__ import annotations

import json

import pytest

from fine_tuning.datasets.file_check import examine
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.row_privacy import RowPrivacy
from fine_tuning.datasets.privacy.secret_finder import secrets
from fine_tuning.datasets.recipe import Recipe


def _values(text: str) -> list[str]:
    return [each.value for each in sorted(find_in(text, secrets()))]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Logins:\nann / banana42\nbob: tiger77x", ["banana42", "tiger77x"]),
        ("Our credentials:\n1. ann - banana42\n\nThanks", ["banana42"]),
        ("Recent logins:\nann: Chrome131", []),
        ("Logins:\nMonday: 120000\nSunday: 90000", []),
        ("Logins:\nann: 2026-01-04T10:00", []),
        ("ann@example.org:Banana42!", ["Banana42!"]),
        ("scp ann@example.org:backup42", []),
        ("sign in with ann / Banana42!", ["Banana42!"]),
        ("the tests of ann / Banana42", []),
        ("user=ann pass banana42", ["banana42"]),
        ("a user should pass exam2026", []),
        ("SSID: Attic\nKey: banana42", ["banana42"]),
        ("wifi Attic\nKey: banana42", []),
        ("Chord: Am\nKey: banana42", []),
        ("en mi contra: 4812345 votos", []),
        ("heslo dne: Praha2026", []),
    ],
)
def test_find_line_of_login_or_network_is_told_by_its_neighbours(text: str, values: list[str]) -> None:
    assert _values(text) == values


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ([["user", "password"], ["ann", "banana42"], ["bob", "tiger77x"]], ["banana42", "tiger77x"]),
        ({"columns": ["user", "password"], "data": [["ann", "banana42"]]}, ["banana42"]),
        ({"columns": ["token", "tag"], "data": [["cats", "NOUN2"]]}, []),
        ({"passwords": 2, "data": [["ann", "banana42"]]}, []),
        ({"ssid": "Attic", "key": "banana42"}, ["banana42"]),
        ({"name": "C minor", "key": "banana42"}, []),
        ({"expiry": "04/28", "csc": 737}, ["737"]),
        ({"csc": 737, "expiry": "04/28"}, ["737"]),
        ({"team": "A", "csc": 737}, []),
        ({"value": "banana42", "name": "DB_PASSWORD"}, ["banana42"]),
        ({"value": "banana42", "name": "DB_HOST"}, []),
        ({"pass": "banana", "user": "ann"}, ["banana"]),
        ({"pass": "failed", "test": "login"}, []),
        ({"Cookie": "sid=abcdef0123456789; theme=dark"}, ["abcdef0123456789"]),
        ({"otp": 482913, "order": 482914}, ["482913"]),
    ],
)
def test_find_field_of_json_is_told_by_its_neighbours(row: object, values: list[str]) -> None:
    assert _values(json.dumps(row)) == values


def test_apply_table_in_arguments_of_tool_is_masked_and_stays_json() -> None:
    table = json.dumps({"columns": ["user", "password"], "data": [["ann", "banana42"]]})
    call = {"id": "c1", "type": "function", "function": {"name": "insert", "arguments": table}}
    messages = [{"role": "user", "content": "Add ann"}, {"role": "assistant", "tool_calls": [call]}]
    kept = RowPrivacy(Recipe(secrets="mask")).apply(examine(json.dumps({"messages": messages}).encode()))

    arguments = kept.source["messages"][1]["tool_calls"][0]["function"]["arguments"]  # type: ignore[index]
    assert json.loads(arguments)["data"] == [["ann", "<PASSWORD>"]]


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ({"account_number": "12345678", "sort_code": "20-00-00"}, ["12345678"]),
        ({"routing_number": "021000021", "account": 123456789012}, ["123456789012"]),
        ({"account_number": "12345678", "status": "open"}, []),
        ({"note": "sort code 20-00-00, account 12345678"}, ["12345678"]),
        ({"note": "the account 12345678 is open"}, []),
    ],
)
def test_find_account_without_check_digits_needs_its_bank(row: object, values: list[str]) -> None:
    assert [each.value for each in find_in(json.dumps(row), personal_data())] == values


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("kind: Secret\ndata:\n  license: R2g3a0xtMnE=\n", "secret"),
        ("data:\n  license: R2g3a0xtMnE=\nkind: ConfigMap\n", None),
        ("tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSUV2UUlCQURB", "private key"),
        ("tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSURkekNDQWwr", None),
        ("ann:$apr1$abcd1234$G3o8HyaylO34MxgQISx2ns", "password hash"),
    ],
)
def test_find_secret_of_cluster_or_hash_is_found_by_its_form(text: str, kind: str | None) -> None:
    assert {each.kind for each in find_in(text, secrets())} == ({kind} if kind else set())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Medicare 2123 45670 1", ["2123 45670 1"]),
        ("Medicare 2123 45671 1", []),
        ("Medicare MBI 1EG4-TE5-MK73", ["1EG4-TE5-MK73"]),
    ],
)
def test_find_number_of_medicare_needs_its_form_and_check_digit(text: str, values: list[str]) -> None:
    assert [each.value for each in find_in(text, personal_data())] == values
