"""Secrets that a service writes in a form of its own: beside an id, behind a scheme, in a code or a table of users."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

Place = tuple[int, int, str]
_FORMS = (
    ("AWS Access Key", re.compile(r"(?<![A-Za-z0-9])(?P<value>AKIA[A-Z]{16})(?![A-Za-z0-9])")),
    (
        "secret",  # behind the id of a key of AWS, on its line
        re.compile(
            r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}[ \t,:;/|\"']{1,5}(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
    ),
    (
        "secret",  # of a connection string, wherever it stands
        re.compile(
            r"(?:Shared(?:Access|Secret)(?:Key|Value|Signature)|AccountKey)=(?P<value>[A-Za-z0-9+/]{40,90}={0,2})"
        ),
    ),
    ("token", re.compile(r"(?<![A-Za-z0-9])(?P<value>fm[12][ar]?_[A-Za-z0-9+/=_,-]{20,})")),
    ("token", re.compile(r"(?<![A-Za-z0-9])(?P<value>vercel_blob_rw_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,})")),
    ("token", re.compile(r"(?<![A-Za-z0-9])(?P<value>[st]k\.eyJ[\w-]{10,}\.[\w-]{15,})", re.ASCII)),
    ("token", re.compile(r"\bSSWS +(?P<value>[\w-]{30,60})(?![\w-])", re.ASCII)),
    ("password hash", re.compile(r"(?P<value>\$(?:5|6|y|2[aby]|argon2(?:id?|d))\$[\w./$=,+-]{30,})", re.ASCII)),
    ("password hash", re.compile(r"(?P<value>\$(?:1|apr1)\$[\w./]{1,8}\$[\w./]{22})", re.ASCII)),
    ("password hash", re.compile(r"(?P<value>pbkdf2_sha\d{1,3}\$\d{3,8}\$\w+\$[A-Za-z0-9+/]{20,}={0,2})", re.ASCII)),
    ("password hash", re.compile(r"(?P<value>\{SSHA\d{0,3}\}[A-Za-z0-9+/]{28,}={0,2})", re.ASCII)),
    (
        "private key",  # in Base64, as settings of clusters have it
        re.compile(
            r"(?P<value>LS0tLS1CRUdJTi(?:BQUklWQVRFIEtFWS|BSU0EgUFJJVkFURSBLRVkt|BFQyBQUklWQVRFIEtFWS|BPUEVOU1NIIFBSSVZBVEUg"
            r"|BFTkNSWVBURUQgUFJJVkFURSBL|BEU0EgUFJJVkFURSBLRVkt)[A-Za-z0-9+/]{16,}={0,2})"
        ),
    ),
    (
        "secret",  # logins of registries of images, in Base64
        re.compile(
            r"(?P<value>(?:eyJhdXRocyI6|ewogICJhdXRocyI6|ewogICAgImF1dGhzIj|ewoJImF1dGhzIj)[A-Za-z0-9+/]{16,}={0,2})"
        ),
    ),
    (
        "private key",  # of PuTTY
        re.compile(
            r"Private-Lines: \d{1,3}\r?\n(?P<value>[A-Za-z0-9+/=]{16,100}(?:\r?\n[A-Za-z0-9+/=]{4,100}(?!\S)){0,99})"
        ),
    ),
    ("secret", re.compile(r"(?P<value>\d\d{5}(?:-\d{6}){7})(?![\w-])")),  # opens an encrypted disk of Windows
    ("password", re.compile(r"WIFI:(?:[A-Z]:(?:[^;\\\n]|\\.)*;){0,4}?P:(?P<value>(?:[^;\\\n]|\\.){4,100});")),
)
# Behind their names.
_NAMED = (
    (
        "secret",
        re.compile(
            r"(?i:\b(?:product|licen[cs]e|serial|activation)[ _-]?key)[\s\"'*:=]{1,5}(?:is )?"
            r"(?P<value>[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3,5})(?![\w-])"
        ),
    ),
    (
        "secret",  # of an app that makes one-time codes
        re.compile(
            r"(?i:\b(?:totp|2fa|mfa|otp)[ _-]?(?:seed|secret|key))[\s\"'*:=]{1,5}(?:is )?"
            r"(?P<value>[A-Z2-7]{16,64})(?!\w)"
        ),
    ),
    (
        "password",  # for one app, in groups of four
        re.compile(
            r"(?i:app(?:-specific)? password)[\s\"'*:=]{1,5}(?:is )?"
            r"(?P<value>[a-z]{4}(?:([ -])[a-z]{4})(?:\2[a-z]{4}){2})(?!\w)"
        ),
    ),
)
_NAMES = ("key", "seed", "secret", "app password", "app-specific")
_LOGIN = re.compile(r"[\"']_?auth[\"']\s*:\s*[\"'](?P<value>[A-Za-z0-9+/]{8,}={0,2})[\"']")
_LOGIN_OF_NPM = re.compile(r"(?:^|[:/\s])_auth\s?=\s?[\"']?(?P<value>[A-Za-z0-9+/]{8,}={0,2})", re.MULTILINE)
# What Kubernetes keeps as a secret, whatever its fields are called; `{{` begins what a template puts in.
_OF_CLUSTER = re.compile(r"^kind:[ \t]*[\"']?Secret[\"']?[ \t]*$", re.MULTILINE)
_DATA = re.compile(r"^(?:stringData|data):[ \t]*\n(?P<body>(?:[ \t]+[^\n]*(?:\n|\Z))+)", re.MULTILINE)
_ENTRY = re.compile(
    r"^[ \t]+[\w.-]+:[ \t]+[\"']?(?P<value>(?!\{\{|[\"'|>$<])[^\s\"']{4,5000})[\"']?[ \t]*$", re.MULTILINE
)
_MARKS = (
    "app password",
    "app-specific",
    "App-specific",
    "App password",
    "TOTP",
    "WIFI:",
    "kind:",
    "_auth",
    "Private-Lines:",
    'auth"',
    "auth'",
)


def has_mark(text: str) -> bool:
    """Whether a text may have a secret of these forms that is short; the others are a long word."""
    return any(mark in text for mark in _MARKS)


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each such secret."""
    lowered = text.lower()
    for kind, pattern in (*_FORMS, *(_NAMED if any(name in lowered for name in _NAMES) else ())):
        for match in pattern.finditer(text):
            if re.search(r"\d", match["value"]) or kind != "secret" or match["value"].isupper():
                yield *match.span("value"), kind
    for data in _DATA.finditer(text) if _OF_CLUSTER.search(text) else ():
        yield from ((*entry.span("value"), "secret") for entry in _ENTRY.finditer(text, *data.span("body")))
    for match in (*_LOGIN.finditer(text), *_LOGIN_OF_NPM.finditer(text)):
        if is_login(match["value"]):
            yield *match.span("value"), "password"


def is_login(value: str) -> bool:
    """Whether a text is the Base64 of a name, a colon and a password."""
    try:
        return b":" in b64decode(value, validate=True)[1:-1] and len(value) >= 12
    except ValueError:
        return False
