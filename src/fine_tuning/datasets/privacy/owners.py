"""Whose password it is: the words beside its name that say so, in many languages.

A word such as Spanish `clave` is a key or a code as well: someone's own, or one beside a user, is a password.
"""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterable

_MINE = re.compile(r"(?:^|[^\w])(?:my|our)(?:[ \t]+[\w'-]{2,20}){0,2}[ \t]+$", re.IGNORECASE)
_MINE_ELSEWHERE = re.compile(
    r"(?:^|[^\w])(?:mein|unser|mi|nuestra|mon|notre|minha|nossa|la mia|mijn|ons|mitt|min|moje|mój|můj|mana|manas|mūsu"
    r"|мо[йя]|наш|мій|моята?)(?:[ \t]+[\w'-]{2,20})?[ \t]+$",
    re.IGNORECASE,
)
_YOURS = re.compile(
    r"(?:^|[^\w])(?:your|his|her|their|dein|euer|tu|su|ton|votre|ta|sua|tua|la tua|jouw|uw|ditt|din|twoje|tvoje"
    r"|vaše|tava|jūsu"
    r"|тво[йяеё]|ваш[ае]?|твій|твоята?)(?:[ \t]+[\w'-]{2,20})?[ \t]+$",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:^|[^\w])(?:wi-?fi|wlan|vpn|router|root|admin|guest|hotspot|temp(?:orary)?)[ \t]+$", re.IGNORECASE
)
_USERS = (
    r"user(?:_?name|_?id)?|uid|log-?in|e-?mail|account|utilisateur|identifiant|benutzer(?:name)?|usuari[oa]|usuário"
    r"|utente|gebruiker(?:snaam)?|użytkownik|uživatel|логин|логін|пользователь|имя пользователя|користувач|потребител"
    r"|kullanıcı(?: adı)?|tài khoản|tên đăng nhập|pengguna|اسم المستخدم|المستخدم|نام کاربری|کاربر|ชื่อผู้ใช้|उपयोगकर्ता"
    r"|שם משתמש|账号|帐号|账户|用户名?|帳號|ユーザー名?|아이디"
)
_USER_FIELD = re.compile(rf"{_USERS}|host", re.IGNORECASE)
_NO_FIELD = re.compile(r"(?!)")
_OF_CARDS = re.compile(
    r"exp(?:iry|iration|ires|_?(?:date|month|year))?|pan|card(?:[_-]?(?:no|num|number|holder))?", re.IGNORECASE
)
_BESIDE = {
    "key": ("wifi_key", re.compile(r"e?ssid|wi-?fi[_-]?name|network[_-]?name", re.IGNORECASE)),
    **dict.fromkeys(
        ("account", "account_number", "accountnumber", "account_no"),
        (
            "bank_account_number",
            re.compile(
                r"(?:sort|bank)_?code|(?:bank_)?routing(?:_?(?:number|no))?|aba|bsb|ifsc(?:_?code)?|blz", re.IGNORECASE
            ),
        ),
    ),
    **dict.fromkeys(("csc", "cid", "cvd", "cav"), ("cvv", _OF_CARDS)),
}
_USER = re.compile(rf"(?:{_USERS})[\"']?\s*[:=：]", re.IGNORECASE)
_USER_IN_WORDS = re.compile(rf"(?<![^\W\d_])(?:{_USERS})(?:[\"']?\s*[:=]|[ \t])", re.IGNORECASE)
_BEHIND = re.compile(  # and what a password opens, with its preposition
    r"[ \t]+(?:saya|aku|ku|kamu|anda|kami|של[יךוה]|שלנו|שלכם|الخاصة? ب(?:ي|ك|نا)|من|ما|شما|تو|میرا"
    r"|mea|ta|noastră|voastră|langu|yangu|lako|yako|letu|mia|minha|ของ(?:ฉัน|ผม|คุณ|เรา)|của (?:tôi|bạn|mình|em|anh)"
    r"|(?:(?:del?|do|da|di|du|des|dell?['’]|от|від|за|до|к|na|za|od|с[оа]|من|של|voor|för|till|til|for) ?(?:la "
    r"|le |el |el |het )?)?"
    r"(?:wi-?fi|wlan|вай-?фа(?:й|я|ю|ем)|ال ?واي ?فاي|הוו?יי?פיי|ה?וויי?-?פיי|واي ?فاي|وای.?فای|ไวไฟ|와이파이))"
    r"(?![^\W\d_])",
    re.IGNORECASE,
)
_CASE = re.compile(
    r"(?<=[\u0400-\u04ff])(?:[оея]м|[ая](?:ми?|х)|[оіе]в|[оеы]й|[оеіє]ю|[аяуюеыиіьм])(?![\u0400-\u04ff])"
)  # of Cyrillic scripts, such as `гаслом`
_NAME_OF_USER = r"[\"'`]?[\w.@+-]{2,60}[\"'`]?[ \t]*[,;/|]?[ \t]*$"
_IN_ITS_LANGUAGE = re.compile(r"(?<=parole)[ \t]+ir[ \t]", re.IGNORECASE)  # in Latvian; in others, a word given
_LOGIN = re.compile(rf"(?:{_USERS})[\"'`]?[ \t]*[:=：][ \t]*{_NAME_OF_USER}", re.IGNORECASE)  # `user: ann pass`
_LOGIN_IN_WORDS = re.compile(  # `user ann pass`, without what a user may do: `the user can pass`
    rf"(?<![^\W\d_])(?:{_USERS})[ \t]+(?!(?:can(?:not)?|may|must|should|will|to|might|could|would|does|did|not|has|who"
    rf"|and|or|is)\b){_NAME_OF_USER}",
    re.IGNORECASE,
)
_IN_THE_NAME = re.compile(  # a suffix says whose it is
    r"(?:şifrem|şifremiz|parolam|parolamız|parolum|parolim|jelszavam|jelszavunk|salasanani|kata sandiku)$",
    re.IGNORECASE,
)


def end_of_name(text: str, end: int) -> int:
    """The end of a name with its case, and with the words behind it that say whose it is or which network it opens."""
    for pattern in (_CASE, _BEHIND):
        if match := pattern.match(text, end):
            end = match.end()
    return end


def is_own(text: str, start: int) -> bool:
    """Whether English words before a name say that it is the writer's own."""
    return _MINE.search(text, max(0, start - 60), start) is not None


def is_own_elsewhere(text: str, start: int) -> bool:
    """The same of the words of other languages, whose readers have passwords, too."""
    return _MINE_ELSEWHERE.search(text, max(0, start - 60), start) is not None


def is_of_a_place(text: str, start: int) -> bool:
    """Whether the word before a name says what the password opens."""
    return _PLACE.search(text, max(0, start - 60), start) is not None


def is_owned(text: str, start: int, end: int) -> bool:
    """Whether anything in a name or beside it says whose it is."""
    name = text[start:end]
    return (
        bool(_IN_THE_NAME.search(name) or _BEHIND.search(name) or _YOURS.search(text, max(0, start - 60), start))
        or is_own(text, start)
        or is_own_elsewhere(text, start)
        or is_of_a_place(text, start)
    )


def is_password_of(text: str, start: int, end: int) -> bool:
    """Whether a name that also means key or word is a password there: someone's own, of a login, in Latvian."""
    return bool(is_owned(text, start, end) or is_of_a_login(text, start) or _IN_ITS_LANGUAGE.match(text, end))


def is_behind_login(text: str, start: int, *, needs_sign: bool) -> bool:
    """Whether a name stands directly behind the name of a user, as in `user: ann pass ...`.

    Args:
        needs_sign: only with a sign behind `user`, as `users pass level3` says something else.
    """
    at = max(0, start - 100)
    return _LOGIN.search(text, at, start) is not None or (
        not needs_sign and _LOGIN_IN_WORDS.search(text, at, start) is not None
    )


def is_user(name: str) -> bool:
    """Whether a field of this name says whose the others of its object are."""
    return _USER_FIELD.fullmatch(name) is not None


def named_beside(name: str, fields: Iterable[str]) -> str | None:
    """What a short name of a field means by the others of its object: the key of a network, the code of a card."""
    meaning, others = _BESIDE.get(name.lower(), ("", _NO_FIELD))
    return meaning if any(map(others.fullmatch, fields)) else None


def may_be_named_beside(name: str) -> bool:
    """Whether the other fields of an object can give a field of this name its meaning."""
    return name.lower() in _BESIDE


def is_beside_user(text: str, start: int) -> bool:
    """Whether a field of a user stands before a name, as in `user: anna, password: ...`."""
    return _USER.search(text, max(0, start - 80), start) is not None


def is_of_a_login(text: str, start: int) -> bool:
    """Whether a user is named directly before a name, with a sign between or without one."""
    return _USER_IN_WORDS.search(text, max(0, start - 40), start) is not None
