"""Seed phrases of wallets are masked, as words, lists and JSON; sentences and lists of words stay."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import json

import pytest

from fine_tuning.datasets.privacy.found import masked
from fine_tuning.datasets.privacy.json_text import find_in
from fine_tuning.datasets.privacy.secret_finder import secrets

PHRASE = "legal winner thank year wave sausage worth useful legal winner thank yellow"
LIST = json.dumps(PHRASE.split())
NUMBERED = "".join(f"{number}. {word}\n" for number, word in enumerate(PHRASE.split(), 1))


def hidden(text: str) -> str:
    return masked(text, find_in(text, secrets()))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "Restore it with @ in the app.",
            '{"mnemonic": "@"}',
            '{"arguments": "{\\"words\\": \\"@\\"}"}',
            "助记词是 @",
        ),
        *("my recovery phrase is @", "Сид-фраза: @", "words = 'one'; phrase = \"@\"", "私のニーモニックは @ です"),
    ],
)
def test_seed_phrase_is_masked_alone(text: str) -> None:
    before, after = text.split("@")
    found = hidden(before + PHRASE + after)
    assert "winner" not in found
    assert found.startswith(before)
    assert found.endswith(after)


@pytest.mark.parametrize("text", [PHRASE.upper(), NUMBERED, f"words = {LIST}", f'{{"words": {LIST}}}'])
def test_seed_phrase_as_a_list_is_masked(text: str) -> None:
    found = hidden(text)
    assert "winner" not in found.lower()
    assert "useful" not in found.lower()
    if text.startswith("{"):
        json.loads(found)


@pytest.mark.parametrize(
    "phrase",
    [
        "mi frase de recuperación es @ábaco abdomen abeja abierto abogado abono aborto abrazo abrir abuelo abuso acné",
        "助记词：@亮 炳 瓶 秤 梅 松 竹 兰 菊 桃 李 杏",
    ],
)
def test_seed_phrase_of_another_list_is_known_by_its_name(phrase: str) -> None:
    before, words = phrase.split("@")
    assert hidden(before + words) == f"{before}<PASSPHRASE>"


@pytest.mark.parametrize(
    "text",
    [
        "The seed phrase is a list of twelve words that you should write down and keep in a safe place",
        "The recovery phrase consists of 12 words from a list.",
        "Words: apple banana cherry date elderberry fig grape honeydew kiwi lemon mango nectarine orange papaya",
        "then they will also have time when more people come into town with their own money today",
        "The mnemonic is: my very educated mother just served us nine pizzas and other things too",
        "helper, wrapper, factory, builder, adapter, bridge, composite, decorator, facade, proxy, observer, visitor",
    ],
)
def test_words_that_are_no_seed_phrase_stay(text: str) -> None:
    assert hidden(text) == text
