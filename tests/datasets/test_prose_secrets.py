"""Passwords in prose of any language: in the quotes of the language, behind a dash or a particle; PINs and TANs."""

# ruff: noqa: RUF001 - texts of many scripts

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.secret_finder import secrets


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("パスワードは「もみじ1987!」です", "もみじ1987!"),
        ("パスワードをMomiji1987に変更してください", "Momiji1987"),
        ("パスワードを「もみじ87」に変更", "もみじ87"),
        ("密码改成Fengye1987", "Fengye1987"),
        ("密码“枫叶红123”", "枫叶红123"),
        ("비밀번호를 Danpung77!로 바꿔 주세요", "Danpung77!"),
        ("пароль «Осень1987!»", "Осень1987!"),
        ("мой пароль - Осень1987", "Осень1987"),
        ("мой пароль — Осень1987!", "Осень1987!"),
        ("mot de passe « forêt1987! »", "forêt1987!"),
        ("Passwort „Wäldchen1987!“", "Wäldchen1987!"),
        ("contraseña «Montaña1987!»", "Montaña1987!"),
        ("κωδικός «Βουνό1987!»", "Βουνό1987!"),
        ('הסיסמה "הרים1987"', "הרים1987"),
        ("Ihr TAN: 730591", "730591"),
        ("Die mTAN lautet 730591.", "730591"),
        ("Das PIN ist 7305", "7305"),
        ("mon code PIN 7305", "7305"),
        ("il PIN è 7305", "7305"),
        ("PIN-Code: 7305", "7305"),
        ("ПИН-код: 7305", "7305"),
        ("暗証番号は7305です", "7305"),
    ],
)
def test_mask_password_in_prose_is_the_value_alone(text: str, value: str) -> None:
    assert masked(text, find_in(text, secrets())) == text.replace(value, "<PASSWORD>")


@pytest.mark.parametrize(
    "text",
    [
        *("пароль «от 8 символов»", "пароль «обязательно»", "пароль - минимум8", "пароль - это 8 символов"),
        *("パスワードを8文字以上に変更", "パスワードを2024年に変更", "パスワードをSHA256に変換", "密码“至少8位”"),
        *("PIN 13 of the chip", "pin 7305 of the connector", "Das PIN ist falsch", "PIN code 110001, in Delhi"),
        *("Mr. Tan: 730591", "The Tan 730591 colour", "TAN: 45", "STANDARD: 730591", "SPIN: 7305"),
    ],
)
def test_mask_text_about_passwords_stays(text: str) -> None:
    assert find_in(text, secrets()) == []


@pytest.mark.parametrize(
    "text",
    ["Your code 730591 compiles", "y = 4000056655665556 % 9", "4000056655665556 * 2", "n + 4000056655665556 // 3"],
)
def test_mask_number_of_code_stays(text: str) -> None:
    assert [*find_in(text, secrets()), *find_in(text, personal_data())] == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Your code 730591", "730591"),
        ("your code 730591 expires in 5 minutes", "730591"),
        ("4000056655665556 - 123", "4000056655665556"),
        ("card = 4000056655665556", "4000056655665556"),
        ("Card no* 4000056655665556", "4000056655665556"),
    ],
)
def test_find_code_and_card_beside_signs_is_found(text: str, value: str) -> None:
    assert [each.value for side in (secrets(), personal_data()) for each in find_in(text, side)] == [value]


@pytest.mark.parametrize(
    "text", ["4000056655665556|12|26|123", "4000056655665556 exp 12/26 csc 123", "4000 0566 5566 5556, 12/2026, 123"]
)
def test_find_code_beside_its_card_is_found(text: str) -> None:
    assert [each.value for each in find_in(text, secrets())] == ["123"]


def test_find_code_beside_no_card_stays() -> None:
    assert find_in("4000056655665557|12|26|123", secrets()) == []
