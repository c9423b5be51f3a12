"""Names of fields that hold secrets, in the spellings of code, settings and prose."""

from __future__ import annotations

import re
from functools import lru_cache

_PASSWORDS = (
    r"pass(?:word|wd|code)?|pwd|pswd|passwort|kennwort|contrase[ñn]a|senha|wachtwoord|has[łl]o|[şs]ifre|mot de passe|"
    r"parola|l[öo]senord|пароль|密码|密碼|口令|パスワード|비밀번호|암호|รหัสผ่าน|पासवर्ड|كلمة المرور|סיסמה|mật khẩu"
)
_API_KEYS = (
    r"api[-_ ]?key|app[-_]?key|access[-_]?key(?:[-_]?id)?|account[-_]?key|(?:aws[-_]?)?secret[-_]?access[-_]?key|"
    r"(?:secret|private|encryption|signing|master|storage|shared[-_]?access|license|ssh|service|auth|subscription|"
    r"consumer)[-_]?key|API 密钥|密钥|密鑰|キー|apikey"
)
_TOKENS = (
    r"(?:auth|access|refresh|bearer|id|bot|session|api|personal|deploy|private|security|oauth)?[-_ ]?token|jwt|"
    r"authorization|令牌|トークン|토큰|token"
)
_SECRETS = r"secrets?|credentials?|(?:client|app|consumer|webhook|shared|jwt|cookie)[-_]?secret"
STEMS = (
    rf"(?:passphrase|mnemonic|seed[-_]phrase|{_PASSWORDS}|api[-_ ]?key|api 密钥|密钥|密鑰|キー|key(?:[-_]?id)?|"
    r"token|令牌|トークン|토큰|jwt|authorization|secrets?|credentials?)s?"
)
"""How such names end, in small letters."""
NEEDLES = (
    "pass", "pwd", "pswd", "secret", "token", "key", "auth", "bearer", "credential", "jwt", "://", "-----begin",
    "kennwort", "contrase", "senha", "wachtwoord", "hasło", "haslo", "ifre", "mot de", "parola", "senord", "mnemonic",
    "phrase",
    "curl", "-u", "identified", "pw", "-p", "cookie", "pin",
)  # fmt: skip
_ORDERED = (
    ("passphrase", re.compile(r"(?:passphrase|mnemonic|seed[-_]phrase)s?$", re.IGNORECASE)),
    ("API key", re.compile(rf"(?:{_API_KEYS})s?$", re.IGNORECASE)),
    ("password", re.compile(rf"(?:{_PASSWORDS})s?$", re.IGNORECASE)),
    ("secret", re.compile(rf"(?:{_SECRETS})$", re.IGNORECASE)),
    ("token", re.compile(rf"(?:{_TOKENS})s?$", re.IGNORECASE)),
)
# Names of tokens that a tokenizer, a parser or a list of pages has, and of what is public.
_OTHERS = re.compile(
    r"(?:max|min|num|pad|eos|bos|unk|sep|mask|cls|next|stop|special|prompt|completion|input|output|total|page|"
    r"primary|foreign|unique|lookup|index|hash|partition|route|row|object|idempotency|first|last|new|per|public|cached?|sort|prev|previous|end|start|image|continuation|sync|cancellation|"
    r"by|com|tres|over|under|sur|tres|bi)[-_]?(?:page[-_]?)?(?:tokens?|pass(?:es)?|keys?)$|(?<![a-z])tokens$",
    re.IGNORECASE,
)


@lru_cache(maxsize=10_000)
def kind_of(name: str) -> str | None:
    """The kind that a field of this name holds: password, passphrase, API key, token or secret; None if none."""
    plain = re.sub(r"(?:[-_]?\d{1,2}|[-_]value)$", "", name.strip().strip("\"'`"))
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
    return word not in {"pass", "key", "keys"} and not word.startswith(("hasło", "haslo", "sifre"))
