"""Whether the value of a field such as `password` or `api_key` is a secret, or a placeholder, code, a type, a label."""

from __future__ import annotations

import re
from itertools import pairwise

from fine_tuning.datasets.privacy.common_passwords import is_common
from fine_tuning.datasets.privacy.secret_words import LABELS, PASSWORDS

_PLACEHOLDER = re.compile(
    r"<[^>]*>|\$[A-Z_][A-Z0-9_]*|\$[a-z_]+|\$?\{.*|%\(?\w*\)?[sd]|%\w+%|@\w+@|\[[^\]]*\]|[^\w]*|[xX*•.#-]+|0+|1+|"
    r"(?:your|my|some|the|an?|insert|enter|put|add|use)[-_ ]?.*(?:here|pass|key|secret|token|pwd|cred)\w*|"
    r"(?:change|replace|fill)[-_ ]?(?:me|this|it)\w*|.*(?:placeholder|redacted|dummy|masked|hidden).*|x{3,}.*|"
    r"(?:user_?name|user|db|admin)?[-_]?(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|key|pw)\d{0,2}|\.\.\..*|.*\.\.\.",
    re.IGNORECASE,
)
_WORDS = frozenset(
    """string str text int integer float bool boolean bytes bytearray object any number optional required null none
    nil undefined true false yes no void char varchar buffer secretstr default empty missing invalid valid
    wrong incorrect unknown expired enabled disabled encrypted hashed plain plaintext bearer basic digest
    value values input field type example sample hidden password username email label description title
    confirm forgot reset login please minimum maximum show change update old new current repeat again visible
    strong weak medium must should cannot vault keychain keyring prompt stdin environment unset function
    lambda await async self this request config settings failed complete completed passed passes success
    succeeded successful error pending skipped rejected accepted verified unverified active inactive allowed
    denied blocked locked unlocked supported unsupported available unavailable provided present absent changed
    unchanged updated created deleted removed stored saved sent received matched mismatch leaked compromised
    revoked generated random secure insecure partial running done options args params literal static public
    private protected readonly const""".split()
)
_NAMING = ("pass", "secret", "token", "user", "kenn", "login", "contrase", "senha")
_TECHNICAL = re.compile(
    r"(?:sha-?\d+(?:sum)?|base-?\d+|utf-?\d+|md[45]|[hrep]s\d+|aes-?\d+|pbkdf2|argon2\w*|oauth-?\d|oauth\d\.0|x\.?509|rfc-?\d+|ed25519"
    r"|http/?\d(?:\.\d)?|v\d+(?:\.\d+)*|bcrypt|scrypt|rot13|sha3-\d+|m(?:in|ax)\d+\w*|hmac-?\w*|rsa-?\d+|u?int\d+|float\d+|ipv[46]"
    r"|\d+[-_]?(?:bit|byte|char|digit|hour|day|min|sec|week|month|year|letter|word|symbol|k|kb)[a-z]*)(?:[-_].*)?",
    re.IGNORECASE,
)
_CODE = re.compile(
    r".*[A-Za-z_\])]\(.*|(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*|.*(?:->|=>|::).*|(?:[A-Za-z_][\w.]*)\[.*", re.DOTALL
)
# Text in quotes is a value: only a whole placeholder or expression is none, and its names are words, not random.
_WORDS_OF_NAME = r"(?:[^\W\d_]+\d{0,2}|\d{1,2})(?:[-_ .:/|']+(?:[^\W\d_]+\d{0,2}|\d{1,2}))*"
_VARIABLE = r"(?:[A-Z_][A-Z0-9_]*|[a-z_]+\d?|[A-Z]?[a-z]+(?:[A-Z][a-z]+)*)"
_QUOTED_PLACEHOLDER = re.compile(
    rf"<\|\w+\|>|<(?:{_WORDS_OF_NAME})?>|\[(?:{_WORDS_OF_NAME})?\]|%{_VARIABLE}%|@{_VARIABLE}@|\$?\{{.*\}}|%\(?\w*\)?[sd]"
    r"|[xX]{3,}[xX.*_-]*(?:\d{0,4}|(?:[-_ ]?[A-Za-z])*)",
    re.DOTALL,
)
_MAY_BE_QUOTED_PLACEHOLDER = re.compile(r"[<\[%@{]|\$\{|x{3}", re.IGNORECASE)
_EXPRESSION = re.compile(
    r"(?:[A-Za-z_]+\.)+[A-Za-z_]+|(?-i:(?:[a-z_][a-z0-9_]{0,20}\.){2,}[a-z_][a-z0-9_]{0,20})|(?:\w+\.)+\w*(?:pass|secret|token|pwd|key)\w*|\w+(?:->|::)[A-Za-z_]+(?:\(\))?"
    r"|(?:md[45]|sha-?\d{1,3}|base64\.\w+|[A-Za-z_][A-Za-z_.]*)\([^()]*\)(?:\.\w+\([^()]*\))*;?|[A-Za-z_][A-Za-z_.]*\[[\"']?[\w.-]*[\"']?\]"
    r"|\(\w*\)=>.*|.*\{[^{}]*\w[.(\[][^{}]*\}.*",
    re.DOTALL | re.IGNORECASE,
)
_LABEL = re.compile(rf"{PASSWORDS}|{LABELS}", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:https?|file|arn|vault|ref\+\w+|env|secret|projects)[:/].*|(?:~|\.{1,2})?(?:/[\w.-]+)+/?|[A-Za-z]:\\.*"
)
_NAME = re.compile(r"(?:[A-Z][a-z]+)+V?\d{0,2}|[A-Za-z]+(?:[-_./: ][A-Za-z]+|[-_./:]v?\d{1,3})*")
_STOP = re.compile(
    r"\b(?:your|enter|must|please|the|is|are|a|an|for|to|with|forgot|confirm|and|or|of|at|least)\b", re.IGNORECASE
)
# Words of the rules that forms have for passwords, and of what they say about a wrong one.
_RULE = re.compile(
    r"\b(?:do|does|not|match\w*|needs?|ha[sv]e?|contains?|be|blank|empty|short|long|too|one|letters?|\w*case|characters?|chars?|"
    r"digits?|numbers?|symbols?|user|login|account|same|again|reset|this|that|it|if|in|on|by|from|was|should|can|cannot|no)\b",
    re.IGNORECASE,
)
_OF_PHRASES = re.compile(
    r"\b(?:choose|pick|think|use|words?|phrases?|sentences?|letters?|characters?)\b", re.IGNORECASE
)
_ODD = re.compile(r"[A-Za-z]+[@$!%^&*#=+?~\d]+[A-Za-z]|[A-Za-z]+[@$^&*#=+~]+\d|[@$]\w*\d|\d+[A-Za-z]+[@$!%^&*#=+?~]+")


def is_secret_text(value: str, kind: str) -> bool:
    """Whether a value that stands alone, as in a cell or after a flag, is a secret.

    Args:
        kind: of its field: password, passphrase, API key, token or secret.
    """
    value = value.strip()
    return 4 <= len(value) <= 5000 and _is_literal(value) and _is_of_kind(value, kind)


def is_quoted_secret(value: str, kind: str) -> bool:
    """Whether text in quotes, or a value of JSON, is a secret: it is no code, whatever signs it has.

    Args:
        kind: as of `is_secret_text`.
    """
    value = value.strip()
    if re.search(r"\s", value):
        return is_secret_text(value, kind) or (kind in {"password", "passphrase"} and _is_spaced_value(value))
    if not 4 <= len(value) <= 5000 or not _is_quoted_literal(value):
        return False
    if not value.isascii() and kind in {"password", "passphrase"} and not re.search(r"\d", value):
        return value == value.lower() and not _LABEL.search(value)
    return _is_of_kind(value, kind)


def _is_of_kind(value: str, kind: str) -> bool:
    if re.search(r"\s", value):
        return (kind == "passphrase" and is_phrase(value)) or (kind == "password" and is_spaced_password(value))
    if kind in {"password", "passphrase"}:
        return _is_password(value)
    if kind == "access code":
        return _is_password_alone(value)
    if _NAME.fullmatch(value):
        return len(value) >= 20 and _is_random(value)
    return len(value) >= {"token": 10, "API key": 8}.get(kind, 6) and _is_mixed(value)


def is_secret_word(value: str, kind: str) -> bool:
    """Whether a word without quotes is a secret: more must speak for it, since it can be prose, a type or code."""
    least = {"token": 10, "API key": 8}.get(kind, 6)
    if len(value) < least or not _is_literal(value) or (_TECHNICAL.fullmatch(value) and not value.isdigit()):
        return False
    if value.isdigit():
        return kind in {"password", "passphrase"}
    if kind == "access code":
        return _is_password_alone(value)
    if kind not in {"password", "passphrase"} and _NAME.fullmatch(value):
        return len(value) >= 20 and _is_random(value)
    return _is_mixed(value)


def is_strong_password(value: str) -> bool:
    """Whether a word after `password` and a space is one: it has large and small letters and digits, or signs."""
    cases = re.search(r"[a-z]", value) and re.search(r"[A-Z!@#$%^&*+=?~]", value) and re.search(r"\d", value)
    return bool(cases) and len(value) >= 8 and is_secret_word(value, "password")


def is_spaced_password(value: str) -> bool:
    """Whether words are a password: the first is odd as `p@ss` is, or four and more small ones that say nothing."""
    words = value.split()
    if len(words) > 6 or len(value) > 60 or _TECHNICAL.fullmatch(words[0]):
        return False
    odd = [bool(_ODD.search(word)) and not _TECHNICAL.fullmatch(word) for word in words]
    if odd[0]:
        return 2 * sum(odd) >= len(words) or not (_STOP.search(value) or _RULE.search(value))
    is_said = _STOP.search(value) or _RULE.search(value) or any(word in _WORDS or _has_word(word) for word in words)
    return len(words) >= 4 and not is_said and bool(re.fullmatch(r"[a-z]+(?: [a-z]+)*", value))


def _is_spaced_value(value: str) -> bool:
    """Whether words in quotes are a password: they have a digit, and say nothing of one."""
    words = value.lower().split()
    is_said = _STOP.search(value) or _RULE.search(value) or any(word in _WORDS or _has_word(word) for word in words)
    is_short = 2 <= len(words) <= 6 and len(value) <= 60
    return is_short and not is_said and bool(re.search(r"\d", value) and re.search(r"[A-Za-z]", value))


def is_random_word(value: str) -> bool:
    """Whether a word is so random that it is no name: digits all over, as in keys of hexadecimal digits."""
    is_named = re.fullmatch(r"(?:[A-Za-z]+\d{0,2}|\d{1,4})(?:[-_](?:[A-Za-z]+\d{0,2}|\d{1,4}))*", value)
    return not is_named and len(re.findall(r"\d", value)) >= 3 and bool(re.search(r"[A-Za-z]", value))


def _is_password_alone(value: str) -> bool:
    """Whether a word looks like a password, and like no key of a table, number of an article or the like."""
    is_number = value == value.upper() or re.fullmatch(r"[A-Za-z]+[-_]\d+", value)
    is_chosen = is_common(value) and not value.isalpha()
    return is_strong_password(value) or is_chosen or (is_random_word(value) and not is_number)


def is_short_token(value: str) -> bool:
    """Whether a word of eight or nine characters is random enough for a token: letters and digits take turns."""
    runs = len(re.findall(r"[A-Za-z]+|\d+", value))
    is_chance = runs >= (5 if value.islower() else 4)
    return is_chance and bool(re.fullmatch(r"[A-Za-z0-9]{8,9}", value)) and not is_technical(value)


def is_technical(value: str) -> bool:
    """Whether a word names an algorithm, a version or a length."""
    return bool(_TECHNICAL.fullmatch(value))


def is_plain_word(value: str) -> bool:
    """Whether a word of letters can be a password where the place says so, as in `DB_PASSWORD=swordfish`."""
    return len(value) >= 5 and _is_literal(value) and _is_password(value)


def _is_literal(value: str) -> bool:
    is_word = value.lower().rstrip("!?;,") in _WORDS
    return not (is_word or _PLACEHOLDER.fullmatch(value) or _CODE.fullmatch(value) or _is_address(value))


def _is_quoted_literal(value: str) -> bool:
    if value.lower().rstrip("!?;,") in _WORDS or _EXPRESSION.fullmatch(value) or _is_address(value):
        return False
    may_be = _MAY_BE_QUOTED_PLACEHOLDER.match(value)
    return not (_QUOTED_PLACEHOLDER if may_be else _PLACEHOLDER).fullmatch(value) and bool(re.search(r"\w", value))


def _is_address(value: str) -> bool:
    """A URL, a path or the name of a secret in a vault; random text may begin with a slash too."""
    return bool(_ADDRESS.fullmatch(value)) and not (value.count("/") < 4 and _is_random(value))


def _is_password(value: str) -> bool:
    if not value.isascii() and value.isalpha():
        return False  # a label in another language
    words = [word.lower() for word in re.findall(r"[A-Za-z]+", value)]
    if value.isalpha():
        return value.islower() and len(value) >= 5 and not _has_word(value)
    if all(word in _WORDS for word in words) and words and not re.search(r"\d", value):
        return False
    return bool(re.search(r"\d", value)) or not _has_word(value)


def _has_word(value: str) -> bool:
    return any(word in value.lower() for word in _NAMING)


def is_phrase(value: str) -> bool:
    """Whether words are a phrase of some that say nothing together."""
    is_said = _STOP.search(value) or _OF_PHRASES.search(value) or _has_word(value)
    return len(value.split()) >= 3 and not is_said and bool(re.fullmatch(r"[A-Za-z0-9 -]+", value))


def is_rule(value: str) -> bool:
    """Whether words say something of a password, as forms and sentences do."""
    return bool(_RULE.search(value)) or any(word in _WORDS for word in value.lower().split())


def _is_mixed(value: str) -> bool:
    """Letters with digits, or with signs inside; not words alone."""
    letters = re.search(r"[A-Za-z]", value) is not None
    digits = re.search(r"\d", value) is not None
    signs = re.search(r"[A-Za-z0-9][!@#$%^&*+=?~|]+", value) is not None
    return letters and (digits or signs)


def _is_random(value: str) -> bool:
    changes = sum(a.isupper() != b.isupper() for a, b in pairwise(filter(str.isalnum, value)))
    return bool(re.search(r"\d", value) and re.search(r"[A-Z]", value)) or changes > len(value) / 4
