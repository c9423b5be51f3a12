"""Addresses of mail in any script, phone numbers in a country's form, and versions that are no addresses."""

# ruff: noqa: RUF001 - letters of many scripts are what is tested

from __future__ import annotations

import pytest

from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.personal_data import personal_data

MAILS = [
    "josé.garcía@correo.es", "müller@example.de", "ÖNDER@example.com", "İlker.Öz@firma.com.tr", "Zoë@example.com",
    "jose\u0301@correo.es", "иван.петров@example.ru", "иван@почта.рф", "wang.fang@公司.com", "王芳@例子.中国",
    "홍길동@example.kr", "สมชาย@example.co.th", "अजय@डाटा.भारत", "ιωάννα@παράδειγμα.ελ", "أحمد@مثال.السعودية",
    "o'brien@example.ie", "jane%40example.org", "_ops_@db1.internal", "a@b.de", "anna@xn--e1aybc.xn--p1ai",
]  # fmt: skip
PLACES = ["@", "write to @, please", "an: @.", '{"an": "@"}', "<mailto:@>", "联系：@谢谢"]
PHONES = [
    "8 916 123-45-67", "8 (916) 123-45-67", "06 12 34 56 78", "06.12.34.56.78", "07911 123456", "020 7946 0958",
    "0171 2345678", "0171 234 56 78", "0171/2345678", "030 12345678", "(030) 12345678", "090-1234-5678", "03-1234-5678",
    "010-1234-5678", "02-123-4567", "(11) 98765-4321", "11 98765-4321", "415-555-2671", "415.555.2671", "138 0013 8000",
    "98765 43210", "0471 12 34 56", "070-123 45 67", "0 532 123 45 67", "0532 123 45 67", "0412 345 678",
    "(02) 9876 5432", "052-123-4567", "0912-345-678", "081-234-5678", "0812-3456-7890", "067 123 45 67", "06-12345678",
    "347 123 4567", "1-415-555-2671", "8(916)1234567", "612 34 56 78", "0161 496 0000",
]  # fmt: skip
MACHINES = [
    ("my IP is 1.2.3.4, I think", "1.2.3.4"),
    ("ssh root@1.2.3.4", "1.2.3.4"),
    ("http://1.2.3.4/x", "1.2.3.4"),
    ("nameserver 8.8.8.8", "8.8.8.8"),
    ("请用8.8.4.4谢谢", "8.8.4.4"),
    ("5.6.7.8:443 is open", "5.6.7.8"),
    ("The firewall blocks 3.12.7.20 now", "3.12.7.20"),
    ("Failed password for root from 5.9.14.22 port 22", "5.9.14.22"),
    ('{"client_ip": "3.5.7.9"}', "3.5.7.9"),
    ("The host 52.14.22.9 version mismatch is old.", "52.14.22.9"),
    ("52.14.22.9 version 2.3 runs.", "52.14.22.9"),
    ("avoid 52.14.2.9", "52.14.2.9"),
    ("nginx 91.198.174.192", "91.198.174.192"),
]
PLAIN = [
    *("3.14.15.92 version", "Take the 3.14.15.92 release.", "3.14.15.92-версия", "升级到3.14.15.92版本"),
    "assert x@y.shape == (3, 3)", "y = x@y.data + b", "self.w@x.data", "q@k.mT", "a = q@k.transpose(1)",
    "getty@tty1.service", "lodash@4.17.21", "icon@2x.png", "git@github.com:team/x.git", "所有@example.com的邮箱",
    "target assembly 4.0.0.0", "`nginx 1.25.3.1`", "openssl 1.1.1.1", "[1.2.3.4] release", "pH 7.4.2.1",
    "## [1.2.3.4] - 2024-01-01", "Upgraded nginx from 1.25.3.1 to 1.25.4.1", "升级到1.25.3.1",
    '{"nginx": "1.25.3.1", "openssl": "1.1.1.1"}', "Oracle 12.1.0.2 and SQLite 3.8.11.1", "driver 31.0.15.51",
    "08-05-2024 12:30", "numbers 05 12 23 34 41", "01 02 03 04 05 06 07 08", "0123-4567-8901", "ISBN 978-3-16-148410-0",
    "ISBN 0-306-40615-2", "order 0171 2345678", "Bestellnummer: 030-1234567", "60000 70000", "65000-70000",
    "population 1 412 600 000", "123-45-6789", "02932-0091",
    "082-32-1653", "01-23-45-67-89-ab", "price 06 12 34 56 78 EUR", "row 07 12.50 13.75",
    "0123456789", "0.123 456 789", "8 100 200 30 40", "2026-11-25T12:30:45.123456", "订单号0171 2345678",
]  # fmt: skip


def values(text: str) -> list[str]:
    return [each.value for each in find_in(text, personal_data())]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mail", MAILS)
def test_address_of_any_script_is_found_whole(mail: str, place: str) -> None:
    assert values(place.replace("@", mail)) == [mail]


@pytest.mark.parametrize("text", ["x = '@'", "f'@'", "see '@'."])
def test_quote_before_an_address_is_no_part_of_it(text: str) -> None:
    assert values(text.replace("@", "anna@example.com")) == ["anna@example.com"]


@pytest.mark.parametrize("text", ["вот@тут", "请联系@谢谢", "이것@은", "...@...", "@.Thanks"])
def test_text_of_another_script_touches_no_address(text: str) -> None:
    assert values(text.replace("@", "jane@example.org")) == ["jane@example.org"]


@pytest.mark.parametrize("place", ["@", "Her number: @.", '{"note": "@"}', "(see @)", "电话是@谢谢", "@\nand"])
@pytest.mark.parametrize("phone", PHONES)
def test_phone_number_in_a_form_of_its_country_is_found_whole(phone: str, place: str) -> None:
    assert values(place.replace("@", phone)) == [phone]


@pytest.mark.parametrize(("text", "address"), MACHINES)
def test_address_of_a_machine_is_found(text: str, address: str) -> None:
    assert values(text) == [address]


@pytest.mark.parametrize("text", PLAIN)
def test_text_without_personal_data_is_left_alone(text: str) -> None:
    assert values(text) == []
