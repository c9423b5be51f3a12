"""Names of fields that hold secrets, in the spellings of code, settings and prose."""

from __future__ import annotations

import re
from functools import lru_cache

from fine_tuning.datasets.privacy.secret_words import ACCESS_CODES, API_KEYS, ASCII_NEEDLES, PASSWORDS, SECRETS, TOKENS
from fine_tuning.datasets.privacy.secret_words import NEEDLES as WORDS

_NETWORK_KEYS = r"(?:wpa[23]?|wi-?fi|wlan|network|security)[-_ ]key"
_PASSWORDS = rf"pass(?:word|wd|code)?|pwd|pw|pswd|psk|{_NETWORK_KEYS}|{PASSWORDS}"
PIN = "pin"
_API_KEYS = (
    rf"{API_KEYS}|api[-_ ]?key|app[-_]?key|access[-_]?key(?:[-_]?id)?|account[-_]?key|"
    r"(?:aws[-_]?)?secret[-_]?access[-_]?key|secret[-_]?key[-_]?base|(?:secret|private|encryption|signing|master|storage|shared[-_]?access|pre[-_]?shared|license|ssh|service|auth|subscription|"
    r"consumer)[-_ ]?key|密钥|密鑰|キー|apikey"
)
_TOKENS = (
    rf"(?:auth|access|refresh|bearer|id|bot|session|api|personal|deploy|private|security|oauth)?[-_ ]?token|jwt|"
    rf"authorization|{TOKENS}|token"
)
_SECRETS = rf"{SECRETS}|secrets?|credentials?|(?:client|app|consumer|webhook|shared|jwt|cookie)[-_]?secret"
_STEMS = (
    r"(?:passphrase|mnemonic|seed[-_]phrase|pass(?:word|wd|code)?|pwd|pw|pswd|psk|{others}api[-_ ]?key|"
    r"(?:secret|access|private|encryption|signing|master|license|service"
    r"|wpa[23]?|wi-?fi|wlan|network|security) key|key(?:[-_]?(?:id|base))?|"
    r"token|jwt|authorization|secrets?|credentials?)s?"
)
ENGLISH_STEMS = _STEMS.replace("{others}", "")
STEMS = _STEMS.replace("{others}", f"{PASSWORDS}|{API_KEYS}|{TOKENS}|{SECRETS}|{ACCESS_CODES}|密钥|密鑰|キー|")
"""How such names end, in small letters."""
NEEDLES = (
    "pass", "pwd", "pswd", "secret", "token", "key", "auth", "bearer", "credential", "jwt", "://", "-----begin",
    "mnemonic", "phrase", "curl", "-u", "identified", "pw", "-p", "cookie", "pin", "ldap",
    "smbclient", "net use", "redis-cli", "openssl", "sudo", "jdbc:", "sig=", "signature=", "?code=", "&code=", "sid=",
    "hmac=", "7z", "freerdp", "psk", "securestring", "getconnection", ":5432:", ":*:", "@tcp(", "@unix(", "snmp-server",
    *ASCII_NEEDLES,
)  # fmt: skip
"""Without one of these, a text of ASCII has no name of a secret, and no place of one."""
FOREIGN_NEEDLES = tuple(word for word in WORDS if not word.isascii())
_ORDERED = (
    ("passphrase", re.compile(r"(?:passphrase|mnemonic|seed[-_]phrase)s?$", re.IGNORECASE)),
    ("API key", re.compile(rf"(?:{_API_KEYS})s?$", re.IGNORECASE)),
    ("password", re.compile(rf"(?:{_PASSWORDS})s?$", re.IGNORECASE)),
    ("secret", re.compile(rf"(?:{_SECRETS})$", re.IGNORECASE)),
    ("token", re.compile(rf"(?:{_TOKENS})s?$", re.IGNORECASE)),
    ("access code", re.compile(rf"(?:{ACCESS_CODES}|^contra|access[-_ ]?code)$", re.IGNORECASE)),
)
# Names of tokens that a tokenizer, a parser or a list of pages has, and of what is public.
_OTHERS = re.compile(
    r"existing[-_]?secrets?$|(?-i:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:max|min|num|pad|eos|bos|unk|sep|mask|cls|next|stop|special|prompt|completion|input|output|total|page|"
    r"primary|foreign|unique|lookup|index|hash|partition|route|row|object|idempotency|first|last|new|per|public|cached?|sort|prev|previous|end|start|image|continuation|sync|cancellation|"
    r"by|com|tres|over|under|sur|tres|bi)[-_]?(?:page[-_]?)?(?:tokens?|pass(?:es)?|keys?)$|(?<![a-z])tokens$",
    re.IGNORECASE,
)
_SHORT_WORDS = (  # which other words end in
    *("hasło", "haslo", "sifre", "şifre", "parol", "heslo", "geslo", "mdp"),
    *("clave", "sandi", "sifra", "šifra", "hesla", "hasla", "hasła", "la contra", "mi contra", "tu contra"),
)


SUFFIX = (
    r"(?:[-_]?\d{1,2}|[-_]?confirm(?:ation)?"
    r"|[-_.](?:value|db|prod|dev|staging|test|root|admin|smtp|ftp|mail|wifi|repeat))"
)
"""What may follow such a name."""
_SUFFIX = re.compile(rf"{SUFFIX}$", re.IGNORECASE)


@lru_cache(maxsize=10_000)
def kind_of(name: str) -> str | None:
    """What a field of this name holds: a password, passphrase, API key, token, secret or access code; None if none."""
    plain = _SUFFIX.sub("", name.strip().strip("\"'`"))
    if not plain or len(plain) > 100 or _OTHERS.search(plain):
        return None
    for kind, pattern in _ORDERED:
        match = pattern.search(plain)
        if match and _is_word(plain, match.start()):
            return kind
    return "API key" if re.fullmatch(r"[A-Z0-9_]+_KEY", plain) else None  # a setting, such as `MAPS_KEY`


def _is_word(name: str, start: int) -> bool:
    """Whether a word of a name begins there: `db_password`, `dbPassword` and `dbpassword`, but not `compass`."""
    word = name[start:].lower()
    if start == 0 or not name[start - 1].isascii() or not name[start - 1].isalnum() or name[start].isupper():
        return True
    return word not in {"pass", "pw", "psk", "key", "keys"} and not word.startswith(_SHORT_WORDS)
