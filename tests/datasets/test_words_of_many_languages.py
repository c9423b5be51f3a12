"""Words for password and PIN in other languages and cases, codes of cards, grouped numbers, strings of Lua."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.secret_finder import secrets

SECRETS = [
    ("Clave: {}", "sol2024"),
    ("clave del wifi: {}", "Harb0r77k"),
    ('{{"clave": "{}"}}', "Harb0r77k"),
    ("{} es mi clave", "Harb0r77k"),
    ("کلمه عبور: {}", "harb0r77k"),
    ("పాస్వర్డ్: {}", "harb0r77k"),
    ("गुप्त शब्द: {}", "harb0r77k"),
    ("local password = [[{}]]", "harb0r77k"),
    ("password = [==[{}]==]", "harb0r77k"),
    ("numer PIN-u to {}", "4821"),
    ("PIN'im {}", "4821"),
    ("PIN-kódom: {}", "4821"),
    ('{{"securityCode": {}}}', "821"),
    ('{{"cvv": "{}"}}', "821"),
    ("security_code: {}", "821"),
]
PERSONAL = [
    ("Card: {}.", "4539.5787.6362.1486"),
    ("Card: {}", "4539·5787·6362·1486"),
    ("IBAN {} of ours", "DE89.3704.0044.0532.0130.00"),
    ("IBAN {}", "DE89–3704–0044–0532–0130–00"),
]
PUBLIC = [
    *("clave: valor", '{"clave": "columna1"}', "clave: A12345", "enclave: Lugo2024", "palabra clave: python3"),
    *("PIN-pad 4821", "PINs 13 and 14", "Pin-up: 1950", '{"pincode": "560001"}', "PIN to GND", '{"cvc_check": "pass"}'),
    *("4539.5787.6362.1487", "1234.5678.9012.3456", "GB29.NWBK.6016.1331.9268.18", "OID 1.2.840.113549.1.1.11"),
    *("token = [[1, 2], [3, 4]]", "string.match(password, [[%d+%a]])", "password = [[string]]"),
]


@pytest.mark.parametrize(("place", "value"), [*SECRETS, *PERSONAL])
def test_private_value_is_masked_alone(place: str, value: str) -> None:
    text = place.format(value)
    for detector in (secrets(), personal_data()):
        text = masked(text, find_in(text, detector))
    before, after = place.format("@").split("@")
    assert value not in text
    assert text.startswith(before.rstrip())
    assert text.endswith(after)


def test_each_of_several_pins_is_found() -> None:
    assert [each.value for each in find_in("Ihre PINs lauten 4821 und 5931.", secrets())] == ["4821", "5931"]


@pytest.mark.parametrize("text", PUBLIC)
def test_text_that_only_looks_so_stays(text: str) -> None:
    assert [*find_in(text, secrets()), *find_in(text, personal_data())] == []
