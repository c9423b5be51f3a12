"""The words of a text in any language, by which texts are compared.

Unicode's normal form NFC, so that a letter with its accent is one letter however it was typed; combining marks, vowel
signs and tones belong to their word. Scripts without spaces between words (Chinese, Japanese, Thai, Lao, Khmer,
Burmese and others) are cut into characters with their marks, and some of those weigh as much as a word. Signs that
carry meaning are words: `C`, `C++` and `C#` differ, and `12 + 4` and `12 - 4`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from unicodedata import category, normalize

import regex

from fine_tuning.datasets import letter_case

WORD_WEIGHT = 6
NGRAM_WORDS = 3
_HAN_WEIGHT, _SYLLABLE_WEIGHT = 3, 2  # a word is some two characters in Chinese, three syllables in the other scripts

_SCRIPTS = "Hiragana Katakana Bopomofo Thai Lao Khmer Myanmar Tai_Tham Tai_Le New_Tai_Lue Tai_Viet Javanese Balinese Yi"
_SYLLABIC_SCRIPTS = r"[\u30fc\uff70" + "".join(rf"\p{{{name}}}" for name in _SCRIPTS.split()) + "]"
_SYLLABIC = rf"[{_SYLLABIC_SCRIPTS}&&[\p{{L}}\p{{Nl}}]]"

# For expressions of `regex` in its version 1.
UNSPACED_SCRIPT = rf"[{_SYLLABIC_SCRIPTS}\p{{Han}}]"
UNSPACED = rf"[{_SYLLABIC}[\p{{Han}}&&[\p{{L}}\p{{Nl}}]]]"
# A vowel that is written before its consonant, the letter, its marks, letters written below it, vowels that follow it.
CLUSTER = (
    rf"[\u0e40-\u0e44\u0ec0-\u0ec4]?{UNSPACED}"
    rf"(?:[\u17d2\u1039]{UNSPACED}|\p{{M}}|[\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3])*+"
)
_WORD = rf"[[\p{{L}}\p{{N}}\p{{Pc}}]--{UNSPACED}][[\p{{L}}\p{{N}}\p{{M}}\p{{Pc}}\u200c\u200d]--{UNSPACED}]*+"
_OPERATOR = (
    r"[\p{Sm}\p{Sc}\p{So}\U0001f3fb-\U0001f3ff\^#&%@*/\\\[\]{}‰٪\u2032\u2033\uff03\uff06\uff05\uff20\uff0a\uff0f\uff3c]"
)
# A dash counts beside a digit, between single letters and before an option; elsewhere it is punctuation.
_DASH = r"-(?=\s*(?:\.?\p{Nd}|[∞√\p{Sc}]))|(?<=\p{Nd}\s*)-|(?<=\b\p{L}\s*)-(?=\s*\p{L}\b)|(?<!\S)-(?=[-\p{L}])"
# Brackets count next to an operator, with something to calculate with on its other side.
_BRACKET = (
    r"(?<=(?:\p{N}|\b\p{L}|\))\s*[-+*/^]\s*)\((?=[-\s]*[\p{N}\p{L}(])"
    r"|(?<=[\p{N}\p{L})]\s*)\)(?=\s*[-+*/^]\s*(?:\p{N}|\p{L}\b|\())"
)
_NOT = r"(?<![\p{L}\p{N}\p{M}])!(?=[(\p{L}\p{N}\p{Pc}])|!(?==)|(?<=[&|=]\s*)!(?=\s*[(\p{L}\p{N}])"
# After a number or a variable, before what goes on with it; else the end of what is said: "Give me 5!"
_FACTORIAL = r"(?<=\p{Nd})!(?=\s*[-+*/^=)×÷·?])|(?<=\b\p{L})!(?=\s*[+*/^=×÷·])"  # noqa: RUF001
_CODE = r":(?=[:=])|(?<=:):|\?(?=\.\w)|(?<=\b\p{L})'(?=\()|(?<=\p{Nd})['\"](?=\p{Nd})"  # `:=`, `::`, `?.`, f'(x), 6'2

_TOKEN = regex.compile(rf"{_WORD}|{CLUSTER}|{_OPERATOR}|{_DASH}|{_BRACKET}|{_NOT}|{_FACTORIAL}|{_CODE}", regex.V1)
_ANY_TOKEN = regex.compile(rf"{_WORD}|{CLUSTER}|[^\s\u200b\ufeff]", regex.V1)
_UNSPACED_LETTER = regex.compile(UNSPACED, regex.V1)
_HAN = regex.compile(r"\p{Han}")
_OPERATOR_SIGN = regex.compile(_OPERATOR, regex.V1)
_UNCASED = regex.compile(r"\p{Lo}")
_PLAIN_WORD = re.compile(r"(?<!\w)[^\W\d_]{3,}(?!\w)")
_SENTENCE_START = re.compile(r"(?<=[.!?…।؟])\s+|(?<=[。！？])")  # noqa: RUF001
_BEFORE_CODE = ("\\", "%", "$", "-", "@", "`")  # `\D` and `\d`, `%Y` and `%y`, `-P` and `-p` differ
_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe63\uff0d]")

# Most texts need no closer look, which is slow: signs and capitals inside words are looked for in one step.
_CAPITALS = "A-Z" + "".join(character for character in map(chr, range(128, 0x10000)) if character.isupper())
_CAPITAL_INSIDE = re.compile(rf"[{_CAPITALS}](?<=\w.)")
_ASCII_CAPITAL_INSIDE = re.compile(r"[A-Z](?<=\w.)", re.ASCII)
_WORD_WITH_CAPITAL = re.compile(rf"(?P<inside>\b\w[^\W{_CAPITALS}]*[{_CAPITALS}]\w*)|{letter_case.WORD}")
_PUNCTUATION = (  # in "well-known", and after "Hello!"; signs that only code has before these characters
    r"(?!(?<=[^\W\d_]-)[^\W\d_](?:(?<=\w\w-\w)|\w))(?!(?<=!)(?<!\d!)(?<!\b\w!)(?:[^=(\w]|$))"
    r"(?!(?<=:)(?:[^:=]|$))(?!(?<=\?)(?:[^.]|$))(?!(?<=')(?:[^(\d]|$))(?!(?<=\")(?:\D|$))"
)
_NOT_PLAIN = re.compile(rf"[-+=<>|#&@*/\\^~$%!\[\]{{}}:?'\"A-Z](?<![^\w][A-Z])(?<!^[A-Z]){_PUNCTUATION}", re.ASCII)
_NEEDS_TOKENS = re.compile(
    # dashes, joiners, variation selectors, and scripts whose letters form clusters
    rf"[-!:?'\"\u200d\ufe00-\ufe0f\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\u3099\u309a"
    rf"\ua980-\ua9df\uaa60-\uaadf]{_PUNCTUATION}|[-+*/^]\s*\(|\)\s*[-+*/^]"
)


class _Spaced(dict[int, str]):
    """For `str.translate`: space in place of punctuation and around words of one character."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if _OPERATOR_SIGN.match(character) or _UNSPACED_LETTER.match(character):
            found = f" {character} "
        elif character in "\u200c_" or category(character)[0] in "LNM" or category(character) == "Pc":
            found = character
        else:
            found = " "
        self[code] = found
        return found


_SPACED = _Spaced()
_ASCII_SPACES = {code: " " for code in range(128) if not re.match(r"\w", chr(code))}


def normalised(text: str) -> str:
    """The words of a text with a space between; of a text without any, its characters.

    Punctuation is left out. Capitals count where they are inside a word of a sentence that has small letters, too:
    `getUser` and `getuser`, `CO` and `Co` differ; and where they are a unit or a name in code, see `letter_case`.
    """
    text = text.strip()
    if text.isascii() and not _NOT_PLAIN.search(text) and not letter_case.has_meaning(text):
        return " ".join(text.lower().translate(_ASCII_SPACES).split()) or " ".join(text.split())
    plain = folded(text)
    if not plain.isascii():
        plain = _DASHES.sub("-", plain)
    words = _TOKEN.findall(plain) if _NEEDS_TOKENS.search(plain) else plain.translate(_SPACED).split()
    return " ".join(words or text.split())


def exact(text: str) -> str:
    """Words and all signs of a text, with a space between.

    Texts with equal ones differ in white space and in the case of whole sentences only, which is the first letter of a
    sentence, the pronoun `I`, and a sentence in capitals or as titles are written.
    """
    plain = letter_case.with_small_pronoun(normalize("NFC", text))
    both = letter_case.in_both_cases(plain)
    sentences = (_without_sentence_case(each, both) for each in _SENTENCE_START.split(plain))
    return " ".join(_ANY_TOKEN.findall(" ".join(sentences)))


def folded(text: str) -> str:
    """A text in NFC and in lower case, but for words with capitals inside, in sentences that are not all capitals."""
    if text.isascii():
        if not _ASCII_CAPITAL_INSIDE.search(text) and not letter_case.has_meaning(text):
            return text.lower()
    else:
        text = normalize("NFC", text)
    lower = text.lower()
    if lower != text and (_CAPITAL_INSIDE.search(text) or letter_case.has_meaning(text)):
        both = letter_case.in_both_cases(text)
        lower = " ".join(_folded_sentence(sentence, both) for sentence in _SENTENCE_START.split(text))
    return normalize("NFC", lower)


def _folded_sentence(sentence: str, both: frozenset[str]) -> str:
    if _is_shouted(sentence):
        return sentence.lower()
    parts, at = list[str](), 0
    for match in _WORD_WITH_CAPITAL.finditer(sentence):
        if match["inside"] is None and not letter_case.is_kept(match, both):
            continue
        parts += [sentence[at : match.start()].lower(), match.group()]
        at = match.end()
    return "".join([*parts, sentence[at:].lower()])


def _without_sentence_case(sentence: str, both: frozenset[str]) -> str:
    if _is_shouted(sentence):
        return sentence.lower()
    if letter_case.is_title(sentence):
        return _folded_sentence(sentence, both)
    if (label := letter_case.label(sentence)) is not None:
        return label[0].lower() + _without_sentence_case(sentence[label.end() :], both)
    first = re.search(r"\w+", sentence)
    if first is None or _CAPITAL_INSIDE.search(first.group()) or sentence[: first.start()].endswith(_BEFORE_CODE):
        return sentence
    if (word := letter_case.find(sentence, first.start())) is not None and letter_case.is_kept(word, frozenset()):
        return sentence
    return sentence[: first.start()] + first.group().lower() + sentence[first.end() :]


def _is_shouted(sentence: str) -> bool:
    """Whether a sentence is in capitals, and not just an abbreviation or a formula."""
    if not sentence.isupper() or (not sentence.isascii() and _UNCASED.search(sentence)):
        return False
    lengths = [len(word) for word in _PLAIN_WORD.findall(sentence)]
    return len(lengths) > 1 or any(length > NGRAM_WORDS for length in lengths)


def shingles(text: str) -> set[object]:
    """The runs of three words of a normalised text, or a short text itself.

    In scripts without spaces a run has as many characters as three words have.
    """
    words = text.split()
    if text.isascii() or not _UNSPACED_LETTER.search(text):
        return set(zip(words, words[1:], words[2:], strict=False)) if len(words) >= NGRAM_WORDS else {text}
    weights = [weight(word) for word in words]
    found: set[object] = set()
    end = total = 0
    for start in range(len(words)):
        while total < NGRAM_WORDS * WORD_WEIGHT and end < len(words):
            total += weights[end]
            end += 1
        if total < NGRAM_WORDS * WORD_WEIGHT:
            break
        found.add(tuple(words[start:end]))
        total -= weights[start]
    return found or {text}


def weight(word: str) -> int:
    """The part of a word that this is, in sixths."""
    if word.isascii() or not _UNSPACED_LETTER.search(word):
        return WORD_WEIGHT
    return _HAN_WEIGHT if _HAN.match(word) else _SYLLABLE_WEIGHT


def size(words: Sequence[str]) -> float:
    """The number of words, where characters of scripts without spaces count as parts of words."""
    return sum(map(weight, words)) / WORD_WEIGHT
