"""Words whose first letter is a capital that carries meaning: `5 Mg` and `5 mg`, `Map(` and `map(`, `x + X`."""

from __future__ import annotations

import re

# Prefixes of units whose small letter is another one, or the unit itself is.
_UNITS = r"(?:M[mglb]|[KGTP]b|[NC]m)"
_AFTER_NUMBER = r"(?<=\d )(?:[A-HJ-Z]|M[swva])"
_OPTION = r"(?:(?<=\s-)|(?<=^-))[A-Z]"
_CODE = rf"[A-Z][a-z0-9_]*(?=\((?!e?s\)))|(?<=`)[A-Z][a-z0-9_]*|(?<=[$%\\])[A-Z][a-z0-9_]*|{_OPTION}|(?<=::)[A-Z]\w*"
_SINGLE = r"(?<![\w'’.])[B-HJ-Z](?![\w'’])"  # noqa: RUF001
_SURE = rf"(?<!\w)(?:{_UNITS}|{_AFTER_NUMBER})(?![\w'])|(?<!\w)(?:{_CODE})(?!\w)"
WORD = rf"{_SURE}|{_SINGLE}"
_WORD = re.compile(WORD)
_SMALL = re.compile(r"(?<![\w'’.])[b-hj-z](?![\w'’])")  # noqa: RUF001
_SINGLE_LETTER = re.compile(_SINGLE)
_MEANING = re.compile(_SURE)
# The English pronoun: before a verb or its short form, or at the end of what is said; no variable, and no number.
_PRONOUN = re.compile(
    r"(?<![^\s(\"'“‘])I(?=['’](?:m|ll|ve|d|re)\b|\s+[a-z]{2,}\b(?!\())"  # noqa: RUF001
    r"|(?<=[a-z]{2}\s)I(?=[.,;!?)]*(?:\s|\Z)(?!\s*[-+*/=<>&|^(]))"
)
_NO_PRONOUN = re.compile(r"[-+*/=<>&|^]\s*I\b|\bfor\s+I\b|(?<![\w'’.])i(?![\w'’])")  # noqa: RUF001
_LABEL = re.compile(
    r"\s*(?:q|a|question|answer|query|prompt|instruction|task|user|human|customer|assistant|agent|bot):\s+(?![B-HJ-Z]\b)",
    re.IGNORECASE,
)
_PLAIN_WORD = re.compile(r"(?<![\w.@#/\\$%`-])[^\W\d_]+(?!\w)")
_SHORT, _MANY = 3, 3  # letters of words that titles write small, and words by which a title is told
# Every word of `WORD` begins with one of these capitals, which are found sooner, and few sentences have one.
_MAY_BE = re.compile(
    r"[A-Z](?:(?<=[`$%\\:-].)|(?<=\d .)|(?<=[B-HJ-Z])(?![\w'’])|(?:(?<=M)[mglb]|(?<=[KGTP])b|(?<=[NC])m)(?![\w'])"  # noqa: RUF001
    r"|[a-z0-9_]*\()"
)


def has_meaning(text: str) -> bool:
    """Whether a text may have such words; it has none where only its first letter is a capital, as most texts."""
    return not text[1:].islower() and _MAY_BE.search(text) is not None and _WORD.search(text) is not None


def with_small_pronoun(text: str) -> str:
    """The text with `i` for the pronoun `I`, as some write it; unchanged where `I` may be a name."""
    if "I" not in text or _NO_PRONOUN.search(text):
        return text
    return _PRONOUN.sub("i", text)


def is_title(sentence: str) -> bool:
    """Whether each longer word of a sentence begins with a capital: `How Do I Reset My Password?`."""
    words = _PLAIN_WORD.findall(sentence)
    long = [word for word in words if len(word) > _SHORT]
    return len(words) >= _MANY and len(long) > 1 and all(word[0].isupper() and word[1:].islower() for word in long)


def label(sentence: str) -> re.Match[str] | None:
    """What names the speaker before a sentence, such as `Q: `; None without one."""
    return _LABEL.match(sentence)


def find(text: str, at: int) -> re.Match[str] | None:
    """The word that begins there, if its capital may carry meaning."""
    return _WORD.match(text, at)


def in_both_cases(text: str) -> frozenset[str]:
    """The capitals that stand alone in a text that has the small letter alone, too: `x + X`."""
    small = {each.upper() for each in _SMALL.findall(text)}
    return frozenset(small.intersection(_SINGLE_LETTER.findall(text))) if small else frozenset()


def is_kept(match: re.Match[str], both: frozenset[str]) -> bool:
    """Whether a word that `WORD` matches keeps its capital.

    Args:
        both: see `in_both_cases`.
    """
    found = match.group()
    return found in both or _MEANING.match(match.string, match.start()) is not None


def tells(word: str) -> bool:
    """Whether a word of a normalised text has kept its first capital."""
    return word[:1].isupper() and word[1:] == word[1:].lower()
