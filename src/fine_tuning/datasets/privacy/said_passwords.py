"""Passwords behind their name and a word such as `is` in prose of any language, with whatever signs they have."""

# ruff: noqa: RUF001 - signs of many scripts

from __future__ import annotations

import re

from fine_tuning.datasets.privacy.copulas import ATTACHED, OF_ENGLISH_NAMES, OF_OTHER_NAMES
from fine_tuning.datasets.privacy.secret_values import is_random_word, is_secret_word, is_technical

_OPENING = r"(?:[*_~`]{1,3}|<(?:b|i|em|strong|code|span)>|[「『“„«‹\"'])?"
# Letters of Latin scripts, digits and signs: what another script, a space or an escaped one follows, ends.
_VALUE = r"(?P<value>(?:(?!\\[nrt])[!-~\u00a1-\u00a6\u00a8-\u00aa\u00ac-\u00ba\u00bc-\u024f]){6,100})"
OF_A_FORM = (
    r"(?![ \t-]?(?:fields?|hash\w*|polic\w+|encod\w+|manag\w+|column|type|format|algorithm|prompt|input|label"
    r"|reset|links?|page|rules?|length|strength|generator|box|history|cracker|vault|app|protection)\b)"
)
"""A pattern: the name goes on as that of a field, a rule or a program."""
_WORDS = r"(?:[ \t]+[^\W\d_][\w'’.@-]{0,20}){0,5}?"


def _behind(words: str, colon: str) -> re.Pattern[str]:
    return re.compile(
        rf"{OF_A_FORM}(?P<between>{_WORDS}|[^\x00-\u024f]{{0,10}}?)"
        rf"(?:(?:[ \t]+[—–-])?[ \t]+(?:{words})(?=[\s:：])[ \t]*[:：]?|['’]s(?=[ \t])|[ \t]*(?:{ATTACHED})[ \t]*[:：]?"
        rf"|[ \t]*(?P<sign>{colon}|[—–](?=[ \t])|[→➜⇒]|->))"
        rf"[ \t]*{_OPENING}{_VALUE}",
        re.IGNORECASE,
    )


_OF_ENGLISH, _OF_OTHERS = _behind(OF_ENGLISH_NAMES, r":(?=[ \t])"), _behind(OF_OTHER_NAMES, r":|(?<=[ \t])-(?=[ \t])")
# Without such a word, as in Russian, Turkish and Hindi, or in `the password ... opens it`.
_NEXT = re.compile(rf"{OF_A_FORM}(?P<between>(?:[ \t]+[^\W\d_]{{1,12}}){{0,2}}?)[ \t]+(?P<sign>){_OPENING}{_VALUE}")
_ENGLISH = re.compile(r"(?:pass(?:word|wd|code|phrase)?|pwd|pw|psk)s?", re.IGNORECASE)
_MARKUP = re.compile(r"</?[A-Za-z]{1,10}>")
_SENTENCE_END = ".,;:?"
_PAIRS = {")": "(", "]": "[", "}": "{", ">": "<", "»": "«", "”": "“"}
_QUOTES = "\"'`*_~"
_BRACKETS = re.compile(r"[(){}\[\]<>|;,\"'`&\\/]")
_ARGUMENTS = r"(?:[(\[{<][\w.,'\"$=:-]*(?:[)\]}>]+(?:\.[A-Za-z_]+)?)?)+\W*"  # of a call of code
_CALL = re.compile(rf"(?:[^\W\d]|[.+])+\d{{0,3}}{_ARGUMENTS}")
_NAME_AND_CALL = re.compile(rf"\$?[A-Za-z_][\w.:>-]*{_ARGUMENTS}")
_OTHERS = re.compile(  # addresses, placeholders, what is assigned
    r"(?:https?|ftp|file|s3|mailto)[:/].*|.*://.*|[^@]+@[\w-]+(?:\.[\w-]+)+|<.*>|\{.*\}|\[.*\]|[=:/].*"
)
_PAIR = re.compile(r"[,;&|][A-Za-z_][\w.-]*[=:]")  # the next setting
_ORDINARY = re.compile(r"[A-Za-z]+(?:[-_./',;:&()|][A-Za-z]+)*|[\d.,:/-]+")


def span_after(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Start and end of the password behind a name of one; None where no other way to write one can be meant.

    Args:
        start, end: of the name.
    """
    pattern = _OF_ENGLISH if _ENGLISH.fullmatch(text, start, end) else _OF_OTHERS
    match = pattern.match(text, end)
    if match and (span := _span(match, is_next=False)):
        return span
    match = _NEXT.match(text, end)
    return _span(match, is_next=True) if match else None


def _span(match: re.Match[str], *, is_next: bool) -> tuple[int, int] | None:
    value = _trimmed(match["value"])
    if not _BRACKETS.search(value) and not is_next and not match["between"] and match["sign"]:
        return None  # what is written as in a setting is read as one
    start = match.start("value")
    return (start, start + len(value)) if _is_said(value, match, is_next=is_next) else None


def _trimmed(value: str) -> str:
    """Without what belongs to the sentence: its full stop, and a bracket or quote that was opened before the value."""
    value = _MARKUP.split(value)[0]
    while value:
        last = value[-1]
        opening = _PAIRS.get(last)
        is_left = (opening is not None and value.count(last) > value.count(opening)) or (
            last in _QUOTES and value.count(last) % 2 == 1
        )
        if last not in _SENTENCE_END and not is_left:
            break
        value = value[:-1]
    return value


def _is_said(value: str, match: re.Match[str], *, is_next: bool) -> bool:
    if len(value) < 6 or _OTHERS.fullmatch(value) or _ORDINARY.fullmatch(value):
        return False
    if match["sign"] and _PAIR.search(value):
        return False
    if is_technical(re.split(r"[(\[{<]", value)[0]):
        return False
    if (_NAME_AND_CALL if match["sign"] else _CALL).fullmatch(value):
        return False
    plain = _BRACKETS.sub("", value)
    if not (is_next or match["between"]):
        return is_secret_word(plain, "password")
    is_numbered = re.fullmatch(r"[A-Z][A-Za-z]*[-_]?\d{1,4}", plain)  # as an article, a flight or a person with a year
    is_sure = _is_strong(value) or (not is_next and is_random_word(plain) and not is_numbered)
    return is_sure and is_secret_word(plain, "password")


def _is_strong(value: str) -> bool:
    """As `is_strong_password`, of a value that may have brackets and quotes."""
    has_both = re.search(r"[a-z]", value) and re.search(r"\d", value)
    return len(value) >= 8 and bool(has_both and re.search(r"[A-Z!@#$%^&*+=?~]", value))
