"""Secrets that the lines around them give away: users and passwords below a heading, the key of a network.

`ann / hunter2x` alone may be anything; below `Logins:` it is a user and a password, and so is `Key: x7k2m9q4` beside
the name of a network.
"""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from fine_tuning.datasets.privacy.common_passwords import is_common
from fine_tuning.datasets.privacy.secret_values import is_plain_word, is_secret_word, is_strong_password, is_technical

Place = tuple[int, int, str]
_MARKS = r"[\"'`*_]{0,3}"
_LINE_OF_HEADING = re.compile(r"^(?P<words>[^\n]{3,80})[:：][*_]{0,3}[ \t]*\n", re.MULTILINE)
_LOGINS = re.compile(
    r"(?<![^\W_])(?:log-?ins?|credentials|creds|passwords|zugangsdaten|zugänge|anmeldedaten|passwörter|identifiants"
    r"|mots de passe|credenciales|contraseñas|credenziali|credenciais|senhas|inloggegevens|wachtwoorden|hasła"
    r"|dane logowania|přihlašovací údaje|логины|доступы|пароли|логіни|паролі|şifreler|登录|账号密码|帳號密碼|密码"
    r"|ログイン|ログイン情報|로그인)(?![^\W_])",
    re.IGNORECASE,
)
_OF_EVENTS = re.compile(r"recent|last|fail|success|number|count|per |daily|letzte|dernière|último", re.IGNORECASE)
_USER = r"[^\W\d_][\w.+-]{1,40}(?:@[\w.-]{3,60})?"
_PAIR = re.compile(
    rf"[ \t]*(?:[-*•]|\d{{1,2}}[.)])?[ \t]*{_MARKS}{_USER}{_MARKS}[ \t]*(?:[/|:：=,;–—-]|->|→|[ \t])[ \t]*"
    rf"{_MARKS}(?P<value>[!-~\u00a1-\u024f]{{6,60}}?){_MARKS}[ \t]*(?:\n|\Z)"
)
# Without a heading, only a password that most people choose tells a pair.
_ALONE = re.compile(rf"^[ \t]*{_USER}[ \t]*[/|][ \t]*(?P<value>[A-Za-z]{{4,12}}\d{{1,4}})[ \t]*$", re.MULTILINE)
_NETWORKS = (
    r"(?<![^\W\d_])(?:(?P<wifi>e?ssid|wi-?fi(?:[ -]?name)?|wlan(?:-?name)?)|network(?:[ -]?name)?|hotspot"
    r"|netzwerk(?:name)?|réseau"
    r"|red wi-?fi|netwerk|sieć|síť|сеть|мережа|ağ|mạng|网络|ネットワーク|네트워크)"
    rf"{_MARKS}[ \t]*[:：=][ \t]*"
)
_NETWORK = re.compile(
    rf"{_NETWORKS}(?:[^\n]{{1,60}}?(?:\n|[,;|/]|[ \t](?=key))[ \t]*(?:[-*•][ \t]*)?{_MARKS}"
    r"(?:key|schlüssel|clé|clave|chiave|chave|sleutel|klucz|klíč|ключ|anahtar|khóa|密钥|キー|키)"
    rf"{_MARKS}(?:[ \t]*[:：=]|[ \t]+(?:is|ist|est|es|è|é))|(?(wifi)[^\n/|]{{1,40}}?[ \t][/|](?=[ \t])|"
    rf"(?!)))[ \t]*{_MARKS}(?P<value>[!-~]{{8,63}}?)"
    rf"(?={_MARKS}[.,;]?(?:\s|$))",
    re.IGNORECASE,
)
# A strong password behind an address or a user, where the words before are of a login.
_MAIL = r"(?<![\w.+-])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}"
_BEHIND_MAIL = re.compile(  # without spaces, a file of a host looks alike, unless it has signs or is all of the line
    rf"{_MAIL}(?:[ \t]+[/|:—\u2013-][ \t]+|[:|;](?=\S*[!#$%^&*+=?~]))"
    r"(?!\S{1,60}@[\w-]+\.)(?P<value>[!-.0-~]{8,60}?)(?=[.,;)\"'`]?(?:\s|$))"
    rf"|^{_MAIL}[:|;](?P<last>[!-.0-~]{{8,60}})$",
    re.MULTILINE,
)
_BEHIND_USER = re.compile(
    rf"(?<![^\W\d_])(?:log(?:ged)?[ -]?(?:in|on)|sign(?:ed)?[ -]?in|logins?|einloggen|anmelden|connect(?:er)?"
    rf"|войти|登录)"
    rf"[^\n/]{{0,40}}?[ \t(\"'`]{_USER}(?:[ \t]+/[ \t]+|:)(?P<value>[!-.0-~]{{8,60}}?)(?=[.,;)\"'`]?(?:\s|$))"
    rf"|(?<![^\W\d_])use[ \t]+{_USER}(?:[ \t]+/[ \t]+|:)(?P<used>[!-.0-~]{{8,60}}?)[ \t]+to (?:log|sign)[ -]?(?:in|on)",
    re.IGNORECASE,
)
_MARKS_OF_NETWORKS = ("ssid", "wifi", "wi-fi", "wlan", "netw", "netz", "hotspot")
_DIGIT = re.compile(r"\d")
_MARKS_OF_LOGINS = ("log", "sign", "anmeld", "connect", "войти", "登录")
_MODE = re.compile(
    r"(?:wpa|wep|psk|sae|open|none|eap|channel|[\d.]+ghz)[\w/+-]*", re.IGNORECASE
)  # how a network is kept, not its key
_OTHER = re.compile(r"\d{4}-\d\d-\d\d.*|v?\d+(?:[.:/-]\d+)+|\d+\w{0,3}|[A-Z]{1,5}-?\d+")


@lru_cache(maxsize=2)  # of the text that is read, before and by its search
def suspects(text: str) -> bool:
    """Whether a text has a pair or a key that has none of the words that other searches look for."""
    if _DIGIT.search(text) is None:
        return False
    is_pair = ("/" in text or "|" in text) and _ALONE.search(text) is not None
    is_behind_mail = "@" in text and _BEHIND_MAIL.search(text) is not None
    return is_pair or is_behind_mail or any(find_network_keys(text))


def find_pairs(text: str) -> Iterator[Place]:
    """Start, end and kind of each password that stands beside its user."""
    for heading in _LINE_OF_HEADING.finditer(text):
        if _LOGINS.search(heading["words"]) and not _OF_EVENTS.search(heading["words"]):
            at = heading.end()
            while (pair := _PAIR.match(text, at)) and _is_password(pair["value"]):
                yield *pair.span("value"), "password"
                at = pair.end()
    for pair in _ALONE.finditer(text):
        if is_common(pair["value"]):
            yield *pair.span("value"), "password"
    lowered = text.lower()
    is_login = any(mark in lowered for mark in _MARKS_OF_LOGINS)
    for pair in (*_BEHIND_MAIL.finditer(text), *(_BEHIND_USER.finditer(text) if is_login else ())):
        group = pair.lastgroup or "value"
        if is_strong_password(pair[group]) and re.search(r"[A-Z]", pair[group]):
            yield *pair.span(group), "password"


def find_network_keys(text: str) -> Iterator[Place]:
    """Start, end and kind of each key that stands beside the name of its network."""
    lowered = text.lower()
    may_be = not text.isascii() or any(mark in lowered for mark in _MARKS_OF_NETWORKS)
    for network in _NETWORK.finditer(text) if may_be else ():
        value = network["value"]
        is_key = is_secret_word(value, "password") or (value.islower() and is_plain_word(value))
        is_sure = network["wifi"] or is_strong_password(value) or not re.fullmatch(r"[a-z]+\d+", value, re.IGNORECASE)
        if is_key and is_sure and not _MODE.fullmatch(value):
            yield *network.span("value"), "password"


def _is_password(value: str) -> bool:
    is_other = is_technical(value) or _OTHER.fullmatch(value) or (value[0].isupper() and not is_strong_password(value))
    return not is_other and any(map(str.isdigit, value)) and is_secret_word(value, "password")
