"""Secrets by the name that they are assigned to: in code, settings, headers, command lines, URLs and prose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fine_tuning.datasets.privacy.secret_names import STEMS, kind_of
from fine_tuning.datasets.privacy.secret_values import (
    is_plain_word,
    is_secret_text,
    is_secret_word,
    is_strong_password,
)

Place = tuple[int, int, str]
_I = re.IGNORECASE
_NAME = re.compile(rf"{STEMS}(?:[-_]?\d{{1,2}}|[-_]value)?(?![a-z0-9_])")
_LONGEST_PREFIX = 80  # of a name, such as `spring.datasource.` of `spring.datasource.password`
_PREFIX = re.compile(r"[A-Za-z0-9_.-]*$")
# What follows a name: password = "...", "password": "...", 'password' => '...', .password("..."), password == "..."
_QUOTED = re.compile(
    r"(?:\\?[\"'`])?\]?(?:\s*:\s*[A-Za-z][\w.\[\] |]{0,30}?)?\s*(?:===?|!==?|:=|=>|[=:(,]|\bis\b)\s*[@bruf$]{0,2}"
    r"(?P<quote>[\"'`])(?P<value>(?:\\.|(?!(?P=quote))[^\\\n]){1,5000})(?P=quote)",
    _I,
)
_XML = re.compile(r"(?:\s[^<>]*)?>(?P<value>[^<>\s]{4,2000})</")
# {"name": "DB_PASSWORD", "value": "..."} and its like in YAML and XML; a row of a table.
_BESIDE = re.compile(r"[\"']?\s*,?\s*[\"']?value[\"']?\s*[:=]\s*[\"']?(?P<value>[^\s\"'\\<>]{4,2000})", _I)
_CELL = re.compile(r"[`*]*[ \t]*\|[ \t]*`?(?P<value>[^\s|`]{4,2000})`?[ \t]*(?:\||$)", re.MULTILINE)
_SPACED = re.compile(
    r"(?:\s+to)?\s+(?P<quote>[\"'`]?)(?P<value>[!-~]{8,100}?)(?P=quote)(?=[.,;:?!)]?(?:[\s\u0080-\U0010ffff]|$))"
)
_FLAG = re.compile(r"(?:\s+|=)(?P<quote>[\"']?)(?P<value>[^\s\"'\\]{4,2000})(?P=quote)")
# Without quotes, the value ends before what ends a value in settings, URLs, lists and code.
_BARE = re.compile(
    r"(?P<quote>[\"']?)(?P<operator>\s*(?::=|=>|[=:]|\bis(?: now)?:?(?=\s)|\b(?:was|ist|est|es|är)\b:?"
    r"|は|是|为|為|คือ|है|[는은]|[—\u2013])\s*)[「『“]?(?:(?:bearer|basic|token|apikey)\s+)?"
    # Case counts here: the Kelvin sign and others of that range are small letters of ASCII where it does not.
    r"(?-i:(?P<value>[^\s\"'`,;&<>(){}\[\]|\\\u0080-\U0010ffff]{4,5000}))(?P<after>[(\[{<]?)",
    _I,
)
_SETTINGS = re.compile(r"(?:^|(?:^|\s)(?:export|set|setx|-e|--env|declare -x)\s+|[;?&])\"?$")
_USER = re.compile(r"(?:user(?:_?name|_?id)?|uid|login|e-?mail|account|utilisateur|benutzer)[\"']?\s*[:=]", _I)
_CODE_AFTER = re.compile(r"\s*[(\[]|\s+(?:if|or|and|else|for|in|is|not|as)\b|\s*[+*?]\s")
_END = re.compile(r"[ \t]*(?:$|[;&,]|#|//|[)}\]])", re.MULTILINE)
_REST = re.compile(r"&[^\s\"'`,;<>(){}\[\]|\\\u0080-\U0010ffff]{1,200}")
_ATTRIBUTE = re.compile(r"[A-Za-z_][\w.]*\.[A-Za-z_]\w*")
_SCHEME = re.compile(r"^(?:bearer|basic|token|apikey)\s+", _I)


class _Name(NamedTuple):
    """A name of a secret: its kind, and where it begins and ends."""

    kind: str
    start: int
    end: int


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each secret that a name says to be one."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters have two small ones
        lowered = "".join(each.lower() if each.isascii() else each for each in text)
    for match in _NAME.finditer(lowered):
        prefix = _PREFIX.search(text, max(0, match.start() - _LONGEST_PREFIX), match.start())
        start = prefix.start() if prefix else match.start()
        name = text[start : match.end()]
        if kind := kind_of(name):
            dashes = len(name) - len(name.lstrip("-"))
            yield from _after(text, _Name(kind, start + dashes, match.end()), is_flag=dashes in (1, 2))


def of_field(name: str, value: str) -> Place | None:
    """The secret that the value of a field of JSON is."""
    kind = "password" if name.lower() == "pin" and re.fullmatch(r"\d{4,6}", value) else kind_of(name)
    secret = _SCHEME.sub("", value)
    if kind is None:
        return None
    least = 4 if name.lower() == "pin" else 6
    is_number = value.isdigit() and len(value) >= least and kind in {"password", "passphrase"}
    return (len(value) - len(secret), len(value), kind) if is_number or is_secret_text(secret, kind) else None


def _after(text: str, name: _Name, *, is_flag: bool) -> Iterator[Place]:
    if quoted := _QUOTED.match(text, name.end):
        start, end = quoted.span("value")
        secret = _SCHEME.sub("", text[start:end])
        if is_secret_text(secret, name.kind):
            yield end - len(secret), end, name.kind
        return
    before = text[max(0, name.start - 10) : name.start]
    is_docker = before.endswith("ENV ")
    others = ((_XML, before.endswith("<")), (_FLAG, is_flag or is_docker), (_BESIDE, True), (_CELL, True))
    for pattern, fits in others:
        if fits and (match := pattern.match(text, name.end)) and is_secret_text(match["value"], name.kind):
            yield *match.span("value"), name.kind
            return
    spaced = _SPACED.match(text, name.end) if name.kind in {"password", "passphrase"} else None
    is_heading = before.endswith((",", ";", "\t", "|"))  # of a table, whose cells `table_secrets` reads
    if spaced and not is_heading and is_strong_password(spaced["value"]):
        yield *spaced.span("value"), name.kind
    elif match := _BARE.match(text, name.end):
        start = match.start("value")
        end = _end_of_word(match)
        if not match["after"] and _is_bare_secret(text, name, match, end):
            yield start, end, name.kind


def _end_of_word(match: re.Match[str]) -> int:
    """The end of a word without quotes: in prose, a full stop belongs to the sentence, and `&` divides nothing."""
    is_prose = match["operator"].endswith((" ", "\n")) or not match["operator"].isascii()
    end = match.end("value")
    if is_prose and (rest := _REST.match(match.string, end)):
        end = rest.end()
    return match.start("value") + len(match.string[match.start("value") : end].rstrip(".?:" if is_prose else ".:"))


def _is_bare_secret(text: str, name: _Name, match: re.Match[str], end: int) -> bool:
    value, kind = text[match.start("value") : end], name.kind
    line = text[text.rfind("\n", 0, name.start) + 1 : name.start]
    is_password = kind in {"password", "passphrase"}
    if match["operator"] == "=" and _SETTINGS.search(line) and _END.match(text, end):
        if value.isalpha():
            return is_password and is_plain_word(value)
        return is_secret_text(value, kind) and not _ATTRIBUTE.fullmatch(value)
    if value.isalpha():
        is_login = match["operator"].strip() in {":", "="} and _USER.search(text[max(0, name.start - 80) : name.start])
        return bool(is_login) and is_password and bool(_END.match(text, end)) and is_plain_word(value)
    is_code = "=" in match["operator"]
    if is_code and (_CODE_AFTER.match(text, end) or re.fullmatch(r"[A-Za-z_]+", value)):
        return False
    return is_secret_word(value, kind)
