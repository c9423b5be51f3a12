"""Passwords that code hands to functions by their place, as in `server.login("anna", "...")`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.datasets.privacy.secret_values import is_random_word, is_secret_word, is_strong_password

Place = tuple[int, int, str]
_STRING = r"(?:[bruf]{0,2}(?:\"(?:[^\"\\\n]|\\.){0,200}\"|'(?:[^'\\\n]|\\.){0,200}'))"
_ARGUMENT = rf"(?:{_STRING}|[A-Za-z_$][\w.$]{{0,60}}|\d{{1,6}})"
_VALUE = (
    r"[bruf]{0,2}(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))[^\\\s]|\\.){6,100}|[a-z]{4}(?: [a-z]{4}){3})"
    r"(?P=quote)\s*(?=[,)])"
)
# Their names say that a login follows.
_LOGIN = re.compile(
    r"(?:log_?in|sign_?(?:in|up)(?:With\w+)?|basic_?auth|(?:Basic|Digest|Proxy)Auth(?:entication)?|Credentials?"
    r"|AuthenticationToken|PasswordAuthentication|(?:create|add)_?user|set_?password|WiFi\.(?:begin|softAP))"
    rf"\(\s*(?:{_ARGUMENT}\s*,\s*){{1,2}}{_VALUE}",
    re.IGNORECASE,
)
# The third argument is the password, where the second is the name of a user.
_DATABASE = re.compile(
    rf"\b(?:mysqli?(?:_p?connect)?|PDO|(?:py)?mysql(?:db)?\.connect|getConnection)\(\s*(?:{_ARGUMENT}\s*,\s*){{2}}{_VALUE}",
    re.IGNORECASE,
)
_SIGNS = re.compile(rf"(?:\bjwt\.(?:sign|verify|encode|decode)|\bcreateHmac)\(\s*{_ARGUMENT}\s*,\s*{_VALUE}")
_CONNECT = re.compile(rf"connect\(\s*(?:{_ARGUMENT}\s*,\s*){{1,3}}{_VALUE}", re.IGNORECASE)
_MARKS = re.compile(
    r"log_?in|sign_?(?:in|up)|auth|credential|user|password|connect|mysqli|PDO|wifi|jwt|createHmac", re.IGNORECASE
)


def suspects(text: str) -> bool:
    """Whether a text may have such a call."""
    return "(" in text and ("'" in text or '"' in text) and _MARKS.search(text) is not None


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each such password."""
    for pattern in (_LOGIN, _DATABASE, _SIGNS):
        for match in pattern.finditer(text):
            is_app_password = " " in match["value"]  # of Google, in groups of four
            if (is_app_password or is_secret_word(match["value"], "password")) and not _is_name(match["value"]):
                yield *match.span("value"), "password"
    for match in _CONNECT.finditer(text):
        is_odd = is_strong_password(match["value"]) or is_random_word(match["value"])
        if is_odd and not re.search(r"[./:@]", match["value"]):
            yield *match.span("value"), "password"


def _is_name(value: str) -> bool:
    """Whether the text is an address or the name of something, such as `anna@example.org` and `user_12`."""
    return bool(re.fullmatch(r"[^\s@]+@[\w-]+(?:\.[\w-]+)+|[a-z]+[_-][a-z_-]*\d*", value))
