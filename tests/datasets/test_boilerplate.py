"""Text that many questions share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fine_tuning.datasets.boilerplate import own, shared

TEMPLATE = "you work for a shop of lamps say what this customer wants"
NAMES = "anna bert cora dave elsa fred gina hugo iris jack kate liam".split()


def test_shared_template_is_removed_from_each_text() -> None:
    asked = [f"{name} lost the parcel of {name}" for name in NAMES]
    common = shared([f"{TEMPLATE} {text} answer in one word and in the language of the question" for text in asked])
    assert [
        own(f"{TEMPLATE} {text} answer in one word and in the language of the question", common) for text in asked
    ] == asked
    assert own(f"so it is {TEMPLATE} {TEMPLATE}", common) == "so it is"
    assert own(f"so {TEMPLATE}", common) == f"so {TEMPLATE}"  # next to nothing: the whole counts


def test_own_text_of_template_only_is_unchanged() -> None:
    common = shared([TEMPLATE] * 12)
    assert own(TEMPLATE, common) == TEMPLATE


def test_shared_natural_texts_have_no_template() -> None:
    assert not shared([f"how do i get a {name} card" for name in NAMES])  # short
    assert not shared([f"{TEMPLATE} {name}" for name in NAMES[:9]])  # in few texts
    assert not shared(
        [f"{TEMPLATE} {name}" for name in NAMES] + [str(number) for number in range(300)]
    )  # in a small share
    assert not shared([])


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=30).map(" ".join), max_size=30))
def test_own_arbitrary_texts_keep_only_their_words(texts: list[str]) -> None:
    common = shared(texts)
    for text in texts:
        kept = own(text, common)
        words = iter(text.split())
        assert kept == text or all(word in words for word in kept.split())
        assert bool(kept) == bool(text)
