"""Passwords in the script of their text, forms of single services, and numbers of persons."""

# ruff: noqa: RUF001 - texts of many scripts

from __future__ import annotations

from base64 import b64encode

import pytest

from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.secret_finder import secrets

LOGIN = b64encode(b"anna:harbor12").decode()
AWS_ID = "AK" + "IA" + "QWERTYUIOPASDFGH"


def found(text: str) -> list[str]:
    return [text[each.start : each.end] for side in (secrets(), personal_data()) for each in find_in(text, side)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Пароль: Секрет123!", ["Секрет123!"]),
        ("我的密码是：小猫咪123", ["小猫咪123"]),
        ("הסיסמה שלי: חתול1234", ["חתול1234"]),
        ("비밀번호: 고양이77", ["고양이77"]),
        ("รหัสผ่าน: แมวน้อย99", ["แมวน้อย99"]),
        ("password: |\nHunter2!x", ["Hunter2!x"]),
        (f"id {AWS_ID}", [AWS_ID]),
        (f"{AWS_ID} {'aB3/' * 10}", [AWS_ID, "aB3/" * 10]),
        (f'see {{"auths": {{"h": {{"auth":"{LOGIN}"}}}}}} there', [LOGIN]),
        ("WIFI:T:WPA;S:x;P:secret;;", ["secret"]),
        (f"root:$6$abcdefgh${'aB3.' * 20}:19000", [f"$6$abcdefgh${'aB3.' * 20}"]),
        ("Telefonnummer: 0171 2345678", ["0171 2345678"]),
        ("телефон: 89161234567", ["89161234567"]),
        ('"john doe"@example.com', ['"john doe"@example.com']),
        ("bob.o'neil@example.com", ["bob.o'neil@example.com"]),
        ("SSN: 123-45-6789", ["123-45-6789"]),
    ],
)
def test_find_private_value_is_found_whole(text: str, values: list[str]) -> None:
    assert found(text) == values


@pytest.mark.parametrize(
    "text", ["密码：至少8位", "Пароль: минимум 8 символов", "part 123-45-6789", '{"auth": "required"}', "$6$ and $5$"]
)
def test_find_text_that_only_looks_private_is_left(text: str) -> None:
    assert found(text) == []
