"""Passwords by what stands beside their name: an owner, a user, the network that they open, or a call that logs in."""

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
        ("clave: hunter2", "hunter2"),
        ("La clave es hunter2", "hunter2"),
        ("mi clave: luna99", "luna99"),
        ("пасс: kotik77", "kotik77"),
        ("パス：neko2024x", "neko2024x"),
        ("lösen: katt4512", "katt4512"),
        ("รหัสไวไฟ: maew9921", "maew9921"),
        ("Usuario: ana Clave: gatito12", "gatito12"),
        ('{"usuario": "ana", "clave": "gatito12"}', "gatito12"),
        ("la clave del wifi es gatito12", "gatito12"),
        ("رمز عبور من hunter2x است", "hunter2x"),
        ("رمز عبور وای\u200cفای: gol12345", "gol12345"),
        ("הסיסמה שלי: chatul12", "chatul12"),
        ("kata sandi saya kucing123", "kucing123"),
        ("parola mea este pisica22", "pisica22"),
        ("Şifrem kedi1234", "kedi1234"),
        ("A jelszavam cica1234", "cica1234"),
        ("гаслом є kotik777X", "kotik777X"),
        ("ពាក្យសម្ងាត់៖ chhma123", "chhma123"),
        ("my password banana42x stopped working", "banana42x"),
        ("WPA key: harbor77", "harbor77"),
        ('server.login("anna", "Gh7kLm2q")', "Gh7kLm2q"),
        ('new PDO("mysql:host=db", "root", "Gh7kLm2q")', "Gh7kLm2q"),
        ('new NetworkCredential("anna", "Gh7kLm2q")', "Gh7kLm2q"),
        ('sql.Open("mysql", "anna:Gh7kLm2q@tcp(h:3306)/shop")', "Gh7kLm2q"),
        ("password = Gh7kLm2q # of production", "Gh7kLm2q"),
        ("PIN-om 4821", "4821"),
        ("пин-код карты 4821", "4821"),
        ("PIN der Karte: 4821", "4821"),
        ("mi pin es 4821", "4821"),
        ('pin_code: "4821"', "4821"),
        ("security code on the back: 737", "737"),
        ("Код из СМС: 482193", "482193"),
        ("인증번호 [482193]", "482193"),
        ("recovery code: ABCD-EFGH-2345", "ABCD-EFGH-2345"),
    ],
)
def test_find_password_beside_its_owner_or_use_is_the_value_alone(text: str, value: str) -> None:
    assert [text[each.start : each.end] for each in find_in(text, secrets())] == [value]


@pytest.mark.parametrize(
    "text",
    [
        "clave primaria: cliente_id",
        "la palabra clave es python3",
        '{"clave": "id_producto", "valor": "12"}',
        "парольная политика: ИБ-2024",
        "κωδικός προϊόντος: AB1234",
        "my password manager is bitwarden2024",
        "boarding pass: ABC123",
        "CVC 2026 conference",
        "PIN diode 4148 of the board",
        'login("user", "wrong password")',
        'client.connect("localhost", 5432, "shop_2024")',
        'router.push("/login", "user_12")',
    ],
)
def test_find_key_code_or_call_without_a_password_finds_nothing(text: str) -> None:
    assert find_in(text, secrets()) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f(\n    self,\n    credentials,\n    http=None,\n    retries=retries2,\n): ...",
        "f(\n    user, password,\n    host=host1, port=port1,\n)",
        "names = ['ftp_put', 'ftp_pwd', 'ftp_quit']",
        "If it is a client, pass :data:`h11.CLIENT1x`.",
        "log('pass `asn1Spec` to guide it')",
        'image_token = "<|IMAGE_PAD|>"',
        'LIB_KEY = "com.example.lib18n.curve_type"',
        "  --ask-password               prosi o podanie",
        "See OAuth 2::\n\n    code",
        "9069375000*p**5 + 79957812500*p**2*q",
        "x = y + 4915112345678 - z",
        "# changed the call\n# 2002-11-20 fl",
    ],
)
def test_mask_code_and_mathematics_without_secrets_changes_nothing(text: str) -> None:
    assert [masked(text, find_in(text, detector)) for detector in (secrets(), personal_data())] == [text, text]
