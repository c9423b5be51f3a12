"""Secrets as people, models and tools write them: in Markdown, lists, blocks, lines and many languages."""

# ruff: noqa: RUF001 - words of many scripts are what is tested

from __future__ import annotations

import json

import pytest

from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.row_privacy import masked_text
from fine_tuning.datasets.privacy.secret_finder import secrets

WORD = "Zaq12wsx"  # made up, as all here
RANDOM = "9f86d081884c7d659a2feaa0c55ad015"
TOKENS = [
    "hf_" + "NqVwYSVPHbDXpPdkhxEpyIgKpaUnArlXyk",
    "lsv2_" + "pt_0123456789abcdef0123456789abcdef_0123456789",
    "NRAK-" + "ABCDEFGHIJKLMNOPQRSTUVWXY12",
    "dckr_" + "pat_abcdefghijklmnopqrstuvwxy12",
    "GOCSPX-" + "abcdefghijklmnopqrstuvwx12-_",
    "ATATT3" + "xFfGF0a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0",
]
AS_WRITTEN = [
    "**Password:** @", "- **Password**: @", "__Password__: @", "**Password: @**", "Password: **@**", "*Password:* `@`",
    "<b>Password:</b> @<br>", "<strong>Password</strong>: @</p>", "<td>Password</td><td>@</td>", "用户名admin，密码@",
    "密码@登录", "パスワード@です", "비밀번호 @ 입니다", '"passwords":{"db":"@"}', '"password":["@"]',
    "passwords = ['@', '']",
    "passwords:\n  db: @\nport: 80", "password:\n  - @", "requirepass @", "Password for the account: @",
    "Password (root): @",
    "Passwort - @", "pw: @",
    "Password:\n```\n@\n```", "<property name=\"password\">@</property>",
    "пароль от сервера: @", "密码（默认）：@",
    "初始密码为：@", "masterauth @\n", "Kennwort lautet @",
    "পাসওয়ার্ড: @", "κωδικός: @", "heslo: @", "jelszó: @", "jelszo\u0301: @", "ŞİFRE: @", "salasana: @", "mật khẩu: @",
    "كلمة السر: @", "گذرواژه: @", "סיסמה: @", "A senha é @.", "Le mot de passe est « @ »", "echo 'root:@' | chpasswd",
    "openssl rsa -passin pass:@ -in x", "ldapsearch -D cn=x -w @ -b y", "redis://:@\0cache:6379/0",
]  # fmt: skip
WHOLE = [
    ("Password: p@ss w0rd!", "p@ss w0rd!"),
    ('password="p@ss w0rd with space"', "p@ss w0rd with space"),
    ('password = "correct horse battery staple"', "correct horse battery staple"),
    ("password='it''s9secret', x=''", "it''s9secret"),
    ("password='it'\\''s9secret'", "it'\\''s9secret"),
    ("ALTER USER a PASSWORD 'it''s9secret';", "it''s9secret"),
    ("export DB_PASSWORD=Tr0ub4dor\\&3x", "Tr0ub4dor\\&3x"),
    ("DB_PASSWORD=Tr0ub4dor&3x\nX=1", "Tr0ub4dor&3x"),
    ("DB_PASSWORD=a,b;c9(d", "a,b;c9(d"),
    ("db:\n  password: a#b,c&d9\n  x: 1", "a#b,c&d9"),
    ("mysql -u root -pTr0ub4dor\\&3x db", "Tr0ub4dor\\&3x"),
    ("Passwort: Grüße123!x", "Grüße123!x"),
    ("redis://:Harbor#9099N6@cache:6379/0", "Harbor#9099N6"),
]
KEYS = [
    "API ключ: @", "ключ API: @", "api-key @", "token @", "clé API : @", "API-Schlüssel: @", "clave de API: @",
    "secret: |\n  @\nnext: 1", "api_key: >-\n  @\n", "secrets:\n  api:\n    token: @",
]  # fmt: skip
PLAIN = [
    "token: str|None\nsecret: list[str]", 'passwords = ["string", "number"]', 'tokens = ["The1", "cat2"]',
    '{"secret": {"name": "db-credentials-01", "key": "password1", "version": "v1.2.3b"}}',
    '{"token": {"expires_at": "2024-05-01T10:00:00Z", "type": "bearer", "user": "ann42x"}}',
    '{"errors": {"password": ["must contain at least 8 characters", "does not match confirmation"]}}',
    '{"password": "does not match confirmation"}', '{"password": "needs one uppercase letter"}',
    '{"password": "P@ssw0rd is too weak for this site"}', "Password: 8-16 characters, one digit",
    "Password: see the 1st email from HR (2024)", "if token:\n    name: abc123xyz\n", "secrets:\n  - db_password\n",
    "密码长度8位以上", "密码SHA256加密", "パスワードは8文字以上", "비밀번호 8자 이상", "κωδικός προϊόντος: AB-1234",
    "api-key authentication_with_headers_v2", "secret santa_list_for_2024_office_party", "heslo nezadáno",
    "hf_transformersAutoModelForCausalLMHead", "napi_get_value_bigint_uint64(env)",
    "key-management-service-provider-2024",
    "**Password:** required", "<td>Password</td><td>required</td>", "password = '' if a else 'b'",
    '{"test": "login", "pass": "failed"}', '{"pass": "complete"}', '{"pass": "partial"}', 'x["pass"] = "shadow"',
    "x = {\n  _DATA_KEY: _MODEL_DATA_YAML_FILE_NAME,\n}", "client.pass_('python')", "'pass', 'return', 'for'",
    "PASSWORD=get_password(x1)", "password: z.string().min(12).max(64)", "password: user.password1,",
]  # fmt: skip


def values(text: str) -> list[str]:
    return list(dict.fromkeys(each.value for each in find_in(text, secrets())))


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("place", ["use @ now", 'x = "@"', "请用@谢谢"])
def test_token_of_a_known_form_is_found_whole(token: str, place: str) -> None:
    assert values(place.replace("@", token)) == [token]


@pytest.mark.parametrize("place", AS_WRITTEN)
def test_password_as_it_is_written_is_found_alone(place: str) -> None:
    assert values(place.replace("@", WORD).replace("\0", "@")) == [WORD]


@pytest.mark.parametrize(("text", "value"), WHOLE)
def test_password_with_signs_and_spaces_is_found_whole(text: str, value: str) -> None:
    assert values(text) == [value]


@pytest.mark.parametrize("place", KEYS)
def test_key_as_it_is_written_is_found_alone(place: str) -> None:
    assert values(place.replace("@", RANDOM)) == [RANDOM]


@pytest.mark.parametrize("text", PLAIN)
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    assert values(text) == []


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_secrets_inside_a_named_field_are_masked_and_json_stays_json(depth: int) -> None:
    inside = {"passwords": {"db": WORD, "note": "of 2024"}, "password": [WORD], "secrets": [{"value": "Xsw21qaz9"}]}
    row = {**inside, "user": "ann", "pass": "swordfish", "shell": "PASSWORD=Tr0ub4dor\\&3x"}
    text = json.dumps(row)
    for _ in range(depth):
        text = json.dumps({"arguments": text})
    masked = json.loads(masked_text(text, secrets()))
    for _ in range(depth):
        masked = json.loads(masked["arguments"])
    assert masked == {
        "passwords": {"db": "<PASSWORD>", "note": "of 2024"},
        "password": ["<PASSWORD>"],
        "secrets": [{"value": "<SECRET>"}],
        "user": "ann",
        "pass": "<PASSWORD>",
        "shell": "PASSWORD=<PASSWORD>",
    }


@pytest.mark.parametrize(
    "written",
    [
        *(
            "client_secret%3D@%26x%3D1",
            "https://example.com/y?api%5Fkey=@&x",
            "https://example.com/?u=a%26password%3D@",
        ),
        *('{"next": "/login%3Ftoken%3D@"}', "redirect=https%3A%2F%2Fexample.com%2F%3Fapi_key%3D@%26page%3D2"),
        *("https%3A%2F%2Fuser%3A@%40example.com%2Fx", "secret_key: !!str @", "token: !secret @"),
    ],
)
def test_secrets_in_encoded_addresses_and_behind_tags_are_masked_alone(written: str) -> None:
    masked = masked_text(written.replace("@", RANDOM), secrets())
    assert RANDOM not in masked
    before, after = written.split("@")
    assert masked.startswith(before)
    assert masked.endswith(after)


@pytest.mark.parametrize("written", ["@", "https://api.telegram.org/bot@/getMe", "ключ@", "bot@"])
def test_token_of_telegram_is_found_in_its_addresses(written: str) -> None:
    token = "123456789:" + "AAgQ0PBQFI14zGtSnovm14TUOizwd1iaeOV"
    assert masked_text(written.replace("@", token), secrets()) == written.replace("@", "<API_KEY>")


@pytest.mark.parametrize(
    "text", ['print("%-20s%3d" % row)', "100%20off", "token%3d", "a%20b%2Cc", "token%3DNone%26x", "printf('%5B %40s')"]
)
def test_percent_signs_without_a_secret_stay(text: str) -> None:
    assert masked_text(text, secrets()) == text
