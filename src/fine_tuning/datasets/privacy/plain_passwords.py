"""Passwords that are words alone, as people write them in prose: only the place, or the word itself, tells them."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re

from fine_tuning.datasets.privacy import owners
from fine_tuning.datasets.privacy.common_passwords import is_common
from fine_tuning.datasets.privacy.secret_values import is_phrase, is_plain_word, is_rule, is_secret_word
from fine_tuning.datasets.privacy.secret_words import LABELS

_MARKS = r"[\"'`*_]{0,3}"
_CLAUSE_END = r"(?=[\"'`*_”»]{0,3}[ \t]*(?:[.!,;)](?=\s|$)|$|\n))"
_IS = r"(?:[ \t]+(?:is|was)(?:[ \t]+now)?[ \t]*:?|[ \t]*[:=])"
_WORD = re.compile(
    rf"{_MARKS}(?P<is>{_IS})[ \t]*{_MARKS}[ \t]*(?P<value>[A-Za-z]{{5,24}}\d?){_CLAUSE_END}", re.MULTILINE
)
_IN_SCRIPT = re.compile(rf"{_MARKS}[ \t]*[:：=][ \t]*(?P<value>[^\W\d_]{{5,24}}){_CLAUSE_END}", re.MULTILINE)
_SPACED = re.compile(r"[ \t]+(?P<value>[A-Za-z]{5,12}\d{0,3})(?=[.,;!?)]?(?:\s|$))")
_NEXT = re.compile(r"[ \t]+(?P<value>[A-Za-z]{3,16}\d{1,6}[A-Za-z]{0,2})(?=[.,;!?)]?(?:\s|$))")
_PHRASE = re.compile(
    rf"{_MARKS}{_IS}[ \t]*(?P<quote>[“„«\"'`])?(?P<value>[A-Za-z]{{2,20}}(?:[ -][A-Za-z]{{2,20}}){{2,23}})"
    rf"(?(quote)[”“»\"'`]|{_CLAUSE_END})",
    re.MULTILINE,
)
_SHORT = frozenset({"pw", "pwd", "passwd", "mdp"})  # which mean nothing else
_STATES = frozenset(
    """weak wrong right lost gone fine safe short long simple complex easy hard good better best unique private public
    confidential different outdated ready broken stuck mine yours hers theirs there known unknown written forgotten
    taken given shown hidden stolen chosen typed reset stale fresh great terrible awful useless useful important
    identical similar equal related legit legal illegal random secure insecure visible invisible blank empty alright
    exactly never always still really super quite pretty below above inside online offline elsewhere somewhere nowhere
    needed enough pending special sacred precious numeric alphanumeric lowercase uppercase shared crucial critical
    dangerous obvious clear unclear common again today tomorrow yesterday later soon everything nothing something
    anything impossible possible necessary correct okay sound solid awesome kaput bogus dead alive rubbish
    longer shorter weaker stronger harder safer better worse expires changes rotates matches fails works english german
    french spanish latin arabic chinese""".split()
)
_OF_STATES = re.compile(r"(?:ed|ing|ly|able|ible|ful|less|ous|ent|ant|ive|ary|ory|est|wn|pt)$")

_OF_FOREIGN_STATES = re.compile(
    r"(?:en|t|ig|lich|sch|haft|[aeiu]d[ao]|[aeiu]t[ao]|vel|ble|bile|ées?|és?|any|ony|ený|aný|ан|ен|ён|ыт|ет|[ыи]й|[ая]я)$"
)


def span_after(text: str, start: int, end: int, kind: str) -> tuple[int, int] | None:
    """Start and end of the password or phrase of plain words behind a name of one; None without.

    Args:
        start, end: of the name; the words before it say whose password it is.
        kind: of the name; only passwords and passphrases are plain words.
    """
    if kind not in {"password", "passphrase"}:
        return None
    if kind == "passphrase":
        match = _PHRASE.match(text, end)
        return match.span("value") if match and _is_said(match["value"], is_quoted=bool(match["quote"])) else None
    is_ours = owners.is_own_elsewhere(text, start)
    if match := _WORD.match(text, end):
        value = match["value"]
        if is_common(value) or (
            (owners.is_own(text, start) or owners.is_of_a_place(text, start)) and _is_no_state(value)
        ):
            return match.span("value")
        if not is_ours:
            return None
    if is_ours and (match := _IN_SCRIPT.match(text, end)) and _is_name(match["value"]):
        return match.span("value")
    match = _SPACED.match(text, end)
    if match and re.search(r"\d$", match["value"]) and is_common(match["value"]):
        return match.span("value")
    match = _NEXT.match(text, end)
    if match and is_secret_word(match["value"], kind):
        name = text[start:end].lower()
        is_verb = name == "pass" and not re.search(r"\d\w", match["value"])
        is_said = name in _SHORT or owners.is_owned(text, start, end)
        return match.span("value") if is_said or owners.is_behind_login(text, start, needs_sign=is_verb) else None
    return None


def _is_no_state(value: str) -> bool:
    """Whether a word is no adjective or participle: in `my password is lost` the word is no password."""
    word = value.lower()
    is_written = value.islower() or value == value.capitalize()
    return is_written and word not in _STATES and not _OF_STATES.search(word) and is_plain_word(word)


def _is_name(value: str) -> bool:
    is_state = _OF_STATES.search(value) or _OF_FOREIGN_STATES.search(value)
    return value == value.lower() and not re.search(LABELS, value) and not is_state


def _is_said(value: str, *, is_quoted: bool) -> bool:
    words = value.lower().replace("-", " ")
    return is_phrase(words) and (is_quoted or not (is_rule(words) or _OF_STATES.search(words.split()[0])))
