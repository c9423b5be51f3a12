"""Secrets by the name that they are assigned to: in code, settings, headers, command lines, URLs and prose."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fine_tuning.datasets.privacy import (
    assignments,
    fallback_secrets,
    nested_secrets,
    owners,
    plain_passwords,
    prose_secrets,
    said_passwords,
    service_secrets,
    short_codes,
)
from fine_tuning.datasets.privacy.copulas import IS
from fine_tuning.datasets.privacy.secret_names import ENGLISH_STEMS, STEMS, SUFFIX, kind_of
from fine_tuning.datasets.privacy.secret_values import (
    is_plain_word,
    is_quoted_secret,
    is_random_word,
    is_secret_text,
    is_secret_word,
    is_short_token,
    is_spaced_password,
    is_strong_password,
)
from fine_tuning.datasets.privacy.secret_words import ASCII_NEEDLES, NEEDLES

Place = tuple[int, int, str]
_I = re.IGNORECASE
_END_OF_NAME = rf"(?:{SUFFIX}(?![a-z0-9]))?(?:(?<=[^\x00-\x7f])|(?![a-z0-9]|_(?![_:\s])))"
_NAME = re.compile(STEMS + _END_OF_NAME)
_ENGLISH_NAME = re.compile(ENGLISH_STEMS + _END_OF_NAME)
_MARK = r"(?:\*{1,3}|_{1,3}|~~|</?(?:b|strong|i|em|u|code|span|label)>)"  # of bold text, around a name or its value
_LONGEST_PREFIX = 80  # of a name, such as `spring.datasource.` of `spring.datasource.password`
_PREFIX = re.compile(r"[A-Za-z0-9_.-]*$")
_CLOSING = _MARK.replace("_{1,3}", r"_{1,3}(?=\s)")  # behind the colon, where a value may begin with `_`
# What follows a name: password = "...", "password": "...", 'password' => '...', .password("..."), password == "..."
_QUOTED = re.compile(
    rf"{_MARK}?(?:\\?[\"'`])?\]?{assignments.TYPE}\s*(?:{assignments.OPERATOR}|[(,]|{IS}){_MARK}?\s*"
    # Quotes in the value: escaped, doubled as in SQL, or left and entered again as in a shell.
    r"[@bruf$]{0,2}(?P<quote>[\"'`])(?P<value>(?:'\\''|\\.|(?<=[\w!-&*-+./?@^-])(?P=quote){2}(?=[\w!-&*-+./?@^-])"
    r"|(?!(?P=quote))[^\\\n]){1,5000})(?P=quote)",
    _I,
)
_LONG_STRING = re.compile(
    r"[\"']?\]?\s*(?:[=~]?=|\()\s*\[(?P<level>=*)\[(?P<value>[^\"'\]\[:][^\[\]]{3,2000})\](?P=level)\]"
)  # of Lua
_HTML_CELL = re.compile(r"\s*:?\s*</(?:t[dh]|dt)>\s*<(?:t[dh]|dd)[^<>]{0,100}>\s*(?P<value>[^<>\s]{4,2000})\s*</")
_PROPERTY = re.compile(r"[\"'][^<>]{0,200}>\s*(?P<value>[^<>\s]{4,2000})\s*</")
_XML = re.compile(r"(?:\s[^<>]*)?>(?P<value>[^<>\s]{4,2000})</")
# {"name": "DB_PASSWORD", "value": "..."} and its like in YAML and XML; a row of a table.
_BESIDE = re.compile(r"[\"']?\s*,?\s*(?:[\"']?value[\"']?\s*[:=]|-Value\s)\s*[\"']?(?P<value>[^\s\"'\\<>]{4,2000})", _I)
_CELL = re.compile(r"[`*]*[ \t]*\|[ \t]*`?(?P<value>[^\s|`]{4,2000})`?[ \t]*(?:\||$)", re.MULTILINE)
_SPACED = re.compile(
    r"(?:\s+(?:to|-))?\s+(?P<quote>[\"'`]?)(?P<value>[!-~]{8,100}?)(?P=quote)(?=[.,;:?!)]?(?:[\s\u0080-\U0010ffff]|$))"
)
# Other words between the name and the colon, as in `Password for the account (root): ...`.
_QUALIFIED = re.compile(
    rf"{said_passwords.OF_A_FORM}"
    r"(?:[ \t]*\([^()\n]{1,40}\)|(?:[ \t]+[^\W\d_][\w'\u2019.@/-]{0,30}){1,5}(?:[ \t]*\([^()\n]{1,40}\))?)"
    rf"(?:[ \t]*:|[ \t]+(?:{IS}|[—\u2013]))[ \t]*"
    r"[`\"'*]{0,3}(?!//)(?P<value>[!-~]{8,100}?)(?=[`\"'*]{0,3}[.,;:?!)]?(?:[\s\u0080-\U0010ffff]|$))"
)
# Behind more spaces, the help of a program says what a flag does.
_FLAG = re.compile(r"(?:\s|=)(?P<quote>[\"']?)(?P<value>(?:[^\s\"'\\]|\\[&$!#;|()*?~^]){4,2000})(?P=quote)")
# After a word of a script without spaces, or of another language; a key of an API is only seen if it is long.
_ATTACHED = re.compile(
    r"[ \t]?[「『“]?(?P<value>[!#-&*+0-9@-Z^_a-z][!-~]{5,100}?)(?=[.,;:?!)]?(?:[\s\u0080-\U0010ffff]|$))"
)
_QUOTED_KEY = re.compile(
    r"[ \t]+(?P<quote>[\"'`])(?P<value>[\w.+/=-]{8,500})(?P=quote)"
)  # of a macro, a map of Clojure
_LONG = re.compile(r"[ \t]+(?P<value>[A-Za-z0-9_-]{20,500})(?=[.,;:?!)\"'`]?(?:\s|$))")
# A list without quotes, as YAML has it.
_LIST = re.compile(r"[\"']?\s*[:=]\s*\[(?=[^\[\]\n]{4,2000}\])(?P<items>[^\[\]\n\"'()]+)\]")
_ITEM = re.compile(r"[^\s,]+")
# The rest of a line that begins with the name, whatever signs it has.
_REST_OF_LINE = re.compile(
    r"[\"']?[ \t]*[:=][ \t]*(?P<value>(?:[^\s\"'`<>\\\u0250-\U0010ffff]|\\[^\w\s]){4,200})[ \t]*$", re.MULTILINE
)
# Not behind `=` without spaces, as shells and connections have it: there a value ends before a space.
_WORDS_OF_LINE = re.compile(
    r"[\"']?(?:[ \t]*:[ \t]*|[ \t]*=[ \t]+)(?P<value>[!-~]+(?: (?!#|//|;|--)[!-'*-~][!-~]*){1,5})[ \t]*$", re.MULTILINE
)
_PAIR = re.compile(r"[,;&|]\s?[A-Za-z_][\w.-]*(?: [A-Za-z][\w.-]*){0,2}\s?[=:]")  # of a connection, a query or a list
_BEGIN_OF_LINE = re.compile(r"\s*(?:[-+*>#]\s+)?(?:(?:export|set|ENV|declare -x)\s+)?[\"'*_]{0,3}")
# Without quotes, the value ends before what ends a value in settings, URLs, lists and code.
_BARE = re.compile(
    rf"{_MARK}?(?P<quote>[\"'`]?){_MARK}?"
    rf"(?P<operator>\s*(?:{assignments.OPERATOR}|(?:{IS}):?|[—\u2013→➜]):?\s*)"
    rf"(?P<mark>(?:{_CLOSING}\s*){{0,3}}(?:`{{3}}\w*\n|[`「『“«])?\s*)(?:(?:bearer|basic|token|apikey|!!?[a-z]+)\s+)?"
    # Case counts here: the Kelvin sign and others of that range are small letters of ASCII where it does not.
    r"(?-i:(?P<value>(?:[^\s\"'`,;&<>(){}\[\]|\\\u0080-\u00bf\u00d7\u00f7\u0250-\U0010ffff]|\\[&$!#;|()*?~^%@=+{} ])"
    r"{4,5000}))"
    r"(?P<after>[(\[{]|<(?!/?[A-Za-z]{1,10}\s?/?>)|)",
    _I,
)
# A block of YAML, wherever it begins and however it is indented.
_NEXT_LINE = re.compile(r"[\"']?:[ \t]*[|>][+-]?[ \t]*\n[ \t]*(?P<value>[^\s\"']{6,200})[ \t]*(?:\n|\Z)")
# Letters of the text's own script, then digits: a rule such as `at least 8 characters` goes on behind the number.
_IN_SCRIPT = re.compile(
    rf"(?:[ \t]+[^\W\d_]{{1,15}}){{0,2}}[ \t]*(?:[:：=]|(?:{IS})[ \t]*[:：]?|(?<=[ \t])[—\u2013-](?=[ \t]))[ \t]*"
    r"(?!至少|最少|最多|不少于|不超过|长度|長度|请|第|минимум|длина|верси|шаг|최소|길이|단계|อย่างน้อย|ความยาว|לפחות|אורך|طول)"
    r"(?P<value>[A-Za-z]*[^\x00-\xbf\u2000-\u206f\u3000-\u3020\uff00-\uffef]"
    r"[^\x00-@\[-`{-\xbf\u2000-\u206f\u3000-\u3020\uff00-\uffef]{1,40}[_@#-]?\d{2,8}[!@#$%^&*+?~]{0,4})"
    r"(?=[.,;!?。，；！]?(?:[\s\u3000-\u3020\uff00-\uffef]|$))"
)
_SETTINGS = re.compile(r"(?:^|(?:^|\s)(?:export|set|setx|-e|--env|declare -x)\s+|[;?&])\"?$")
_TICKET = re.compile(r"\b(?:boarding|season|hall|day|bus|ski|rail|press|event|visitor|mountain)[ _-]$", _I)
_AGAINST = re.compile(r"\ben[ \t]+$", _I)  # `en mi contra`
_OF_ENTRIES = re.compile(  # of a dictionary, a campaign, a crossword, a day
    r"[ \t]+(?:(?:w|we|v|ve|z|ze)[ \t]+(?:encykl|słowni|slovní|leksyk|lexik|wikiped|krzyż|křížov|kampan)"
    r"|encykl|słowni|slovní|reklam|wybor|volebn|przewodn|krzyż|křížov|kampan|dnia|dne\b|tygodnia|roku)",
    _I,
)
_NAME_OF_CODE = re.compile(r"[a-z]+(?:[_-][a-z]+)*[_-][a-z]+\d{0,3}|(?:[A-Z]+[a-z]+){2,}")
_HANDS_OVER = re.compile(
    r"[ \t]+(?:(?:to|on|in|by|through)\b|[A-Za-z_]\w*=|:[a-z][a-z:+-]*:`"
    r"|(?P<quote>[`'\"])[^`'\"\n]{1,60}(?P=quote)[ \t]+(?:to|as|in|into|for|through|when|if)\b)"
)
_CODE_AFTER = re.compile(  # not of a sentence: `password=hunter2 is weak`, `password=hunter2 and user=ann`
    r"[(\[]|\s*[+*?]\s|\s+(?:(?:if|else|in|not|as)\b|(?:or|and)\b(?!\s+[\w.-]+\s?[=:](?!=))|for \w+ in\b"
    r"|is (?:not|None|True|False)\b)"
)
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
    lowered = text.replace("\u0130", "i").lower()  # the only letter with two small ones
    pattern = (
        _NAME if any(word in lowered for word in (ASCII_NEEDLES if text.isascii() else NEEDLES)) else _ENGLISH_NAME
    )
    for match in pattern.finditer(lowered):
        prefix = _PREFIX.search(text, max(0, match.start() - _LONGEST_PREFIX), match.start())
        start = prefix.start() if prefix else match.start()
        name = text[start : match.end()]
        if (kind := kind_of(name)) and not _is_other_word(text, *match.span()):
            dashes = len(name) - len(name.lstrip("-"))
            end = owners.end_of_name(text, match.end())
            if kind == "access code" and owners.is_password_of(text, start, end):
                kind = "password"
            yield from _after(text, _Name(kind, start + dashes, end), is_flag=dashes in (1, 2))


def of_field(name: str, value: str) -> Place | None:
    """The secret that the value of a field of JSON is."""
    if short_codes.is_code(name, value):
        return 0, len(value), "password"
    kind = kind_of(name) or ("token" if name.lower() in {"auth", "_auth"} and service_secrets.is_login(value) else None)
    secret = _SCHEME.sub("", value)
    if kind is None:
        return None
    is_number = value.isdigit() and len(value) >= 6 and kind in {"password", "passphrase"}
    return (len(value) - len(secret), len(value), kind) if is_number or is_quoted_secret(secret, kind) else None


def _after(text: str, name: _Name, *, is_flag: bool) -> Iterator[Place]:
    if quoted := _QUOTED.match(text, name.end):
        start, end = quoted.span("value")
        secret = _SCHEME.sub("", text[start:end])
        is_next = "," in text[name.end : start] and _NAME_OF_CODE.fullmatch(secret)  # the next of a list of names
        if is_quoted_secret(secret, name.kind) and not is_next and not _is_outcome(text, name, secret):
            yield end - len(secret), end, name.kind
        elif span := plain_passwords.span_after(text, *name[1:], name.kind):
            yield *span, name.kind
        return
    fallback = fallback_secrets.match_after(text, name.start, name.end) or _LONG_STRING.match(text, name.end)
    if fallback and is_quoted_secret(fallback["value"], name.kind):
        yield *fallback.span("value"), name.kind
        return
    before = text[max(0, name.start - 10) : name.start]
    others = (
        (_XML, before.endswith("<")),
        (_PROPERTY, before.endswith(('="', "='"))),
        (_HTML_CELL, True),
        (_FLAG, is_flag or assignments.is_behind_command(text, name.start)),
        (_BESIDE, True),
        (_CELL, True),
    )
    for pattern, fits in others:
        if fits and (match := pattern.match(text, name.end)) and is_secret_text(match["value"], name.kind):
            yield *match.span("value"), name.kind
            return
    if match := _LIST.match(text, name.end):
        items = _ITEM.finditer(text, *match.span("items"))
        yield from ((*item.span(), name.kind) for item in items if is_secret_word(item[0], name.kind))
        return
    nested = list(nested_secrets.find(text, name.start, name.end, name.kind))
    if nested:
        yield from nested
        return
    if name.kind in {"password", "passphrase"} and (span := said_passwords.span_after(text, name.start, name.end)):
        yield *span, name.kind
        return
    if name.kind == "password" and (span := prose_secrets.span_after(text, name.end)):
        yield *span, name.kind
        return
    if match := _in_line(text, name) or _spaced(text, name, before) or _of_block_or_script(text, name):
        yield *match.span("value"), name.kind
        return
    if match := _BARE.match(text, name.end):
        start = match.start("value")
        end = _end_of_word(match, before)
        if not match["after"] and _is_bare_secret(text, name, match, end):
            yield start, end, name.kind
            return
    if (span := plain_passwords.span_after(text, *name[1:], name.kind)) is not None:
        yield *span, name.kind


def _is_other_word(text: str, start: int, end: int) -> bool:
    """Whether `pass` lets someone into a plane or is a verb of code, `hasło` an entry or a slogan, `contra` against."""
    name = text[start:end].lower()
    if name.endswith("contra"):
        return _AGAINST.search(text, max(0, start - 4), start) is not None
    if name in {"hasło", "haslo", "heslo", "geslo"}:
        return _OF_ENTRIES.match(text, end) is not None
    if name != "pass":
        return False
    return bool(_TICKET.search(text, max(0, start - 12), start) or _HANDS_OVER.match(text, end))


def _is_outcome(text: str, name: _Name, value: str) -> bool:
    """Whether a word after `pass` says how a test ended, rather than how a user logs in."""
    is_pass = text[name.start : name.end].lower() == "pass" and value.isalpha()
    return is_pass and not owners.is_beside_user(text, name.start)


def _in_line(text: str, name: _Name) -> re.Match[str] | None:
    """A secret that is the rest of a line, with signs or spaces that end a value elsewhere."""
    if not _BEGIN_OF_LINE.fullmatch(text, text.rfind("\n", 0, name.start) + 1, name.start):
        return None
    match = _REST_OF_LINE.match(text, name.end)
    if match and re.search(r"[,;&(){}\[\]|\\]\S", match["value"]):
        is_one = re.search(r"\d", match["value"]) and match["value"][0] not in "([{|,;&"
        return (
            match if is_one and not _PAIR.search(match["value"]) and is_secret_word(match["value"], name.kind) else None
        )
    words = _WORDS_OF_LINE.match(text, name.end) if name.kind == "password" else None
    if words and _PAIR.search(words["value"]):
        return None
    is_phrase = words and is_spaced_password(words["value"]) and not words["value"].islower()
    is_phrase = is_phrase or (words and re.search(r"[@$!]\w", words["value"]) and is_spaced_password(words["value"]))
    return words if is_phrase else None


def _spaced(text: str, name: _Name, before: str) -> re.Match[str] | None:
    """A secret after its name and a space, or after a word of a script without spaces."""
    if before.endswith((",", ";", "\t", "|")) and text[name.end : name.end + 1].isspace():
        return None  # a heading of a table, whose cells `table_secrets` reads
    is_password = name.kind in {"password", "passphrase"}
    spaced = _SPACED.match(text, name.end) if is_password else None
    qualified = _QUALIFIED.match(text, name.end) if is_password or name.kind == "access code" else None
    for match in (spaced, qualified):
        if match and (
            is_strong_password(match["value"])
            or (match is qualified and is_password and is_random_word(match["value"]))
        ):
            return match
    if not text[name.end - 1].isascii():
        attached = _ATTACHED.match(text, name.end)
        is_name = attached and re.match(r"[A-Za-z_-]+[=:]", attached["value"])
        return attached if attached and not is_name and is_secret_word(attached["value"], name.kind) else None
    long = None if is_password else _QUOTED_KEY.match(text, name.end) or _LONG.match(text, name.end)
    return long if long and is_random_word(long["value"]) else None


def _of_block_or_script(text: str, name: _Name) -> re.Match[str] | None:
    block = _NEXT_LINE.match(text, name.end)
    if block and is_secret_word(block["value"], name.kind):
        return block
    return _IN_SCRIPT.match(text, name.end) if name.kind == "password" else None


def _end_of_word(match: re.Match[str], before: str) -> int:
    """The end of a word without quotes: in prose, a full stop belongs to the sentence, and `&` divides nothing."""
    operator = match["operator"] + match["mark"]
    is_prose = operator.endswith((" ", "\n")) or not operator.isascii()
    end = match.end("value")
    if is_prose and (rest := _REST.match(match.string, end)):
        end = rest.end()
    value = match.string[match.start("value") : end].rstrip(".?:" if is_prose else ".:")
    if before.endswith(("?", "&")):  # of an address, whose fragment comes last
        value = value.split("#")[0]
    is_marked = "*" in match["mark"].rstrip(" ")[-1:] or before.endswith("*")
    return match.start("value") + len(value.rstrip("*") if is_marked else value)


def _is_bare_secret(text: str, name: _Name, match: re.Match[str], end: int) -> bool:
    value, kind = text[match.start("value") : end], name.kind
    line = text[text.rfind("\n", 0, name.start) + 1 : name.start]
    is_password = kind in {"password", "passphrase"}
    is_setting = match["operator"] == "=" or match["operator"].strip() in assignments.OF_SETTINGS - {"="}
    if is_setting and _SETTINGS.search(line) and _END.match(text, end):
        if value.isalpha():
            return is_password and is_plain_word(value)
        is_secret = is_secret_text(value, kind) or (kind == "token" and is_short_token(value))
        return is_secret and not _ATTRIBUTE.fullmatch(value)
    if value.isalpha():
        is_login = match["operator"].strip() in {":", "="} and owners.is_beside_user(text, name.start)
        return bool(is_login) and is_password and bool(_END.match(text, end)) and is_plain_word(value)
    is_code = "=" in match["operator"]
    if is_code and re.fullmatch(r"[A-Za-z_]+", value):
        return False
    if is_code and _CODE_AFTER.match(text, end) and not is_strong_password(value):
        return False
    return is_secret_word(value, kind) or (kind == "token" and is_short_token(value))
