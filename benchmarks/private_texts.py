"""Labelled texts: each with the private value in it, or with none. All sentences and values are made up here.

Keys have the form of real ones and are put together at run time, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

import private_persons
from private_templates import (
    KEY_PLACES,
    NEGATIVES,
    ONE_TIME_PLACES,
    OWN_CODES,
    OWN_PERSONAL,
    OWN_SCRIPT,
    OWN_SCRIPT_NEGATIVES,
    PERSONAL_PLACES,
    SCRIPTS,
    SECRET_PLACES,
    SPACED_PLACES,
    SPOKEN_NEGATIVES,
    SPOKEN_PLACES,
    TOKEN_PLACES,
    WORD_PLACES,
    WRITTEN_KEY_PLACES,
    WRITTEN_PLACES,
)

ALPHANUMERIC = string.ascii_letters + string.digits


class Sample(NamedTuple):
    """A text, and the private value in it as the text has it; None in a hard negative."""

    text: str
    value: str | None
    kind: str


def samples(seed: int = 7) -> list[Sample]:
    """All labelled texts."""
    chosen = random.Random(seed)
    return [*_positives(chosen), *_negatives(chosen)]


def _positives(chosen: random.Random) -> Iterator[Sample]:
    for kind, make in TOKENS.items():
        for place in (*TOKEN_PLACES, *SCRIPTS):
            yield _placed(place, make(chosen), f"token: {kind}")
    for place in SECRET_PLACES:
        for style in range(4):
            yield _placed(place, password(chosen, style), "password or key by its name")
    for place in KEY_PLACES:
        for _ in range(4):
            yield _placed(place, text_of(chosen, 40, "0123456789abcdef"), "password or key by its name")
    for places, styles in ((WRITTEN_PLACES, range(4)), (WRITTEN_KEY_PLACES, (2, 3, 2, 3))):
        for place in places:
            for style in styles:
                yield _placed(place, password(chosen, style), "password or key as it is written")
    for place in SPOKEN_PLACES:
        for value in ("hunter2!x", "Xy7$kk", password(chosen, 1), "Falcon99x"):
            yield _placed(place, value, "password before its name")
    for place in ONE_TIME_PLACES:
        for length in (6, 6, 8):
            yield _placed(place, text_of(chosen, length, string.digits), "one-time code")
    for place in SPACED_PLACES:
        for _ in range(4):
            yield _placed(place, f"{odd_word(chosen)} {odd_word(chosen)}!", "password with a space")
    for place in WORD_PLACES:
        for style in (1, 2):
            yield _placed(place, password(chosen, style), "password by a word of many languages")
    for kind, wholes in (
        ("PIN or code of a card by its name", OWN_CODES),
        ("password in the script of the text", OWN_SCRIPT),
        ("phone, mail or SSN as it is written", OWN_PERSONAL),
    ):
        for whole in wholes:
            before, value, after = whole.split("\1")
            yield Sample(before + value + after, value, kind)
    for kind, wholes in (
        ("number of a person by its name", private_persons.NATIONAL_IDS),
        ("bank account beside its bank", private_persons.ACCOUNTS),
        ("password by its owner or its place in a call", private_persons.OWNED),
        ("PIN or code of a card by its name", private_persons.CODES),
    ):
        for whole in wholes:
            before, value, after = whole.replace("\\n", "\n").split("~")
            yield Sample(before + value + after, value, kind)
    for kind, values in PERSONAL.items():
        for place in (*PERSONAL_PLACES, *SCRIPTS):
            if not (kind == "e-mail address" and place[0] == "é"):  # a letter of the address
                yield _placed(place, values(chosen), kind)
    for kind, all_of in (("e-mail address in any script", MAILS), ("phone number as a country writes it", PHONES)):
        for value in all_of:
            for place in PERSONAL_PLACES:
                if "'" in value and "'@'" in place:
                    continue  # no code
                yield _placed(place, value, kind)
    for make in (card, account):
        for sign in (".", "·", "\u2009", "\u202f", "-", "\u2013"):
            value = make(chosen).replace(" ", "").replace("-", "")
            grouped = sign.join(value[at : at + 4] for at in range(0, len(value), 4))
            for place in PERSONAL_PLACES:
                yield _placed(place, grouped, f"{'card number' if make is card else 'bank account'} in groups")
    for place in (
        '{"user": "anna", "password": "@"}',
        '{"to": "mail", "client_secret": "@"}',
        '{"db": {"db_password": "@"}}',
    ):
        for _ in range(4):
            value = password(chosen, 0)
            yield Sample(json.dumps(place.replace("@", value))[1:-1], value, "password in escaped JSON")
            yield Sample(
                json.dumps({"arguments": json.dumps(place.replace("@", value))}), value, "password in escaped JSON"
            )
    for _ in range(10):
        value = mail(chosen)
        yield Sample(json.dumps({"note": f"schön\n{value}"}), value, "e-mail address in escaped JSON")
        escaped = "".join(f"\\u{ord(each):04x}" for each in value)
        yield Sample(f'{{"note": "from {escaped}"}}', escaped, "e-mail address in escaped JSON")


def _negatives(chosen: random.Random) -> Iterator[Sample]:
    yield from (Sample(text, None, "prose") for text in (*OWN_SCRIPT_NEGATIVES, *SPOKEN_NEGATIVES))
    yield from (Sample(text, None, "prose and code") for text in private_persons.OTHERS)
    for kind, texts in NEGATIVES.items():
        for text in texts:
            yield Sample(text, None, kind)
    for _ in range(60):
        a, b = chosen.randint(1, 9), chosen.randint(1, 9)
        major, minor, build = chosen.randint(20, 200), chosen.randint(0, 30), chosen.randint(10, 250)
        yield Sample(f"rows[{a}::{b}] = grid[::{b}, {a}::]", None, "slices")
        product = chosen.choice(("Firefox", "Edge", "curl", "nginx", "Safari"))
        yield Sample(f"User-Agent: {product}/{major}.{minor}.{a}.{build}", None, "versions")
        word = chosen.choice(("version", "release", "Version:", "build", "updated to version", "firmware"))
        yield Sample(f"It runs {word} {major}.{minor}.{build}.{a} today.", None, "versions")
        number = chosen.choice("12789") + "".join(chosen.choices(string.digits, k=15))
        yield Sample(f"Order {number} left the warehouse on 2026-0{a}-1{b}.", None, "numbers")
        digest = "".join(chosen.choices("0123456789abcdef", k=40))
        yield Sample(f"commit {digest} fixes row {a}", None, "digests")
        yield Sample(f"Parcel {''.join(chosen.choices(string.digits, k=11))}, weight {a}.{b} kg", None, "numbers")


def _placed(place: str, value: str, kind: str) -> Sample:
    return Sample(place.replace("@", value).replace("\0", "@"), value, kind)


def odd_word(chosen: random.Random) -> str:
    """A word with signs in place of letters."""
    return chosen.choice(("p@ssage", "w0rds", "gr@nite", "s@ffr0n", "m3adow", "h@rb0r"))


def text_of(chosen: random.Random, length: int, letters: str = ALPHANUMERIC) -> str:
    """Random text with a digit in it."""
    return "".join(chosen.choices(letters, k=length - 1)) + chosen.choice("23456789")


def mixed_letters(chosen: random.Random) -> str:
    """Letters of both cases."""
    return "".join(chosen.choice((str.upper, str.lower))(each) for each in chosen.choices(string.ascii_letters, k=34))


def password(chosen: random.Random, style: int) -> str:
    """As people and generators choose them."""
    word = chosen.choice(("harbor", "meadow", "Falcon", "tulip", "Granit", "saffron"))
    return (
        f"{word}{chosen.randint(10, 9999)}{chosen.choice(string.ascii_lowercase)}",
        f"{word.title()}{chosen.choice('!#%+')}{chosen.randint(10, 99)}{text_of(chosen, 4)}",
        text_of(chosen, 24),
        text_of(chosen, 40, "0123456789abcdef"),
    )[style]


def mail(chosen: random.Random) -> str:
    """An address of a reserved domain."""
    name = chosen.choice(("anna", "li.wei", "j_roe", "somchai+shop", "priya.k", "m.mueller"))
    return f"{name}{chosen.randint(1, 99)}@{chosen.choice(('example.com', 'mail.example.org', 'example.co.uk'))}"


def card(chosen: random.Random) -> str:
    """A number with a valid check digit."""
    prefix = chosen.choice(("4539", "5212", "4716", "5500"))
    digits = prefix + "".join(chosen.choices(string.digits, k=11))
    total = sum(sum(divmod(int(d) * (2 if at % 2 == 0 else 1), 10)) for at, d in enumerate(digits))
    digits += str(-total % 10)
    sign = chosen.choice(("", " ", "-"))
    return sign.join(digits[at : at + 4] for at in range(0, 16, 4))


def account(chosen: random.Random) -> str:
    """A German account with valid check digits."""
    rest = "".join(chosen.choices(string.digits, k=18))
    check = 98 - int(rest + "131400") % 97
    plain = f"DE{check:02d}{rest}"
    return chosen.choice((plain, " ".join(plain[at : at + 4] for at in range(0, 22, 4))))


def address(chosen: random.Random) -> str:
    """A public address of a machine."""
    if chosen.random() < 0.25:
        return f"2606:4700:{chosen.randrange(4096):x}::{chosen.randrange(1, 65536):x}"
    first = chosen.choice((8, 34, 52, 81, 185))
    return ".".join(map(str, (first, *(chosen.randint(1, 254) for _ in range(3)))))


def phone(chosen: random.Random) -> str:
    """With the country's code."""
    line = chosen.randint(1000, 9999)
    return chosen.choice((f"+1 415 555 {line}", f"+49 30 9018{line}", f"+86 138 0013 {line}", f"+44 20 7946 {line}"))


TOKENS: dict[str, Callable[[random.Random], str]] = {
    "cloud": lambda r: "AK" + "IA" + text_of(r, 16, string.ascii_uppercase + string.digits),
    "code host": lambda r: "gh" + "p_" + text_of(r, 36),
    "other code host": lambda r: "gl" + "pat-" + text_of(r, 20),
    "model host": lambda r: "s" + "k-proj-" + text_of(r, 48),
    "hub": lambda r: "h" + "f_" + text_of(r, 34),
    "hub, letters alone": lambda r: "h" + "f_" + mixed_letters(r),
    "traces": lambda r: "lsv" + "2_pt_" + text_of(r, 32, "0123456789abcdef") + "_" + text_of(r, 10, "0123456789abcdef"),
    "monitoring": lambda r: "NR" + "AK-" + text_of(r, 27, string.ascii_uppercase + string.digits),
    "maps": lambda r: "AI" + "za" + text_of(r, 35),
    "package index": lambda r: "np" + "m_" + text_of(r, 36),
    "newer code host": lambda r: "github" + "_pat_" + text_of(r, 22) + "_" + text_of(r, 59),
    "chat": lambda r: "xo" + "xb-" + text_of(r, 12, string.digits) + "-" + text_of(r, 24).lower(),
    "payment": lambda r: "sk" + "_live_" + text_of(r, 24),
    "cloud, letters alone": lambda r: "AK" + "IA" + "".join(r.choices(string.ascii_uppercase, k=16)),
    "apps": lambda r: "fm" + "2_" + text_of(r, 40),
    "blobs": lambda r: "vercel" + "_blob_rw_" + text_of(r, 12) + "_" + text_of(r, 24),
    "map tiles": lambda r: "s" + "k.ey" + "J" + text_of(r, 20) + "." + text_of(r, 22),
    "web token": lambda r: "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiI0MiJ9." + text_of(r, 43),
}
PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "e-mail address": mail,
    "card number": card,
    "bank account": account,
    "IP address": address,
    "phone number": phone,
}
MAILS = (
    "josé.garcía@example.es", "müller@example.de", "ÖNDER@example.com", "İlker.Öz@example.com.tr", "o'brien@example.ie",
    "иван.петров@example.ru", "иван@почта.рф", "wang.fang@公司.com", "홍길동@example.kr", "ιωάννα@παράδειγμα.ελ",
    "अजय@डाटा.भारत", "王芳@例子.中国", "jose\u0301@example.es", "jane%40example.org",
)  # fmt: skip
PHONES = (
    "8 916 123-45-67", "8 (916) 123-45-67", "06 12 34 56 78", "07911 123456", "0171 2345678", "030/12345678",
    "090-1234-5678", "010-1234-5678", "(11) 98765-4321", "415-555-2671", "138 0013 8000", "98765 43210", "0412 345 678",
    "0532 123 45 67", "06-12345678", "079 123 45 67", "081-234-5678",
)  # fmt: skip
