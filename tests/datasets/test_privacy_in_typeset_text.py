"""Secrets and personal data as typeset and exported text has them: special spaces, hyphens, HTML, quoted-printable."""

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.personal_data import personal_data
from fine_tuning.datasets.privacy.row_privacy import masked_text
from fine_tuning.datasets.privacy.secret_finder import secrets

SPACES = ["\u00a0", "\u202f", "\u2007", "\u2009", "&nbsp;", "&#160;", "&thinsp;"]
HYPHENS = ["\u2010", "\u2011", "\u2012", "\u2013", "\u2212", "&#x2011;", "&hyphen;", "&ndash;", "&minus;"]
NOTHING = ["\u200b", "\u2060", "\u00ad", "\ufeff", "&shy;", "&#8203;", "&NoBreak;"]
NUMBERS = [
    ("4539 1488 0343 6467", "<CARD_NUMBER>"),
    ("DE89 3704 0044 0532 0130 00", "<BANK_ACCOUNT>"),
    ("+1 415 738 2915", "<PHONE_NUMBER>"),
]
HYPHENED = [
    ("4539-1488-0343-6467", "<CARD_NUMBER>"),
    ("SSN 123-45-6789", "SSN <SOCIAL_SECURITY_NUMBER>"),
    ("(415) 738-2915", "<PHONE_NUMBER>"),
    ("415-738-2915", "<PHONE_NUMBER>"),
]
SECRETS = [
    ("{&quot;password&quot;:&quot;@&quot;}", "Tr0ub4dor9x"),
    ("{&amp;quot;password&amp;quot;:&amp;quot;@&amp;quot;}", "Tr0ub4dor9x"),
    ("&lt;password&gt;@&lt;/password&gt;", "Tr0ub4dor9x"),
    ('{"page": "{&quot;password&quot;:&quot;@&quot;}"}', "Tr0ub4dor9x"),
    ("pass\u00adword: @", "Tr0ub4dor9x"),
    ('password=3D"@"', "Tr0ub4dor9x"),
]
MAILS = [
    *("anna&#64;example.com", "anna&commat;example.com", "anna&#x40;example.com", "anna@example&period;com"),
    *("anna=40example.com", "anna\u200b@example.com", "anna@exam\u00adple.com", "anna@\u2060example.com"),
    *("anna\\u200b@example.com", "anna&amp;#64;example.com"),
]
PLAIN = [
    *("1990\u20132000 2001\u20132010", "1990\u20132000\u20132001\u20132010", "pages 4111\u20131111, 1111\u20131119"),
    *(
        "3\u22122",
        "10\u00a0000\u00a0000\u00a0000",
        "x = 40, y =40px",
        "width=40em.",
        "a &lt; b &amp;&amp; c&gt;d",
        "&unknown; &#;",
    ),
    *("082\u201332\u20131653", "08\u201305\u20132024 12:30", "Q&A; R&D; 50&nbsp;%", "soft\u00adware \u200b 4111"),
]


def personal(text: str) -> str:
    return masked_text(text, personal_data())


@pytest.mark.parametrize("space", [*SPACES, *NOTHING])
@pytest.mark.parametrize(("number", "mask"), NUMBERS)
def test_number_with_special_spaces_is_masked_whole(number: str, mask: str, space: str) -> None:
    assert personal(f"It is {number.replace(' ', space)}.") == f"It is {mask}."


@pytest.mark.parametrize("hyphen", HYPHENS)
@pytest.mark.parametrize(("number", "mask"), HYPHENED)
def test_number_with_special_hyphens_is_masked_whole(number: str, mask: str, hyphen: str) -> None:
    assert personal(f"It is {number.replace('-', hyphen)}.") == f"It is {mask}."


@pytest.mark.parametrize("hyphen", ["\u2010", "\u2011", *NOTHING])
def test_address_with_special_hyphens_is_masked_whole(hyphen: str) -> None:
    assert personal(f"to anna{hyphen}maria@exam{hyphen}ple.com{hyphen} now") == f"to <E-MAIL_ADDRESS>{hyphen} now"


@pytest.mark.parametrize("mail", MAILS)
def test_escaped_address_is_masked_whole(mail: str) -> None:
    assert personal(f"Write to {mail}, please.") == "Write to <E-MAIL_ADDRESS>, please."


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_escaped_secret_is_masked_alone(text: str, secret: str) -> None:
    assert masked_text(text.replace("@", secret), secrets()) == text.replace("@", "<PASSWORD>")


@pytest.mark.parametrize("text", PLAIN)
def test_ranges_amounts_and_code_are_left_alone(text: str) -> None:
    assert personal(text) == masked_text(text, secrets()) == text


@pytest.mark.parametrize(
    "text",
    [
        *("pwd=@;Server=x;User Id=sa", "Password=@;Server=db01;Initial Catalog=shop;User Id=sa", "password:@|user:bob"),
        *("password: @; user name: bob", "password=@, user=bob", "password: @ | user: bob"),
    ],
)
def test_password_before_other_settings_is_masked_alone(text: str) -> None:
    assert masked_text(text.replace("@", "Abc12345"), secrets()) == text.replace("@", "<PASSWORD>")
