"""Detect the language of a text with py3langid, offline, among some 140 languages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fine_tuning.errors import UsageError

MAX_CHARACTERS = 2000  # of a text that are read
MIN_LETTERS = 16  # of a text whose language can be detected


def language_of(text: str) -> str | None:
    """The ISO 639 code of a text's most likely language, zxx for none; None for a text too short to detect."""
    import py3langid

    letters = sum(character.isalpha() for character in text[:MAX_CHARACTERS])
    # A letter of Chinese, Japanese or Korean says as much as a word.
    if letters < MIN_LETTERS and not any(character >= "\u3040" for character in text if character.isalpha()):
        return None
    return str(py3langid.classify(text[:MAX_CHARACTERS])[0])


def plain(code: str) -> str:
    """A code as the statistics have it: in lower case, and Norwegian without its kind."""
    return {"nb": "no"}.get(code.lower(), code.lower())


def check(codes: Sequence[str]) -> None:
    """Check that these languages can be detected.

    Raises:
        UsageError: one is unknown.
    """
    for code in codes:
        if plain(code) not in _known():
            raise UsageError(f"unknown language {code!r}; use ISO 639 codes: {', '.join(sorted(_known()))}")


@cache
def _known() -> frozenset[str]:
    import py3langid

    return frozenset(code for code, _ in py3langid.rank(""))
