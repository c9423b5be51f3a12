"""Passwords before their name, and one-time codes, are found; texts about passwords and codes stay."""

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

PRIVATE = [
    ("hunter2!x is my password", "hunter2!x"),
    ("use Xy7$kk as the password", "Xy7$kk"),
    ("your code is 482913", "482913"),
    ("551 204 is your login code.", "551 204"),
    ("Nutze Tulip#4512 als Passwort", "Tulip#4512"),
    ("Tulip#4512 — мой пароль", "Tulip#4512"),
    ("您的验证码是482913", "482913"),
    ("Votre code de vérification est 482913.", "482913"),
    ("login: admin / Passw0rd!", "Passw0rd!"),
    ("The login is `anna.b@shop.example` / `Wint3r!2024`.", "Wint3r!2024"),
    ("creds: root:Sup3rS3cret", "Sup3rS3cret"),
    ("Zugangsdaten: max ; Som3mer!23", "Som3mer!23"),
]
PUBLIC = [
    *("the password is required", "your code is clean", "your code is 482 lines long", "this is my password"),
    *("The zip code is 94103", "Use SHA-256 as the password hashing function", "product code: 482913"),
    *("OTP 2023 conference", "one-time code per RFC 4226", "login code is in line 1520 of auth.py"),
    *(
        "See my code 48291 in the archive",
        "authentication code 1001: token expired",
        "2FA code generation takes 30000 ms",
    ),
    *(
        "login: see /docs/Login2Guide",
        "Login: admin / the admin page",
        "login at 10:30 and in Room24B",
        "login: 2024 / Q3",
    ),
    *("your code is 12000 lines", "A verification code has 6 digits", "Der Fehlercode lautet 482913"),
]


@pytest.mark.parametrize(("text", "value"), PRIVATE)
def test_spoken_secret_is_masked_alone(text: str, value: str) -> None:
    found = masked(text, find_in(text, secrets()))
    before, after = text.split(value)
    assert value not in found
    assert found.startswith(before)
    assert found.endswith(after)


@pytest.mark.parametrize("text", PUBLIC)
def test_text_about_passwords_and_codes_stays(text: str) -> None:
    assert find_in(text, secrets()) == []
