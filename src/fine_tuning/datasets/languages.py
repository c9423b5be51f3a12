"""The language of a text, told by py3langid, whose statistics of some 140 languages come along in its wheel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from fine_tuning.errors import UsageError

ENOUGH = 2000  # characters
LEAST_LETTERS = 16  # of a text whose language can be told


def language_of(text: str) -> str | None:
    """The ISO 639 code of the language that a text is most likely in, zxx for none; None for one too short to tell."""
    import py3langid

    letters = sum(character.isalpha() for character in text[:ENOUGH])
    # A letter of Chinese, Japanese or Korean says as much as a word.
    if letters < LEAST_LETTERS and not any(character >= "\u3040" for character in text if character.isalpha()):
        return None
    return str(py3langid.classify(text[:ENOUGH])[0])


def plain(code: str) -> str:
    """A code as the statistics have it: in lower case, and Norwegian without its kind."""
    return {"nb": "no"}.get(code.lower(), code.lower())


def check(codes: Sequence[str]) -> None:
    """See that these languages can be told.

    Raises:
        UsageError: one is not known.
    """
    for code in codes:
        if plain(code) not in _known():
            raise UsageError(f"unknown language {code!r}; use ISO 639 codes: {', '.join(sorted(_known()))}")


@cache
def _known() -> frozenset[str]:
    import py3langid

    return frozenset(code for code, _ in py3langid.rank(""))
