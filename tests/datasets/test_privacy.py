"""Secrets and personal data: reported, masked or rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fine_tuning import DatasetBuilder
from fine_tuning.datasets import pii
from tests.datasets.test_building import build, chat, lines_of, question, rows_of, write

# Made up in the form of the real ones.
KEY = "AKIA" + "IOSFODNN7EXAMPLE"
TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
SECRETS = [
    f"my key is {KEY}",
    f"use {TOKEN}",
    "open https://admin:hunter2secret@example.org/",
    "-----BEGIN RSA PRIVATE KEY-----",
]
PERSONAL = [
    ("write to jane.doe@example.org please", "e-mail address"),
    ("call +1 415 555 2671 now", "phone number"),
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
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_in_text_are_detected(text: str) -> None:
    assert pii.secrets()(text)


@pytest.mark.parametrize(("text", "kind"), PERSONAL)
def test_personal_data_in_text_is_detected_and_masked(text: str, kind: str) -> None:
    found = pii.personal_data()(text)
    assert kind in {each.kind for each in found}
    masked = pii.masked(text, found)
    assert f"<{kind.upper().replace(' ', '_')}>" in masked
    assert (masked.split()[0], masked.split()[-1]) == (text.split()[0], text.split()[-1])


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_has_no_findings(text: str) -> None:
    assert pii.secrets()(text) == []
    assert pii.personal_data()(text) == []


def rows(tmp_path: Path) -> Path:
    good = [chat(question(n)) for n in range(12)]
    private: list[Any] = [chat(f"{question(20)} {KEY}"), chat(question(21), f"Write to {PERSONAL[0][0].split()[2]}!")]
    return write(tmp_path / "rows.jsonl", [*good, *private])


def test_build_policy_report_lists_findings(tmp_path: Path) -> None:
    made = build("told", rows(tmp_path), secrets="report", personal_data="report")
    found = {each["code"]: (each["line"], each["message"]) for each in made["findings"]}
    assert found == {"secret-found": (13, "AWS Access Key"), "personal-data-found": (14, "e-mail address")}
    assert made["counts"]["kept"] == 14


def test_build_policy_mask_masks_every_file(tmp_path: Path) -> None:
    made = build("masked", rows(tmp_path), secrets="mask", personal_data="mask", validation=0, test=0)
    texts = [message["content"] for row in rows_of(made) for message in row["messages"]]
    assert any("<AWS_ACCESS_KEY>" in text for text in texts)
    assert any("<E-MAIL_ADDRESS>!" in text for text in texts)
    folder = DatasetBuilder().output_dir / "masked"
    for file in folder.iterdir():
        assert KEY not in file.read_text(encoding="utf-8")
        assert "jane.doe" not in file.read_text(encoding="utf-8")


def test_build_policy_reject_rejects_rows(tmp_path: Path) -> None:
    made = build("clean", rows(tmp_path), secrets="reject", personal_data="reject")
    assert (made["counts"]["kept"], made["counts"]["rejected"]) == (12, 2)
    assert not any(KEY in line["text"] or "jane.doe" in line["text"] for line in lines_of(made, "rejected.jsonl"))
    codes = [line["reasons"][0]["code"] for line in lines_of(made, "rejected.jsonl")]
    assert codes == ["secret-rejected", "personal-data-rejected"]
