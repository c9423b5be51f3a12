"""A value in quotes under the name of a password is masked whatever signs it has; whole placeholders and code stay."""

from __future__ import annotations

import json

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

PASSWORDS = [
    *("qT4.wR8nZ1", "g(7Lm)p3?vD", "rB2[kX]9sW4", "Word(play)8!", "Tn=>47vR?", "a::b9!Kq", "%Harb0r77k%"),
    *("<Jv83nRtk?5>", "[Jv83nR?5k]", "{Jv8?3nRtk", "li.Harb0r77", "xxxHarb0r77", "калина", "ひまわりだ", "水到渠成"),
    *(
        "qL4.nRt8sW",
        "h(7Tm)z3!w",
        "qL4[nR]8sWt",
        "Hill(side)7!",
        "Mt=>48rQ!",
        "%Brg7stein%",
        "<Qx81mRpl!>",
        "li.Brg7stein",
    ),
]
OTHERS = [
    *("<PASSWORD>", "<your-password>", "<PASSWORD_2>", "%DB_PASS1%", "@DB_PW@", "[REDACTED]", "[your password]"),
    *("{{ vault.db }}", "${DB_PASS:-}", "process.env.DB_PASS", "config['password']", "get_password()", "req->pw"),
    *("vars.db1.password", "faker.internet.password()", "xxxx", "xxxxxxxx1234", "xxx-your-key", "%(password)s", "必填"),
    *("пароль", "обязательно", "请输入密码", "********", "Passwort"),
    *("settings.db2.password", "md5($pass1)", "sha256(word)", "base64.b64encode(x)", "%DB_PASSWORD1%", "<password2>"),
]


@pytest.mark.parametrize("value", PASSWORDS)
@pytest.mark.parametrize("place", ['{"user": "li", "password": "@"}', "DB_PASSWORD='@'"])
def test_mask_quoted_password_with_any_signs_is_masked(value: str, place: str) -> None:
    text = place.replace("@", value)
    assert masked(text, find_in(text, secrets())) == place.replace("@", "<PASSWORD>")


@pytest.mark.parametrize("value", PASSWORDS)
def test_mask_password_in_arguments_of_a_tool_call_is_masked(value: str) -> None:
    arguments = json.dumps({"user": "li", "password": value})
    row = json.dumps({"function": {"name": "login", "arguments": arguments}})
    found = json.loads(masked(row, find_in(row, secrets())))
    assert json.loads(found["function"]["arguments"]) == {"user": "li", "password": "<PASSWORD>"}


def test_mask_generated_key_with_brackets_is_masked() -> None:
    text = "SECRET_KEY = '7v!t2n8@b#k4z$s6p^h3d&w9*m5c(g2j)r0x-q=e+u'"
    assert masked(text, find_in(text, secrets())) == "SECRET_KEY = '<API_KEY>'"


@pytest.mark.parametrize("value", OTHERS)
def test_mask_whole_placeholder_or_expression_stays(value: str) -> None:
    text = json.dumps({"user": "li", "password": value}, ensure_ascii=False)
    assert find_in(text, secrets()) == []
