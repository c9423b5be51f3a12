"""Secrets that clients, statements and pairs hold, words of two more languages, and numbers that are dialled abroad."""

# ruff: noqa: RUF001 - words of many scripts are what is tested

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.row_privacy import masked_text
from fine_tuning.datasets.privacy.secret_finder import secrets

AS_WRITTEN = [
    'requests.get(url, auth=("bob", "@"))', "auth=HTTPBasicAuth('me', '@')", "auth = httpx.BasicAuth('me', '@')",
    '$cred = ConvertTo-SecureString "@" -AsPlainText -Force', "ConvertTo-SecureString -String '@' -AsPlainText",
    "CREATE USER bob IDENTIFIED BY @;", "alter user bob identified by @", 'ALTER USER bob IDENTIFIED BY "@"',
    "IDENTIFIED BY @", 'wifi psk="@"', "wpa_psk=@", 'network={\n  ssid="x"\n  psk="@"\n}', '["password", "@"]',
    '[["user", "bob"], ["password", "@"]]', '{"form": [["user", "bob"], ["db_password", "@"]]}',
    "ο κωδικός μου είναι @", "Ο κωδικός της είναι: @.", "паролата е @", "Паролата ми е @.", "лозинката е @",
]  # fmt: skip
PLAIN = [
    *("auth=('user', 'password')", "auth=(user, token)", "ConvertTo-SecureString $plain -AsPlainText"),
    *("It was identified by rs123456 and ENSG00000139618.", "IDENTIFIED BY RESEARCHERS", "IDENTIFIED BY VALUES"),
    *('["password", "first_name"]', '["password", "address1"]', '["token", "sep_token_2"]', '["password", "email"]'),
    *("modulation: BPSK, QPSK and 8PSK", "key_mgmt=WPA-PSK", "паролата е забравена", "ο κωδικός μου είναι λάθος"),
]
PHONES = ["0049 171 4839201", "00442079460958", "00 33 6 48 39 20 17", "0044 20 7946 0958", "0049-171-4839201"]
NUMBERS = [
    *(
        "000123456789",
        "0012345678905",
        "invoice 00442079460958",
        "id: 00442079460958",
        "0x00442079460958",
        "00:33:64:83",
    ),
    *("00442079460956", "00 10 20 30 40 50", "0020 0030 0040", "1.00442079460958"),
]


@pytest.mark.parametrize("text", AS_WRITTEN)
@pytest.mark.parametrize("secret", ["Tr0ub4dor9", "hunter22x"])
def test_secret_by_its_place_is_masked_alone(text: str, secret: str) -> None:
    assert masked_text(text.replace("@", secret), secrets()) == text.replace("@", "<PASSWORD>")


@pytest.mark.parametrize("text", PLAIN)
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    assert masked_text(text, secrets()) == text


@pytest.mark.parametrize("place", ["@", "ruf @ an", "Call @.", '{"note": "@"}'])
@pytest.mark.parametrize("phone", PHONES)
def test_number_dialled_abroad_is_found_whole(phone: str, place: str) -> None:
    assert masked_text(place.replace("@", phone), personal_data()) == place.replace("@", "<PHONE_NUMBER>")


@pytest.mark.parametrize("text", NUMBERS)
def test_other_number_that_begins_with_zeros_is_left_alone(text: str) -> None:
    assert masked_text(text, personal_data()) == text
