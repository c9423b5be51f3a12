"""Numbers as people, languages and LaTeX write them."""

from __future__ import annotations

import re
import time
from decimal import Decimal
from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fine_tuning.evaluation.numeric_match import matches

EQUAL = [
    # English, and what stands around a number
    ("The answer is 72, in total, so the farmer earns that much.", "72"),
    ("x = 2^10 = 1,024.", "1024"),
    ("It is $1,234.50.", "1234.5"),
    ("5,", "5"),
    (".5", "0.50"),
    ("10:30", "30"),
    ("12345678901234567890", "1.2345678901234567891e19"),
    ("1,2,3", "3"),
    ("1.5.2", "2"),
    ("15.01.2024", "2024"),
    ("1/15/2024", "2024"),
    ("from 2024-01-15", "15"),
    ("COVID-19", "19"),
    ("in 2023 100 people", "100"),
    ("call 555 123 4567", "4567"),
    ("3..5", "5"),
    # signs
    ("it changed to -3", "-3"),
    *((f"it changed to {sign}3", "-3") for sign in "−–‒‐‑﹣－⁻➖"),
    *((f"{sign}3", "-3") for sign in ("—", " ―", "\u200e—", "—$")),
    ("\\boxed{—3}", "-3"),
    ("— 3", "3"),
    ("about—3", "3"),
    ("3-5", "5"),
    ("pages 3–5", "5"),
    ("$5-$10", "10"),
    ("5 €–10 €", "10"),
    ("the answer is—5", "5"),
    ("x=-3", "-3"),
    ("10 - 3", "3"),
    ("10 -3", "-3"),
    ("(−3)", "-3"),
    ("-$5", "-5"),
    ("−US$1,234", "-1234"),
    ("气温是-5度", "-5"),
    ("อุณหภูมิ−5", "-5"),
    ("\u200e-٥", "-5"),
    ("+5", "5"),
    # LaTeX
    ("\\boxed{8,000}", "8000"),
    ("\\boxed{42}, as step 3 says", "42"),
    ("\\boxed{12} and then \\boxed{\\text{about } 42}", "42"),
    ("\\boxed{\\frac{1}{2}} (see section 3)", "0.5"),
    ("$9{,}500", "9500"),
    ("$9\\,500$", "9500"),
    ("10,\\!000", "10000"),
    ("3{,}14", "3.14"),
    ("\\frac{1}{2}", "0.5"),
    ("-\\dfrac{3}{4}", "-0.75"),
    ("\\frac{-1}{2}", "-1/2"),
    ("2\\tfrac{1}{2}", "2.5"),
    ("\\frac12", "1/2"),
    ("1.5 \\times 10^{3}", "1500"),
    ("50\\%", "50%"),
    ("$-3$", "-3"),
    # separators
    ("1.234,56", "1234.56"),
    ("1.234.567", "1234567"),
    ("12,50 €", "12.5"),
    ("0,125", "0.125"),
    ("1 234 567", "1234567"),
    ("12 500 руб.", "12500"),
    *((f"12{space}345,67 €", "12345.67") for space in "\u00a0\u202f\u2009\u2007"),
    ("12,34,567", "1234567"),
    ("₹1,23,456.78", "123456.78"),
    ("CHF 1'234'567.50", "1234567.5"),
    ("1’234", "1234"),
    ("1_000_000", "1000000"),
    # digits of other scripts
    ("٣", "3"),
    ("٣٫١٤", "3.14"),
    ("١٬٢٣٤", "1234"),
    ("१२,३४,५६७", "1234567"),
    ("๑,๒๓๔.๕๐", "1234.5"),
    ("۵۰٪", "50"),
    ("＄１，２３４．５", "1234.5"),
    ("共3个", "3"),
    # fractions, powers, percent
    ("1/2", "0.5"),
    ("-1/2", "-0.5"),
    ("½", "0.5"),
    ("3½ cups", "3.5"),
    ("1 3/4", "1.75"),
    ("1⁄2", "½"),
    ("¹⁄₂", "0.5"),
    ("1/0", "0"),
    ("1.5e3", "1500"),
    ("2e−3", "0.002"),
    ("1.5×10³", "1500"),
    ("1,5·10^3", "1500"),
    ("3 x 10**-2", "0.03"),
    ("10⁻³", "0.001"),
    ("-10^5", "-100000"),
    ("1e999", "1e999"),
    ("50%", "0.5"),
    ("50 %", "50"),
    ("٪50", "50"),
    ("50 percent", "0.5"),
    ("7 ‰", "0.007"),
    ("5 ‰", "0.5 %"),
]

DIFFERENT = [
    ("it changed to −3", "3"),
    ("It is 5 (see section 3)", "5"),
    ("3-5", "-5"),
    ("COVID-19", "-19"),
    ("1,2,3", "123"),
    ("1.5.2", "5.2"),
    ("1,234", "1.234"),
    ("1.234", "1234"),
    ("1 234 567", "567"),
    ("1/2", "2"),
    ("1/2", "12"),
    ("50%", "0.5%"),
    ("50%", "5"),
    ("2 5", "25"),
    ("3 5/2", "5.5"),
    ("1e999", "1e998"),
    ("1e99999999999999999999", "1"),
    ("no number", "no number"),
    ("", ""),
    ("x²", "2"),
    ("\\boxed{x} = 3", "4"),
]


@pytest.mark.parametrize(("prediction", "reference"), EQUAL)
def test_numeric_of_equal_numbers_is_one(prediction: str, reference: str) -> None:
    assert matches(prediction, reference)
    assert matches(reference, prediction)


@pytest.mark.parametrize(("prediction", "reference"), DIFFERENT)
def test_numeric_of_different_numbers_is_zero(prediction: str, reference: str) -> None:
    assert not matches(prediction, reference)
    assert not matches(reference, prediction)


ENGLISH_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
NUMBERS = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.integers(-(10**12), 10**12).map("{:,}".format),
    st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: f"{value:,.2f}"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(1, 999).map(".{}".format),
)
WORDS = st.lists(st.sampled_from("The farmer earns that, so (about) it's \"sold\"; 'total' of: = well-known".split()))
SENTENCES = st.tuples(WORDS, st.sampled_from(["", "$", "(", "about "]), NUMBERS, st.sampled_from([".", "", " km", "!"]))


def english(parts: tuple[list[str], str, str, str]) -> str:
    words, before, number, after = parts
    return " ".join([*words, before + number + after])


@settings(max_examples=500, deadline=None)
@given(st.lists(SENTENCES.map(english), min_size=1, max_size=3).map(" and ".join), SENTENCES.map(english), NUMBERS)
def test_numeric_of_english_figures_is_that_of_their_plain_reading(first: str, second: str, number: str) -> None:
    for other in (second, number, first):
        ours, theirs = (Decimal(ENGLISH_NUMBER.findall(text)[-1].replace(",", "")) for text in (first, other))
        are_whole = all(each == each.to_integral_value() for each in (ours, theirs))
        is_close = isclose(float(ours), float(theirs), rel_tol=1e-6, abs_tol=1e-6)
        assert matches(first, other) == (ours == theirs if are_whole else is_close)


def test_numeric_of_long_texts_is_fast() -> None:
    pieces = ["1 234 ", "1,2,", "1", "-", "\\boxed{", "\\frac{", "1/", "1.234.", ",234", "1 x ", "10^", "½ "]
    started = time.perf_counter()
    assert not any(matches(piece * 5000 + "x", "-7.5") for piece in pieces)
    assert time.perf_counter() - started < 10
