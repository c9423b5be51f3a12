"""Secrets and personal data: reported, masked or rejected; in clear in no file of a build."""

# ruff: noqa: RUF001 - full-width letters are what is tested

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.datasets import dataset_report
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.row_privacy import masked_text
from fine_tuning.datasets.privacy.secret_finder import secrets
from tests.datasets.test_building import build, chat, lines_of, question, rows_of, write

# Made up in the form of the real ones.
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
MODEL_KEY = "sk-" + "proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"
WORD = "Kolibri-4417-x"
PRIVATE_KEY = (
    "-----BEGIN RSA PRIVATE " + "KEY-----\nMIIEpAIBAAKCAQEA7d9fK2\nq0wertyuiop12345\n-----END RSA PRIVATE " + "KEY-----"
)
SECRETS = [
    f"my key is {KEY}",
    f"use {TOKEN}",
    "open https://admin:hunter2secret@example.org/",
    "-----BEGIN RSA PRIVATE KEY-----",
]
PERSONAL = [
    ("write to jane.doe@example.org please", "e-mail address"),
    ("call +1 415 555 2671 now", "phone number"),
    ("Tel.: 030 90182000 now", "phone number"),
    ("card 4111 1111 1111 1111 it was", "card number"),
    ("to DE89 3704 0044 0532 0130 00 now", "bank account"),
    ("it is 8.8.4.4 there", "IP address"),
    ("it is 2606:4700::1111 there", "IP address"),
]
PLAIN = [
    "The invoice 4111 of 2026-11-25 comes to 1,234.56 dollars.",
    "The server at 192.168.1.10 and std::vector<int> are up since 12:30:45.",
    "Order 8841-22 was sent with parcel 00340434161094.",
    "def add(a, b): return a + b  # version 1.2.3",
    "Set the password in the settings, then the token is shown.",
    "password = get_password()",
    'api_key = os.environ["KEY"]',
    "def login(user: str, password: str | None = None) -> Token:",
    "password: must be at least 8 characters",
    "headers = {'Authorization': f'Bearer {token}'}",
    "max_tokens=1024, pad_token='<pad>'",
    "DB_PASSWORD=$DB_PASSWORD",
    '{"password": {"type": "string"}, "token_type": "bearer"}',
    "git clone git@github.com:team/project.git",
    "rows[::2] and x[1::3] and Face::Cafe",
    "Chrome/120.0.6099.109, version 10.2.3.4, release 4.18.0.55",
]
VALUE_ALONE = [
    ('{"user": "anna", "password": "@"}', "<PASSWORD>"),
    ('{"b":1,  "client_secret":"@"}', "<SECRET>"),
    ('{"env": [{"name": "DB_PASSWORD", "value": "@"}]}', "<PASSWORD>"),
    ("const dbPassword = '@';", "<PASSWORD>"),
    ("db:\n  user: anna\n  password: @\n  port: 5432", "<PASSWORD>"),
    ("DEBUG=1\nDB_PASSWORD=@\nPORT=80", "<PASSWORD>"),
    ("curl -u anna:@ https://example.org", "<PASSWORD>"),
    ("postgres://anna:@\0db.example.org/shop", "<PASSWORD>"),
    ("Server=db;User Id=sa;Pwd=@;Encrypt=true", "<PASSWORD>"),
    ("X-Api-Key: @", "<API_KEY>"),
    ("Authorization: Bearer @", "<TOKEN>"),
    ("密码：@", "<PASSWORD>"),
    ("Mein Passwort ist @.", "<PASSWORD>"),
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_in_text_are_detected(text: str) -> None:
    assert secrets().find(text)


@pytest.mark.parametrize(("text", "kind"), PERSONAL)
def test_personal_data_in_text_is_detected_and_masked(text: str, kind: str) -> None:
    masked = masked_text(text, personal_data())
    assert f"<{kind.upper().replace(' ', '_')}>" in masked
    assert (masked.split()[0], masked.split()[-1]) == (text.split()[0], text.split()[-1])


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_unchanged(text: str) -> None:
    for detector in (secrets(), personal_data()):
        assert masked_text(text, detector) == text


@pytest.mark.parametrize(("place", "mask"), VALUE_ALONE)
def test_mask_replaces_the_value_alone(place: str, mask: str) -> None:
    text = place.replace("@", WORD).replace("\0", "@")
    assert masked_text(text, secrets()) == place.replace("@", mask).replace("\0", "@")


@pytest.mark.parametrize(
    "place", ["请用@谢谢", "これは@です", "ใช้@ครับ", "इसे@लिखें", "é·@ñ", "вот@тут", "이것@은", "هذا@هنا"]
)
@pytest.mark.parametrize(
    ("value", "mask", "detector"),
    [
        (KEY, "<AWS_ACCESS_KEY>", secrets),
        (MODEL_KEY, "<API_KEY>", secrets),
        ("jane.doe@example.org", "<E-MAIL_ADDRESS>", personal_data),
        ("4539578763621486", "<CARD_NUMBER>", personal_data),
        ("8.8.4.4", "<IP_ADDRESS>", personal_data),
        ("+1 415 555 2671", "<PHONE_NUMBER>", personal_data),
        ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｏｒｇ", "<E-MAIL_ADDRESS>", personal_data),
        ("＋１ ４１５ ５５５ ２６７１", "<PHONE_NUMBER>", personal_data),
    ],
)
def test_values_beside_letters_of_any_script_are_masked(place: str, value: str, mask: str, detector: Any) -> None:
    assert masked_text(place.replace("@", value), detector()) == place.replace("@", mask)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_masked_json_inside_json_stays_json(depth: int, ascii_only: bool) -> None:
    value: Any = {
        "пользователь": "anna",
        "password": WORD + '"\n',
        "card": 4111111111111111,
        "note": "a\njane@example.org",
    }
    text = json.dumps(value, ensure_ascii=ascii_only)
    for _ in range(depth):
        text = json.dumps({"arguments": text}, ensure_ascii=ascii_only)
    for detector in (secrets(), personal_data()):
        text = masked_text(text, detector)
    inner = json.loads(text)
    for _ in range(depth):
        inner = json.loads(inner["arguments"])
    masks = {"password": "<PASSWORD>", "card": "<CARD_NUMBER>", "note": "a\n<E-MAIL_ADDRESS>"}
    assert inner == {"пользователь": "anna", **masks}


def test_masked_keys_of_one_object_stay_different() -> None:
    text = json.dumps({"ann@example.org": 1, "bob@example.org": 2, "cy@example.org": 3})
    assert list(json.loads(masked_text(text, personal_data())).values()) == [1, 2, 3]


def rows(tmp_path: Path) -> Path:
    good = [chat(question(n)) for n in range(12)]
    private: list[Any] = [chat(f"{question(20)} {KEY}"), chat(question(21), "Write to jane.doe@example.org!")]
    return write(tmp_path / "rows.jsonl", [*good, *private])


def test_build_policy_report_lists_findings(tmp_path: Path) -> None:
    made = build("told", rows(tmp_path), secrets="report", personal_data="report")
    found = {each["code"]: (each["line"], each["message"]) for each in made["findings"]}
    assert found == {"secret-found": (13, "AWS Access Key"), "personal-data-found": (14, "e-mail address")}
    assert made["counts"]["kept"] == 14


def test_build_policy_reject_rejects_rows(tmp_path: Path) -> None:
    made = build("clean", rows(tmp_path), secrets="reject", personal_data="reject")
    assert (made["counts"]["kept"], made["counts"]["rejected"]) == (12, 2)
    codes = [line["reasons"][0]["code"] for line in lines_of(made, "rejected.jsonl")]
    assert codes == ["secret-rejected", "personal-data-rejected"]


def test_build_row_with_both_kinds_reports_both(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", [chat(f"{question(1)} {KEY} jane.doe@example.org")])
    made = build("both", file, secrets="mask", personal_data="mask", validation=0, test=0)
    assert {"secret-masked", "personal-data-masked"} <= {each["code"] for each in made["findings"]}
    (row,) = rows_of(made)
    assert row["messages"][0]["content"] == f"{question(1)} <AWS_ACCESS_KEY> <E-MAIL_ADDRESS>"


MAIL, PHONE, CARD, MACHINE = "jane.doe@example.org", "+1 415 555 2671", "4539578763621486", "81.2.69.142"
PLANTED = (KEY, TOKEN, MODEL_KEY, WORD, MAIL, PHONE, CARD, MACHINE, "q0wertyuiop12345")
ESCAPED = "".join(f"\\u{ord(each):04x}" for each in MAIL)


def private_lines() -> list[str]:
    """Rows with private data in every place, kept and rejected, some of which are no JSON."""
    arguments = json.dumps(
        {"to": MAIL, "password": WORD, "config": json.dumps({"key": PRIVATE_KEY, "card": int(CARD)})}
    )
    call = {"id": "call_1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    asked = {"role": "user", "content": f"{question(30)} my password is {WORD}"}
    good: list[Any] = [
        chat(f"{question(31)} {KEY}", json.dumps({"password": WORD, "again": f"It is {WORD}!"})),
        {"messages": [asked, {"role": "assistant", "content": None, "tool_calls": [call]}]},
        chat(f"{question(32)} 请联系{MAIL}谢谢", f"密钥是{MODEL_KEY}请保密", metadata={"password": WORD, MAIL: PHONE}),
        chat(f"{question(33)} {PRIVATE_KEY}", f"It is {MACHINE}, call {PHONE}."),
        chat(f"{question(34)} ok", f'{{"text": "\\u006aane.doe\\u0040example.org", "card": {CARD}}}'),
        chat(f"{question(34)} ok", f'{{"text": "\\u006aane.doe\\u0040example.org", "card": {CARD}}}'),
    ]
    wrong: list[Any] = [
        {"messages": [{"role": MAIL, "content": f"token={TOKEN}"}]},
        {"messages": [{"role": WORD, "content": "x"}], "password": WORD},
        {"messages": [{"role": "user", "content": "x", "name": MAIL, PHONE: 1}]},
        {MAIL: 1, "api_key": MODEL_KEY},
        chat(question(35), rating=MAIL, client_secret=WORD),
        chat(question(36), "", note=f"{CARD} {MACHINE}"),
        {
            "messages": [
                asked,
                {"role": "assistant", "content": "x", "tool_calls": [{**call, "id": KEY}, {**call, "id": KEY}]},
            ]
        },
    ]
    broken = [
        json.dumps(chat(f"my mail {MAIL}", json.dumps({"password": WORD, "key": PRIVATE_KEY})))[:-1],
        f'{{"messages": "from {ESCAPED} and \\"password\\": \\"{WORD}\\"", ',
        f'{{"{MAIL}": 1, "{MAIL}": 2}}',
        f"{KEY},{CARD},\\n{MAIL},{MACHINE}",
    ]
    return [json.dumps(row, ensure_ascii=at % 2 == 0) for at, row in enumerate([*good, *wrong])] + broken


def forms(value: str) -> set[str]:
    """A value as a file may hold it."""
    codes = "".join(f"\\u{ord(each):04x}" for each in value)
    return {value, json.dumps(value)[1:-1], codes, codes.upper().replace("\\U", "\\u"), codes.replace("\\", "\\\\")}


@pytest.mark.parametrize("policy", ["mask", "reject"])
def test_build_leaves_private_data_in_clear_in_no_file(tmp_path: Path, policy: str) -> None:
    source = tmp_path / "rows.jsonl"
    clean = [json.dumps(chat(question(n))) for n in range(12)]
    source.write_text("\n".join([*clean, *private_lines()]) + "\n", encoding="utf-8")
    made = build(policy, source, secrets=policy, personal_data=policy, min_prompt=5)
    folder = DatasetBuilder().output_dir / policy
    dataset_report.write(folder / "report.html", made, [])  # type: ignore[arg-type]
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {"rejected.jsonl", "left-out.jsonl", "manifest.json", "report.html"} <= {file.name for file in files}
    assert made["counts"]["rejected"] >= 11
    for file in files:
        text = file.read_text(encoding="utf-8")
        leaks = [value for value in PLANTED for form in forms(value) if form in text]
        decoded = [value for value in PLANTED if file.suffix == ".jsonl" and value in text.replace("\\u0040", "@")]
        assert (file.name, leaks, decoded) == (file.name, [], [])
    for row in rows_of(made):
        for message in row["messages"]:
            for each in message.get("tool_calls") or ():
                json.loads(json.loads(each["function"]["arguments"])["config"])
