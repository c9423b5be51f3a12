"""Passwords and PINs in the answer to the question for them: in the next turn of a chat, or in the next line."""

# ruff: noqa: RUF001 - signs of many scripts

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from fine_tuning.datasets.privacy.code_words import CODES, PINS
from fine_tuning.datasets.privacy.copulas import IS
from fine_tuning.datasets.privacy.said_passwords import OF_A_FORM
from fine_tuning.datasets.privacy.secret_names import PIN
from fine_tuning.datasets.privacy.secret_values import is_secret_word, is_strong_password
from fine_tuning.datasets.privacy.secret_words import PASSWORDS

_LONGEST = 160  # characters of a question, and of an answer
_LETTER = r"[A-Za-z\u00c0-\u024f\u0400-\u04ff]"  # of the scripts that divide words
_QUESTION = re.compile(
    rf"(?:(?P<pin>(?<!{_LETTER})(?:pin|{PINS}|{CODES}))(?![a-z])|(?<!{_LETTER})(?:pass(?:word|code|phrase|wd)|pwd|{PASSWORDS})"
    rf"(?:ni|nya|mu|ku)?(?!{_LETTER}){OF_A_FORM})[^.!?？؟。！\n]{{0,60}}(?P<end>[?？؟:：.。!！]?)[\"'*_)\s]{{0,5}}$",
    re.IGNORECASE,
)
# Without a question mark, one of these words asks for it.
_REQUEST = re.compile(
    r"\b(?:please|enter|type|provide|send|tell|give|share|need|confirm|bitte|gib|geben|nennen|brauche|donnez?|entrez"
    r"|indiquez?|ingres[ae]\w*|introdu\w+|dime|necesito|inserisc\w+|digite|informe|voer|geef|podaj|wpisz|zadejte|введите"
    r"|укажите|назовите|напишите|введіть|girin|yazın|nhập|masukkan|ange|skriv|indtast|anna|adja|unesite|أدخل|أرسل|הזן|הקלד)"
    r"(?!\w)|दर्ज|กรอก|请|請|输入|入力|教えて|입력|알려",
    re.IGNORECASE,
)
_MANNER = re.compile(
    r"\b(?:how|why|where|when|wie(?! (?:lautet|ist|war|heißt))|wo|warum|comment|pourquoi|cómo|come|como|hoe|jak|как"
    r"|почему|где)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"(?P<lead>(?:[^\W\d_][\w'’]{0,20}[,:;.!]?[ \t]+){0,5}?)[\"'`*“«「]{0,3}"
    r"(?P<value>[!-~\u00a1-\u024f]{4,60}?)[\"'`*”»」]{0,3}[.,;]?"
)
_NAMES_VALUE = re.compile(rf"(?:{IS}|['’]s|[:,])[ \t]*$", re.IGNORECASE)
_LABEL = re.compile(
    r"[a-z]+(?:[-_ ][a-z]+)*[-_]\d{1,3}|(?:class|label|option|intent|step|v|type)\d{1,3}", re.IGNORECASE
)
_LINE = re.compile(r"[^\s][^\n]*")
_SPEAKER = re.compile(r"[*_#]{0,3}[^\W\d_][\w .]{0,20}[*_]{0,3}[:：>][*_]{0,3}[ \t]*(?=[^\n])")
_TEXTS = frozenset(
    "content text value prompt completion response instruction input output question answer query reply message body "
    "user assistant human bot messages turns dialog".split()
)


class AnsweredSecret(NamedTuple):
    """A value that was asked for: the field that it could be the value of, and where it is in the text."""

    field: str
    start: int
    end: int


class Turns:
    """The texts of a row in their order: what one asks for, the next one answers."""

    def __init__(self) -> None:
        self._last = ""

    def answer(self, name: str, text: str) -> AnsweredSecret | None:
        """What the text says that the one before asked for; None where that is nothing.

        Args:
            name: of the field of the text.
        """
        if name.lower() not in _TEXTS:
            return None
        question, self._last = self._last, text
        return answered(question, text)


def answered(question: str, answer: str) -> AnsweredSecret | None:
    """The password or PIN of an answer to a question for it."""
    if not question or len(answer) > _LONGEST or not any(map(str.isdigit, answer)):
        return None
    text = question.rstrip()[-_LONGEST:]
    match = _QUESTION.search(text)
    if match is None or _MANNER.search(text) or not (match["end"] in {*"?？؟:："} or _REQUEST.search(text)):
        return None
    found = _ANSWER.fullmatch(answer, len(answer) - len(answer.lstrip()), len(answer.rstrip()))
    if found is None:
        return None
    field = PIN if match["pin"] else "password"
    return AnsweredSecret(field, *found.span("value")) if _is_value(found["lead"], found["value"], field) else None


def find(text: str) -> Iterator[AnsweredSecret]:
    """Each in a text that has the question and the answer in lines of their own."""
    for question, line in pairwise(_LINE.finditer(text)):
        speaker = _SPEAKER.match(text, *line.span())
        start = speaker.end() if speaker else line.start()
        if found := answered(question[0], text[start : line.end()]):
            yield AnsweredSecret(found.field, start + found.start, start + found.end)


def _is_value(lead: str, value: str, field: str) -> bool:
    if value.isdigit():
        return field == PIN and len(value) <= 8
    is_named = not lead or _NAMES_VALUE.search(lead)
    return not _LABEL.fullmatch(value) and (
        is_secret_word(value, "password") if is_named else is_strong_password(value)
    )
