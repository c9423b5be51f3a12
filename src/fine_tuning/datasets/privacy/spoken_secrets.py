"""Passwords before their name, as in `... is my password`, and the one-time codes that services send."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from fine_tuning.datasets.privacy.code_words import CODES, DOORS, PINS
from fine_tuning.datasets.privacy.copulas import IS
from fine_tuning.datasets.privacy.secret_values import is_secret_word, is_strong_password
from fine_tuning.datasets.privacy.secret_words import ACCESS_CODES, PASSWORDS
from fine_tuning.datasets.privacy.short_codes import CARD_CODES, CVV

Place = tuple[int, int, str]
_IS = rf"(?:{IS}|\bto\b|[—\u2013=:：-])"
_AS = r"(?:as|als|comme|como|come|jako|som|sebagai|как|як|olarak)"
_BETWEEN = r"(?:[^\W\d_]{1,15}[ \t]+){0,3}"
_OF_A_FORM = (
    r"(?![ -]?(?:fields?|hash\w*|polic\w+|encod\w+|manag\w+|column|type|format|algorithm|prompt|input|label)\b)"
)
_BEFORE_NAME = re.compile(
    rf"(?:(?<=[\s\"'`(«“:])|^)(?P<value>[!-~]{{6,100}}?)[\"'`*»”]{{0,3}}[ \t]+(?:{_IS}|{_AS})[ \t]+{_BETWEEN}"
    rf"(?:pass(?:word|code|phrase)|pwd|{PASSWORDS}|{ACCESS_CODES})(?!\w){_OF_A_FORM}",
    re.IGNORECASE | re.MULTILINE,
)
# `Login: anna / ...`: the name of a user, and the password behind a sign.
_MARKS_AROUND = r"[\"'`*]{0,3}"
_PAIR = re.compile(
    r"(?<![^\W\d_])(?:log-?in|sign-?in|credentials?|creds|zugangsdaten|anmeldedaten|identifiants|credenciales|credenziali"
    rf"|credenciais|inloggegevens|логин|логін|ログイン|登录|登入|로그인)[ \t]*{_IS}[ \t]*"
    rf"{_MARKS_AROUND}[\w.@+-]{{2,60}}{_MARKS_AROUND}(?:[/|:]|[:;,][ \t]+|[ \t]+(?:[/|:;,]|and)[ \t]+)"
    rf"{_MARKS_AROUND}(?P<value>[!-~]{{6,60}}?)(?={_MARKS_AROUND}[.,;)]?(?:\s|$))",
    re.IGNORECASE,
)
_OWN = (
    r"(?:your|my|dein|ihr|mein|votre|ton|mon|je|jouw|uw|mijn) code|(?:tu|su|mi|seu|meu) código|(?:tuo|mio|suo) codice"
    r"|(?:din|min) kode?|(?:twój|mój|váš|tvůj|můj) k[oó]d|(?:ваш|твой|мой|твій|мій) код"
)
_CODE = r"(?P<value>(?:[A-Z]-)?\d{4,8}|\d{3}[ -]\d{3})"
_OWN_CODE = r"(?P<own>\d{5,8}|\d{3}[ -]\d{3})"
_ENDS = (
    r"(?![\w%$€-]|[.,:/]\d|[ \t](?:%|(?:lines?|bytes?|char\w*|words?|times|files?|zeilen|lignes|líneas|linhas|righe|"
    r"строк\w*|regels)\b))"
)
# Without a word between, `your code 482913` is one if its clause ends there or says how long it lasts.
_ALONE = (
    r"(?=\d{6}[\"'`*]{0,3}(?:[ \t]*(?:[.,;:!?)\n]|$)|[ \t]+(?:is|expires?|to|for|within|in the|ist|gilt|est|expire|es"
    r"|vence|scade|действ\w+)\b))"
)
_TWICE = r"(?<![\w.,:/$€-])"
_WORD = r"[^\d\s!-/:-@\[-`{-~]{1,20}"
_CODE_AFTER = re.compile(
    rf"(?<![a-z\u00c0-\u024f])(?:{CODES})(?:(?:[ \t]*{_WORD}){{0,3}}?[ \t]*{_IS}|(?=\s*[\[(]?\d{{5}}))"
    rf"[ \t]*[\[(\"'`*]{{0,3}}{_CODE}"
    rf"(?:{_ENDS}|(?=[^\W\d_a-z]))"
    rf"|(?<![^\W\d_])(?:use|enter|type|with) (?:the |this )?code[ \t]+[\"'`*]{{0,3}}(?P<used>\d{{5,8}}"
    rf"|\d{{3}}[ -]\d{{3}})"
    r"[\"'`*]{0,3}[ \t]+to (?:log|sign|verify|confirm|authent|reset|access|continue|complete your (?:log|sign|regis))"
    rf"|(?<![^\W\d_])(?:{_OWN})[ \t]*(?:{_IS}|{_ALONE})[ \t]*[\"'`*]{{0,3}}{_OWN_CODE}{_ENDS}",
    re.IGNORECASE,
)
# Of letters and digits, in groups: kept for the day that the other means to log in are lost.
_BACKUP_CODE = re.compile(
    r"(?<![a-z])(?:(?:recovery|back-?up|rescue|wiederherstellungs|резервн\w+)[-_ ]?(?:codes?|код\w*)?"
    r"|code de récupération|código de recuperación)"
    rf"(?:[\"']?[ \t]*(?:{IS}|[:：=]))[ \t\"'`*\[]*"
    r"(?P<value>(?=[A-Z0-9-]*\d)[A-Z0-9]{4,8}(?:-[A-Z0-9]{4,8}){1,7}(?![\w-]))"
    r"|(?<![a-z])(?:verification|confirmation|security|two-factor|2fa|log-?in|steam guard|recovery|back-?up) codes?"
    rf"(?:[ \t]*(?:{IS}|[:=])[ \t]*|(?=[ \t]+[\dA-Z]{{4,5}}-)[ \t]+)[\"'`*]{{0,3}}"
    r"(?-i:(?P<mixed>(?![A-Z]{3,}\d+(?![A-Z0-9]))(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{5,8}|\d{4,5}-\d{4,5})(?![\w-]|\.\w))",
    re.IGNORECASE,
)
# Without a word between, the clause ends behind the code, or the sign of a key does.
_DOOR_CODE = re.compile(
    rf"(?<![^\W\d_])(?:{DOORS})(?![^\W\d_a-z])[\"'*]{{0,3}}[ \t]*(?P<is>{_IS})?[ \t]*[\"'`*]{{0,3}}"
    r"(?P<value>[#*]{0,2}(?=[A-FKК]?\d[A-FKК]?\d)[A-FKК\d]{3,8}[#*]{0,2})(?(is)"
    rf"{_ENDS}|(?:(?<=[#*])|(?=[\"'`*]{{0,3}}[ \t]*(?:[.,;!?)](?!\w)|$|\n))))(?![\w%])",
    re.IGNORECASE | re.MULTILINE,
)
_CODE_BEFORE = re.compile(
    rf"{_TWICE}{_CODE}[\"'`*]{{0,3}}[ \t]*(?:{_IS}|{_AS})[ \t]*{_BETWEEN}(?:您的|你的)?(?:{CODES})(?![^\W\d_])"
    rf"|{_TWICE}{_OWN_CODE}[\"'`*]{{0,3}}[ \t]+(?:{_IS}|{_AS})[ \t]+(?:[^\W\d_]{{1,3}}[ \t]+)?(?:{_OWN})(?!\w)",
    re.IGNORECASE,
)
_OWNED_PIN = (
    r"(?:(?:mein|dein|ihr|unser)e?[mnr]? pin|(?:mi|tu|su|mio|tuo|suo|meu|seu|mon|ton|votre|mijn|je|uw|min|din|mój|twój"
    r"|můj|moj|minha|sua) pin|pin (?:saya|anda|kamu|của tôi|của bạn|mea)"
    r"|(?:my|our|your|his|her|their|the)(?: (?:card|bank|atm|sim|phone|door|debit|credit|own)"
    r"(?:['’]s)?){1,3} pin|(?:alarm|door|gate|garage|safe|lock ?box) pin"
    r"|(?:my|our|your|his|her|their)(?: [a-z'’]{2,12})? pin)"
)
# Of one PIN in its cases, `PIN-u` and `PIN'im`, and of several, `PINs` and `PIN-y`; no `PIN-pad`, no `PINE`.
_ENDING = (
    r"(?:(?P<apart>['’][^\W\d_A-Z]{1,5}|-?(?:om|em|u|ul|ie|owi|ista|iksi))"
    r"|-[^\W\d_A-Z]{1,5}|[^\W\d_A-Z]{1,4})(?![^\W\d_])(?<!pad)(?<!out)(?<!up)"
)
_DIGITS = rf"(?P<value>\d{{4,8}})(?:{_ENDS}|(?=[^\x00-\x7f]))"
_OF = r"of|for|to|on|de[rsmnl]?|für|zu[rm]|von|du|della?|от|для|за|на|od|do|til|för|untuk"
_BEHIND_PIN = (
    rf"(?:(?:[ \t]+[^\W\d_][\w'’.]{{0,15}}){{0,4}}?[ \t]*{IS}[ \t]*[:：]?|[ \t](?:on|to|er)(?=[ \t])"
    r"|[^\x00-\u024f]{1,10}"
    rf"|[ \t]+(?:{_OF})(?:[ \t]+[^\W\d_][\w'’-]{{0,15}}){{1,2}}[ \t]*[:：]|[\"']?[ \t]*[:：=\u2013—-]"
    r"|[ \t]+(?:карты|карточки|картки|della carta|der karte|de la carte|de la tarjeta|do cartão|van de kaart"
    r"|karty)[ \t]*[:：]?(?=[ \t]))"
)
_PIN = re.compile(
    rf"(?<![A-Za-z0-9\u0400-\u04ff-])(?:(?i:(?P<sure>{_OWNED_PIN})|(?P<word>{PINS}))"
    rf"|(?P<field>pin(?=[\"']?[ \t]*[:=]))|PIN(?P<ending>{_ENDING})?)"
    rf"(?:\*{{2}})?(?:{_BEHIND_PIN}|(?<=[^\x00-\x7f])|(?(sure)|(?(word)|(?(apart)|(?!)))))(?:\*{{2}})?"
    rf"[ \t]*[\"'`]?{_DIGITS}"
    rf"|(?i:\b(?:with|use|using|enter|try|mit|avec|con|com|met))(?i: the| your)? PIN[ \t]+(?P<used>\d{{4}}){_ENDS}"
    rf"|(?<![A-Za-z0-9])[a-z]{{0,4}}TAN(?:[- ](?:Nummer|[Cc]ode|Nr))?\.?[ \t]*(?:{_IS})[ \t]*(?P<own>\d{{6,8}}){_ENDS}"
)
# The others behind the first, where there are several.
_SEVERAL = re.compile(r"(?:s|['’-]?y|ы|и)$")
_NEXT_PIN = re.compile(rf"[ \t]*(?:[,;/]|[,;]?[ \t](?:and|or|und|oder|et|y|e|en|i|и|og|och|ve|và|dan))[ \t]*{_DIGITS}")
_CARD_CODE = re.compile(
    rf"(?:(?<![a-z0-9])|(?<=card))(?:(?P<short>{CVV})|{CARD_CODES})(?![a-z0-9])(?:[ \t]+(?:code|number))?[\"'*]{{0,3}}"
    rf"(?:>|[ \t]*(?:on the back|of (?:my|the|your) card|auf der Rückseite)?[ \t]*(?:{IS}|=>|[:：=-]"
    rf"|(?(short)(?=[ \t]+(?!(?:19|20)\d\d))|(?!))))[ \t]*[\"'*]{{0,3}}(?P<value>\d{{3,4}}){_ENDS}",
    re.IGNORECASE,
)
# A quick check, of small letters.
_MARKS_OF_DOORS = re.compile(
    r"(?:c[oó]d|k[oó]d|box|pad|код|密|コード|番号|비밀|şifre|mã|كود|קוד|कोड|รหัส)[^\n]{0,60}?\d\w"
)
_ADDRESS = re.compile(r"[^@\s]+@[\w-]+(?:\.[\w-]+)+")
_DIGIT = re.compile(r"\d")
_SIGN = re.compile(r"[!@#$%^&*+=?~]")
_MARKS = re.compile(
    r"code|código|codice|\bk[oó]d|код|otp|one.time|einmal|mã |कोड|ओटीपी|码|碼|动态密码|コード|ワンタイム"
    r"|인증|확인|รหัส|رمز|كود|کد|קוד|κωδικός"
    r"|koodi|pass|pwd|tan|pin|puk|cv[vcn]|csc|verification.?value|prüfnummer|cryptogramme"
    r"|lock ?box|key ?pad|コード|ドア|门禁|門禁|大门|玄関|현관|kodu?\b|kapı|קוד|कोड|รหัส|كود|п[иі]н|पिन|পিন|핀"
    r"|พิน|پین|الرقم السري"
    r"|رقم التعريف"
    r"|geheimzahl|tunnusluku|暗证码|log[- ]?[io]n|sign[- ]?in|cred|zugang|anmelde|identifiant|inlog|лог[иі]н|ログイン"
    r"|登录|登入|로그인|" + f"{PASSWORDS}|{ACCESS_CODES}",
    re.IGNORECASE,
)


@lru_cache(maxsize=2)  # of the text that is read, before and by its search
def suspects(text: str) -> bool:
    """Whether a text may have such a password or code."""
    return _DIGIT.search(text) is not None and _MARKS.search(text) is not None


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each."""
    for pattern in (_BEFORE_NAME, _PAIR):
        for match in pattern.finditer(text):
            if _is_password(match["value"]):
                yield *match.span("value"), "password"
    for pattern in (_CODE_AFTER, _CODE_BEFORE):
        for match in pattern.finditer(text):
            yield *match.span(match.lastgroup or "value"), "password"
    for match in _BACKUP_CODE.finditer(text):
        yield *match.span("value" if match["value"] else "mixed"), "password"
    for match in (*_CARD_CODE.finditer(text), *_door_codes(text)):
        yield *match.span("value"), "password"
    for match in _PIN.finditer(text):
        span = next(match.span(name) for name in ("value", "used", "own") if match[name])
        if match["own"] or _is_pin(match, span[1] - span[0]):
            yield *span, "password"
            yield from _next_pins(match)


def _door_codes(text: str) -> Iterator[re.Match[str]]:
    return _DOOR_CODE.finditer(text) if _MARKS_OF_DOORS.search(text.lower()) else iter(())


def _next_pins(first: re.Match[str]) -> Iterator[Place]:
    found: re.Match[str] | None = first
    while found and _SEVERAL.search(first["ending"] or first["word"] or ""):
        if found := _NEXT_PIN.match(first.string, found.end()):
            yield *found.span("value"), "password"


def _is_pin(match: re.Match[str], digits: int) -> bool:
    """Whether so many digits are a PIN: six of a `PIN code` are a postal code of India, and eight are a PUK."""
    name = (match["word"] or "").lower()
    if digits > 6:
        return digits == 8 and name == "puk"
    return digits < 6 or bool(
        (match["sure"] and "code" not in match[0].lower())
        or match["field"]
        or (name and not name.startswith(("pin", "पिन", "পিন")))
    )


def _is_password(value: str) -> bool:
    """Whether a word is one by its signs: a name of a product or of a standard has letters and digits, too."""
    if _ADDRESS.fullmatch(value):
        return False
    has_both = re.search(r"[A-Za-z]", value) and re.search(r"\d", value)
    return is_strong_password(value) or bool(has_both and _SIGN.search(value) and is_secret_word(value, "password"))
