"""The words that most people choose for a password."""

from __future__ import annotations

_COMMON = frozenset(
    """qwerty qwertz azerty letmein iloveyou sunshine princess monkey dragon football baseball superman batman trustno
    starwars whatever michael jessica ashley bailey charlie jordan hunter soccer pokemon ginger tigger
    buster hockey cheese hannah maggie chelsea liverpool arsenal mustang banana naruto
    asdfgh asdfghjkl zxcvbn zxcvbnm qwertyuiop abcdef abcdefg iloveu lovely babygirl butterfly jennifer samantha
    """.split()
)


def is_common(value: str) -> bool:
    """Whether a word, also with some digits behind it, is one of them."""
    return value.lower().rstrip("0123456789") in _COMMON
