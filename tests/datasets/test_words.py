"""Words of any language, and what two texts must have in common."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fine_tuning.datasets import near_duplicates, words
from fine_tuning.datasets.words import exact, normalised


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("C, C++ and C#", "c c + + and c #"),
        ("12+4 - 3", "12 + 4 - 3"),
        ("12 \u2212 4", "12 - 4"),
        ("well-known \u2013 or not", "well known or not"),
        ("ls -l --all", "ls - l - all"),
        ("a && b || !c", "a & & b | | ! c"),
        ("CO, Co, NaCl, H₂O₂", "CO co NaCl H₂O₂"),
        ("Call getUser. WHERE IS IT?", "call getUser where is it"),
        ("👍🏽 or 👎!", "👍 🏽 or 👎"),
        ("हिन्दी में", "हिन्दी में"),
        ("我用GPU。", "我 用 GPU"),
        ("ใกล้บ้าน", "ใก ล้ บ้า น"),
        ("ខ្ញុំ", "ខ្ញុំ"),
        ("אֶת הסֵפֶר", "אֶת הסֵפֶר"),
        ("5! / 3! = n!/k", "5 ! / 3 ! = n ! / k"),
        ("Give me 5! Option B! - Hi!", "give me 5 option b hi"),
        ("?!", "?!"),
    ],
)
def test_normalised_text_is_cut_into_words(text: str, found: str) -> None:
    assert normalised(text) == normalize("NFC", found)


@pytest.mark.parametrize("text", ["Tiếng Việt có dấu", "Où est l’été ?", "か\u3099くせい", "क़लम"])
def test_normalised_text_in_either_form_is_the_same(text: str) -> None:
    assert normalised(normalize("NFD", text)) == normalised(normalize("NFC", text))
    assert exact(normalize("NFD", text)) == exact(normalize("NFC", text))


@pytest.mark.parametrize(
    ("first", "second", "are_same"),
    [
        ("Where  is it ?", "where is\nit?", True),
        ("WHERE IS IT NOW? HERE.", "Where is it now? HERE.", True),
        ("Where is it?", "Where is it!", False),
        ("We met in May", "We met in may", False),
        ("What is CO?", "What is Co?", False),
        ("Read getUser", "Read getuser", False),
        ("a\u200bb", "a b", True),
        ("\\D+ finds what?", "\\d+ finds what?", False),
        ("%Y is what?", "%y is what?", False),
        ("-P sets what?", "-p sets what?", False),
        ("> Where is it?", "> where is it?", True),
        ("Q: How do I reset it?", "q: how do i reset it?", True),
        ("What if I'm late, can I?", "what if i'm late, can i?", True),
        ("How Do I Reset My Password?", "how do i reset my password?", True),
        ("A: 5 Mg", "a: 5 mg", False),
        ("Q: B", "q: b", False),
        ("name: Anna", "name: anna", False),
        ("Can I ask US?", "can i ask us?", False),
        ("Is IT up, may I ask?", "is it up, may i ask?", False),
        ("What is x + I?", "what is x + i?", False),
        ("for I in range", "for i in range", False),
        ("print(I)", "print(i)", False),
        ("Let I = 5", "let i = 5", False),
        ("Call Map(x) For Each Item", "call map(x) for each item", False),
    ],
)
def test_exact_text_differs_in_all_but_white_space_and_case_of_sentences(
    first: str, second: str, are_same: bool
) -> None:
    assert (exact(first) == exact(second)) == are_same
    assert (near_duplicates.groups([first, second], 1.0) == [0, 0]) == are_same


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_normalised_plain_text_needs_no_closer_look(text: str) -> None:
    plain = words.folded(text.strip())
    assert normalised(text) == (" ".join(words._TOKEN.findall(plain) or text.split()))


@given(st.text())
def test_normalised_any_text_has_only_single_spaces_and_is_stable(text: str) -> None:
    found = normalised(text)
    assert found == " ".join(found.split())
    assert normalised(f"  {text}\n") == found
    assert exact(f" {text} ") == exact(text)


@pytest.mark.parametrize("text", ["-A", "\n- A", "\x1c-A x", "tar -C /"])
def test_space_around_a_text_changes_nothing(text: str) -> None:
    assert normalised(f"  {text}\n") == normalised(text)


def test_shingles_of_scripts_without_spaces_are_as_long_as_three_words() -> None:
    chinese = "请告诉我昨天在你们商店订购的那盏蓝色台灯什么时候可以送到我家里"
    assert near_duplicates.similarity(normalised(chinese), normalised(chinese.replace("蓝", "绿"))) < 0.7
    assert near_duplicates.similarity(normalised(chinese), normalised(f"“{chinese}”！")) == 1
    assert {len(run) for run in words.shingles(normalised(chinese)) if isinstance(run, tuple)} == {6}
    assert words.shingles("你 好") == {"你 好"}
