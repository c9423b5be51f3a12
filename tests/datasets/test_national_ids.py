"""Numbers that a country gives to a person, beside the word or in the field that names them."""

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Her NI number is JG 10 37 59 A.", "JG 10 37 59 A"),
        ('{"nationalInsuranceNumber": "JG103759A"}', "JG103759A"),
        ("nhs_number: 943-476-5919", "943-476-5919"),
        ("Aadhaar 2341-2341-2346", "2341-2341-2346"),
        ("PAN = ABCPE1234F", "ABCPE1234F"),
        ("O CPF dela é 529.982.247-25.", "529.982.247-25"),
        ("DNI 12345678Z", "12345678Z"),
        ("RSSMRA85T10A562S ha chiamato", "RSSMRA85T10A562S"),
        ("Twój PESEL: 44051401359", "44051401359"),
        ("rodné číslo 736028/5163", "736028/5163"),
        ("号码11010519491231002X没有名字", "11010519491231002X"),
        ("주민등록번호는 900101-1234568입니다", "900101-1234568"),
        ("個人番号は1234-5678-9018です", "1234-5678-9018"),
        ("Steueridentifikationsnummer 36 574 261 809", "36 574 261 809"),
        ("СНИЛС 112-233-445 95", "112-233-445 95"),
        ("TCKN=10000000146", "10000000146"),
        ('{"passport_number": "L898902C3"}', "L898902C3"),
    ],
)
def test_mask_national_id_is_the_number_alone(text: str, number: str) -> None:
    assert masked(text, find_in(text, personal_data())) == text.replace(number, "<NATIONAL_ID_NUMBER>")


@pytest.mark.parametrize("text", ["SSN: 219099999", '{"ssn": "219099999"}', "my social is 219-09-9999"])
def test_mask_social_security_number_without_dashes_or_by_its_short_name(text: str) -> None:
    assert "<SOCIAL_SECURITY_NUMBER>" in masked(text, find_in(text, personal_data()))


@pytest.mark.parametrize(
    "text",
    [
        "CPF 529.982.247-26",  # a wrong check digit
        "Steuer-ID 36574261808",
        "Part JG103759A of the frame",
        "order 44051401359",
        "commit 529982247",
        "SIN(30) = 0.5, sin 046454286",
        "passport no longer needed 20260101",
        "expand 12345678Z",  # `pan` and `nie` inside of words
        "NIR 780-2500 nm",
        "The NHS was founded on 5 July 1948.",
    ],
)
def test_find_number_that_is_no_national_id_finds_nothing(text: str) -> None:
    assert find_in(text, personal_data()) == []
