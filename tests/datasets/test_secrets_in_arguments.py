"""Secrets in lists of arguments, addresses and the words of other languages: the value alone is masked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets
from tests.datasets.test_building import build, chat, rows_of, write

WORD, KEY = "gr4nite!Hill", "Rk7bV2qXw9ZtL4mN8pDs"
PASSWORDS = [
    '["backup", "--password", "@", "-v"]', '{"args": ["--user", "li", "--db-pass", "@"]}', "[--password, @]",
    '["mysql", "-uroot", "-p", "@", "shop"]', '["mysql", "-p@"]', '["curl", "-u", "li:@"]', '[["--password", "@"]]',
    "run(['x', '--password', '@'])", 'CMD ["app", "--admin-password", "@"]', "args:\n  - --password\n  - @\n  - -v",
    '["-e", "DB_PASSWORD=@"]', '["-p", "@"]', "sshpass -p @ ssh h", "redis-cli -a @ ping", "unzip -P @ a.zip",
    "htpasswd -b f li @", 'echo "@" | sudo -S ls', "jdbc:oracle:thin:li/@\0//h:1521/x", "net use Z: x @ /user:li",
    '{"mot_de_passe": "@"}', '{"motDePasse": "@"}', '{"senha_db": "@"}', '{"كلمة_المرور": "@"}', "ПАРОЛЬ=@",
    "пароль администратора: @", "пароль для входа — @", 'mi contraseña es "@"', "Wi-Fi şifresi: @", "密码password=@",
    "passordet er @", "the password for root is @.",
]  # fmt: skip
KEYS = [
    '["x", "--token", "@"]', '["--header", "X-Api-Key: @"]', "https://example.org/?key=@", "https://a.org/?sig=@&n=1",
    "https://a.org/?token=@#top", 'setx API_TOKEN "@"', "токен: @", "секрет: @", "jeton : @", "Zugangsschlüssel: @",
    "clé secrète : @", "SECRET_KEY_BASE=@",
]  # fmt: skip
OTHERS = """["--password", "$DB_PASSWORD"]
["--password", ""]
["--password-file", "/run/secrets/db1"]
["--token", "--verbose"]
["--max-tokens", "4096"]
["docker", "run", "-p", "8080:80"]
["mkdir", "-p", "/tmp/a1"]
["cp", "-p", "file1.txt"]
redis-cli -p 6379 ping
https://example.org/?key=color-name-1
existingSecret: app-secret-v1
password: String!
пароль: string
Das Passwort ist falsch.
the password for v2 is required""".split("\n")


@pytest.mark.parametrize(
    ("place", "value"), [*((place, WORD) for place in PASSWORDS), *((place, KEY) for place in KEYS)]
)
def test_mask_secret_in_arguments_addresses_and_languages_is_the_value_alone(place: str, value: str) -> None:
    before, after = place.split("@")
    text = f"{before}{value}{after}".replace("\0", "@")
    kinds = "PASSWORD", "TOKEN", "API_KEY", "SECRET"
    assert masked(text, find_in(text, secrets())) in {f"{before}<{kind}>{after}".replace("\0", "@") for kind in kinds}


@pytest.mark.parametrize("text", OTHERS)
def test_mask_text_without_secret_is_unchanged(text: str) -> None:
    assert masked(text, find_in(text, secrets())) == text


def test_build_masks_arguments_of_tool_calls(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}]
    calls: list[Any] = [
        {"command": ["mysql", "-u", "root", "-p", WORD]},
        {"command": "tool", "args": ["--password", WORD]},
        {"command": json.dumps(["curl", "-u", f"li:{WORD}", "x"])},
    ]
    rows = []
    for number, arguments in enumerate(calls):
        function = {"name": "run", "arguments": json.dumps(arguments)}
        row = chat(f"Please do number {number} for me, as always.")
        row["messages"][-1] = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        }
        rows.append({**row, "tools": tools})
    made = build("masked", write(tmp_path / "rows.jsonl", rows), secrets="mask", validation=0, test=0)
    found = [json.loads(row["messages"][-1]["tool_calls"][0]["function"]["arguments"]) for row in rows_of(made)]
    assert found == json.loads(json.dumps(calls).replace(WORD, "<PASSWORD>"))
