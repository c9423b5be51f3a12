"""Labelled texts: each with the private value in it, or with none. All sentences and values are made up here.

Keys have the form of real ones and are put together at run time, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

from private_templates import NEGATIVES, PERSONAL_PLACES, SCRIPTS, SECRET_PLACES, TOKEN_PLACES

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
    for kind, values in PERSONAL.items():
        for place in (*PERSONAL_PLACES, *SCRIPTS):
            yield _placed(place, values(chosen), kind)
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


def text_of(chosen: random.Random, length: int, letters: str = ALPHANUMERIC) -> str:
    """Random text with a digit in it."""
    return "".join(chosen.choices(letters, k=length - 1)) + chosen.choice("23456789")


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
    "maps": lambda r: "AI" + "za" + text_of(r, 35),
    "package index": lambda r: "np" + "m_" + text_of(r, 36),
    "newer code host": lambda r: "github" + "_pat_" + text_of(r, 22) + "_" + text_of(r, 59),
    "chat": lambda r: "xo" + "xb-" + text_of(r, 12, string.digits) + "-" + text_of(r, 24).lower(),
    "payment": lambda r: "sk" + "_live_" + text_of(r, 24),
    "web token": lambda r: "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiI0MiJ9." + text_of(r, 43),
}
PERSONAL: dict[str, Callable[[random.Random], str]] = {
    "e-mail address": mail,
    "card number": card,
    "bank account": account,
    "IP address": address,
    "phone number": phone,
}
