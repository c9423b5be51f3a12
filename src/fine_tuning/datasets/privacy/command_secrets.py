"""Secrets by their place in a command line, a URL, a header or a statement, without a name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.datasets.privacy.secret_values import (
    is_random_word,
    is_secret_text,
    is_secret_word,
    is_strong_password,
)

Place = tuple[int, int, str]
_WORD = r"[\"']?(?P<value>[^\s\"'\\-](?:[^\s\"'\\]|\\[&$!#;|()*?~^]){3,200})"
_COMMANDS = (
    re.compile(
        r"\bcurl\b[^\n|;]{0,400}?\s(?:-u|--user|--proxy-user)[ =]?\s*[\"']?[^\s:\"'\\]{1,100}:"
        r"(?P<value>[^\s\"'\\]{3,200})"
    ),
    re.compile(
        rf"\b(?:mysql|mysqldump|mysqladmin|mariadb(?:-dump)?|mongo(?:sh|dump|restore|import|export)?|sshpass|cqlsh|beeline"
        rf"|(?:docker|podman|az|oc|cf|ibmcloud|helm registry)(?: acr)? login|7za?(?: [a-z])?|mycli|ncftp(?:put|get|ls)?"
        rf"|couchbase-cli|rabbitmqadmin|twine upload|crackmapexec|nxc|netexec|evil-winrm|smbmap|hydra|useradd|usermod)"
        rf"\b[^\n|;]{{0,200}}?\s-p\s?{_WORD}"
    ),
    re.compile(rf"\bredis-cli\b[^\n|;]{{0,200}}?\s-a\s?{_WORD}"),
    re.compile(rf"\b(?:zip|unzip|sqlcmd|bcp|tsql|isql|ipmitool|mosquitto_[ps]ub)\b[^\n|;]{{0,200}}?\s-P\s?{_WORD}"),
    re.compile(rf"\b(?:lftp|sftp)\b[^\n|;]{{0,200}}?\s-u\s?[\w.@-]{{1,60}},{_WORD}"),
    re.compile(rf"\bx?freerdp\b[^\n|;]{{0,200}}?\s/p:{_WORD}"),
    re.compile(rf"\b(?:nmcli|netsh)\b[^\n|;]{{0,200}}?\s(?:password|key)[ =]{_WORD}"),
    re.compile(rf"\bwpa_passphrase\s+(?:\"[^\"\n]+\"|\S+)\s{_WORD}"),
    re.compile(rf"\bssh-keygen\b[^\n|;]{{0,200}}?\s-[NP]\s?{_WORD}"),
    re.compile(rf"\s-(?:(?:src|dest)?(?:store|key)pass)\s+{_WORD}"),
    re.compile(
        r"\b(?:crypto isakmp key|pre-shared-key(?: ascii-text| local| remote)?|(?:radius|tacacs)(?:-server)? "
        r"(?:key|secret))"
        rf"\s+(?:[067]\s+)?{_WORD}"
    ),
    re.compile(r"\bsnmp-server community (?!public|private)(?P<value>[^\s\"']{6,64})"),
    re.compile(rf"\bopenssl enc\b[^\n|;]{{0,200}}?\s-[kK]\s{_WORD}"),
    re.compile(rf"\bhtpasswd\s+-\w*b\w*\s+\S{{1,200}}\s+\S{{1,100}}\s+{_WORD}"),
    re.compile(rf"\bnet use\b[^\n]{{0,200}}?\s{_WORD}\s+/user:", re.IGNORECASE),
    re.compile(rf"\bnet use\b[^\n]{{0,200}}?\s/user:\S{{1,100}}\s+{_WORD}", re.IGNORECASE),
    re.compile(
        r"\bexpect\s+[^\n;]{0,50}(?:[Pp]assword|[Pp]assphrase)[^\n;]{0,50}[;\n]\s*send\s+(?:--\s+)?"
        r"\"(?P<value>[^\"\\\r\n]{4,200})(?:\\[rn]|[\r\n])*\""
    ),
    re.compile(  # a line of .pgpass
        r"^[\w.*-]{1,100}:(?:\d{2,5}|\*):[\w.*-]{1,63}:[\w.*-]{1,63}:(?P<value>[^\s:]{4,200})$", re.MULTILINE
    ),
    re.compile(r"\benable (?:secret|password) [4-9] (?P<value>\S{8,200})"),
    re.compile(r"\bsqlplus\s+[\w.-]{1,50}/(?P<value>[^\s\"'@/]{4,200})@"),
    re.compile(r"\bjdbc:oracle:thin:[\w.-]{1,50}/(?P<value>[^\s\"'@/]{4,200})@"),
    re.compile(
        r"\bConvertTo-SecureString\s+(?:-String\s+)?(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))[^\n]){4,200})(?P=quote)",
        re.IGNORECASE,
    ),
    re.compile(r"[\"'=]\w[\w.-]{0,60}:(?P<value>[^\s\"'@]{4,100})@(?:tcp|unix)\("),  # of Go
    re.compile(rf"\s--with-token\s*<<<\s*{_WORD}"),
    re.compile(
        r"\becho\s+(?:-n\s+)?[\"']?(?P<value>[^\s\"'|]{4,200})[\"']?\s*\|[^\n]{0,200}\s(?:--password-stdin\b|-S\b)"
    ),
    re.compile(
        r"^[ \t]*(?:requirepass|masterauth|rootpw|bindpw|sasl_passwd)[ \t]+[\"']?(?P<value>[^\s\"'#]{4,200})",
        re.MULTILINE,
    ),
    re.compile(r"\b(?:requirepass|masterauth)\s+[\"']?(?P<value>[^\s\"'`#]{4,200})"),
    re.compile(r"\bldap\w+\b[^\n|;]{0,300}?\s-w\s?[\"']?(?P<value>[^\s\"'\\-][^\s\"'\\]{3,200})"),
    re.compile(
        r"\b(?:smbclient|winexe|rpcclient|wmic|smbmap)\b[^\n|;]{0,200}?\s-U\s?[\"']?[^\s%\"']{1,100}%(?P<value>[^\s\"'\\]{4,200})"
    ),
    re.compile(r"\s-pass(?:in|out)?\s+pass:(?P<value>[^\s\"'\\]{4,200})"),
    re.compile(r"\bnet user\s+\S{1,100}\s+(?P<value>[^\s\"'/*]{4,200})\s+/add\b", re.IGNORECASE),
    re.compile(r"\becho\s+[\"']?[^\s:\"']{1,100}:(?P<value>[^\s\"'|]{4,200})[\"']?\s*\|\s*(?:sudo\s+)?chpasswd\b"),
    re.compile(r"\blogin\s+\S{1,100}\s+password\s+(?P<value>\S{4,200})", re.IGNORECASE),
    re.compile(
        r"\b(?:password|identified(?: with \w+)? by|set password for [^\n=;]{1,80}=)\s+"
        r"'(?P<value>(?:''|[^'\n]){1,200})'",
        re.IGNORECASE,
    ),
)
_STATEMENT = re.compile(  # `identified by` alone is said of much
    r"(?:\bIDENTIFIED|(?i:\b(?:create|alter|grant)\b[^\n;]{1,200}?\bidentified))(?i:(?: with \w+)? by)[ \t]+\"?"
    r"(?P<value>[^\s\"'`;,<>()]{4,200})"
)
_LOGIN = re.compile(  # of a client of HTTP
    r"\bauth\s?=\s?(?:[\w.]*Auth)?\(\s*[bfru]?[\"'][^\"'\n]{1,100}[\"']\s*,\s*"
    r"[bfru]?(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))[^\\\n]|\\.){4,200})(?P=quote)"
)
# A flag that is short for a password with some commands and a port or a path with others: the value has to be odd.
_SHORT_FLAG = re.compile(r"(?<!\S)-[pP][ =]?[\"']?(?P<value>[A-Za-z0-9][\w!@#$%^&*+=?]{5,100})[\"']?(?!\S)")
_QUERY = re.compile(
    r"[?&](?:key|(?P<sure>sig|signature|x-(?:amz|goog|ms)-signature|hmac|invite(?:_?code)?)|auth|code|session_?id|sid|pass"
    r"|appid(?==[0-9a-f]{32}(?![0-9a-z])))"
    r"=(?P<value>[A-Za-z0-9_%+/.~=-]{16,2000})",
    re.IGNORECASE,
)
_BOTH_CASES = re.compile(r"(?=\S*\d)(?=\S*[a-z])(?=\S*[A-Z])\S{20}")
_HEADER = re.compile(
    r"(?<![A-Za-z0-9])(?:bearer|authorization:? [\"']?(?:basic|token))\s+(?P<value>[A-Za-z0-9._~+/-]{12,5000}={0,2})",
    re.IGNORECASE,
)
_URL = re.compile(r"(?<=[A-Za-z0-9]://)[^\s:/@\"'<>]{0,200}:(?P<value>(?!\d{1,5}#)[^\s/?\"'<>\\]{1,200})@(?=[\w.\[-])")
_COOKIES = re.compile(
    r"(?:\b(?:set-)?cookie[\"']?\s?[:=]|\s(?:-b|--cookie))\s?[\"']?(?P<pairs>[^\n\r\"']{8,5000})", re.IGNORECASE
)
_COOKIE = re.compile(r"[\w.-]{1,100}=(?P<value>[^;\s,]{16,5000})")
_PLACEHOLDER = re.compile(
    r"(?i:password|pass|pwd|user|username|secret|pw|token|x-access-token|xxx+|\**|\.+)|[$%<{\[].*|[A-Z_]+"
)


def find_in_field(text: str, name: str) -> Iterator[Place]:
    """Start, end and kind of each secret in the value of a header of cookies.

    Args:
        name: the field whose value the text is.
    """
    if name.lower() in {"cookie", "cookies", "set-cookie"}:
        yield from _in_cookies(text, 0, len(text))


def _in_cookies(text: str, start: int, end: int) -> Iterator[Place]:
    for match in _COOKIE.finditer(text, start, end):
        if is_secret_word(match["value"], "token") and re.search(r"\d", match["value"]):
            yield *match.span("value"), "token"


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each secret in such a place."""
    for pattern in (*_COMMANDS, _LOGIN):
        for match in pattern.finditer(text):
            if is_secret_text(match["value"], "password"):
                yield *match.span("value"), "password"
    for match in _STATEMENT.finditer(text):
        if is_secret_word(match["value"], "password"):
            yield *match.span("value"), "password"
    for match in _SHORT_FLAG.finditer(text):
        if re.search(r"[!@#$%^&*]", match["value"]) and is_strong_password(match["value"]):
            yield *match.span("value"), "password"
    for match in _QUERY.finditer(text):
        if is_random_word(match["value"]) or (match["sure"] and _BOTH_CASES.match(match["value"])):
            yield *match.span("value"), "token"
    for match in _HEADER.finditer(text):
        if re.search(r"\d.*\d", match["value"]) and is_secret_word(match["value"], "token"):
            yield *match.span("value"), "token"
    for cookies in _COOKIES.finditer(text):
        yield from _in_cookies(text, *cookies.span("pairs"))
    if "://" in text:
        for match in _URL.finditer(text):
            if not _PLACEHOLDER.fullmatch(match["value"]):
                yield *match.span("value"), "password"
