"""Secrets in the common shapes of code and settings: a fallback, a block, a call, a line of a script."""

from __future__ import annotations

from base64 import b64encode

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

WORD = "Harb0r77k"
PLACES = [
    'variable "db_password" {\n  type = string\n  default = "@"\n}',
    'process.env.DB_PASS || "@"',
    "env.DB_PASS ?? '@'",
    'getenv("DB_PASS") ?: "@"',
    'os.getenv("DB_PASS") or "@"',
    "{{ db_password | default('@') }}",
    r"net use Z: \\srv\x /user:corp\li @",
    'DriverManager.getConnection(url, "sa", "@")',
    'expect "Password:"; send "@\\r"',
    'expect "Password:"\nsend "@\\r"',
    "enable password 7 @",
    "localhost:5432:shop:li:@",
]
OTHERS = [
    'variable "db_password" {\n  default = ""\n}',
    'process.env.DB_PASS || ""',
    "{{ db_password | default('changeme') }}",
    'getConnection(url, "sa", "password")',
    "localhost:5432:shop:li:password",
    'if not token or "Bearer" in text:',
    'variable "region" {\n  default = "eu-west-1"\n}',
    'expect "login:"; send "anna1\\r"',
]


@pytest.mark.parametrize("place", PLACES)
def test_mask_secret_in_common_code_is_the_value_alone(place: str) -> None:
    text = place.replace("@", WORD)
    assert masked(text, find_in(text, secrets())) == place.replace("@", "<PASSWORD>")


@pytest.mark.parametrize("text", OTHERS)
def test_mask_common_code_without_secret_stays(text: str) -> None:
    assert find_in(text, secrets()) == []


def test_mask_login_in_a_quoted_header_is_masked() -> None:
    login = b64encode(b"anna:harbor12").decode()
    text = f'proxy_set_header Authorization "Basic {login}";'
    assert masked(text, find_in(text, secrets())) == 'proxy_set_header Authorization "Basic <TOKEN>";'


def test_mask_private_lines_of_putty_are_masked() -> None:
    lines = "\n".join("AbC3" * 10 for _ in range(2))
    text = f"Public-Lines: 1\nAAAA\nPrivate-Lines: 2\n{lines}\nPrivate-MAC: 3a5b"
    found = masked(text, find_in(text, secrets()))
    assert "AbC3" not in found
    assert found.endswith("\nPrivate-MAC: 3a5b")


@pytest.mark.parametrize(
    "text",
    """DB_PASSWORD ?= @|DB_PASSWORD += @|setenv DB_PASSWORD @|password <- "@"|password=@ is weak
    var password string = "@"|char password[32] = "@";|INSERT INTO users (name, password) VALUES ('bob', '@');
    zaporka: @|Passwort »@«|密码【@】""".replace("\n", "|").split("|"),
)
def test_mask_assigned_secret_of_any_operator_is_the_value_alone(text: str) -> None:
    whole = text.strip().replace("@", WORD)
    assert masked(whole, find_in(whole, secrets())) == text.strip().replace("@", "<PASSWORD>")
