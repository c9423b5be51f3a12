"""Addresses of mail, in any script (RFC 6531), told from matrix products, users of URLs and versions of packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.datasets.privacy.top_level_domains import OF_OTHER_SCRIPTS, TOP_LEVEL_DOMAINS

# The letters of a name before the `@` are of one script: text of another script may touch it, as in `вотanna@...`.
_MARKS = "\u0300-\u036f"
_SCRIPTS = (
    rf"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff{_MARKS}",
    rf"\u0370-\u037d\u037f-\u0386\u0388-\u03ff\u1f00-\u1fff{_MARKS}",  # Greek
    rf"\u0400-\u052f{_MARKS}",  # Cyrillic
    r"\u0531-\u0587",  # Armenian
    r"\u10a0-\u10ff\u1c90-\u1cbf",  # Georgian
    r"\u0591-\u05f4",  # Hebrew
    r"\u0610-\u061a\u0620-\u065f\u066e-\u06d3\u06d5-\u06ef\u06fa-\u06ff\u0750-\u077f",  # Arabic
    r"\u0900-\u0963\u0970-\u0dff\u200c\u200d",  # of India and its neighbours
    r"\u1200-\u137f",  # Ethiopic
    r"\u1100-\u11ff\uac00-\ud7a3",  # Hangul
)
# Thai, Lao, Burmese, Khmer, kana, Han: words are not divided, so that a name is only seen where it begins a phrase.
_UNDIVIDED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff"
_NAME = "|".join(
    [rf"(?<![{letters}0-9_])[{letters}0-9_][{letters}0-9_.%+-]{{0,63}}" for letters in _SCRIPTS]
    + [rf"(?<![^\W_])[{_UNDIVIDED}][{_UNDIVIDED}0-9._-]{{0,11}}"]
)
_LABEL = r"(?:[A-Za-z0-9-]|[^\x00-\xbf\u00d7\u00f7\u2000-\u200b\u200e-\u206f\u3000-\u3004\u3008-\u303f\uff00-\uffef])"
_MAIL = re.compile(
    rf"(?P<name>{_NAME})(?P<at>@|%40)(?P<labels>(?:{_LABEL}{{1,63}}\.){{1,8}})"
    rf"(?P<last>xn--[A-Za-z0-9-]{{1,59}}|[A-Za-z]{{2,24}}(?![A-Za-z0-9_(\[])|{'|'.join(OF_OTHER_SCRIPTS)})"
)
_ELIDED = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z](?:[A-Za-z0-9._%+-]{0,30}[A-Za-z])?['\u2019]$"
)  # o'brien@..., as far as the sign
_QUOTED = re.compile(
    rf'"(?:[^"@\\\n]|\\.){{1,64}}"@(?P<labels>(?:{_LABEL}{{1,63}}\.){{1,8}})(?P<last>[A-Za-z]{{2,24}})(?![\w-])'
)
_REMOTE = re.compile(r"://[^\s/@]*$")
_TOUCHING = re.compile(rf"[^\W\d_{_UNDIVIDED}]")
_FILES = frozenset({"py"})  # also a country's domain, but `icon@2x.py` is a file
_CODE_BEFORE = re.compile(r"(?:[=(\[,+*/-]|\b(?:return|assert|print|yield|if|and|or|not|in))\s*$")
_CODE_AFTER = re.compile(r"\s*(?:[=!<>]=|[-+*/%]\s|[)\]])")
_ALL = frozenset(
    "所有 全部 任何 使用 带有 包含 请用 すべて 全て 全部の".split()
)  # `所有@example.com的邮箱`: all of a domain
_BEFORE = 200  # characters


def find(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each address; not the user of a URL or of a repository."""
    if "@" not in text and "%40" not in text:
        return
    for match in _MAIL.finditer(text):
        if (end := _end(match)) and not _is_other(match, end):
            yield _start(match, end), end
    for match in _QUOTED.finditer(text):  # RFC 5322, 3.4.1
        if _is_top_level(match["last"]):
            yield match.span()


def _start(match: re.Match[str], end: int) -> int:
    """Where the name begins: `o'` belongs to `o'brien`, unless the sign opens a text that the same sign closes."""
    elided = _ELIDED.search(match.string, max(0, match.start() - 34), match.start())
    is_quoted = elided and match.string[end : end + 1] == elided[0][-1]
    return elided.start() if elided and not is_quoted else match.start()


def _end(match: re.Match[str]) -> int | None:
    """Where a domain ends that the internet or a company has; a sentence may follow its full stop without a space."""
    last = match["last"]
    if _is_top_level(last):
        touches = not last.isascii() and _TOUCHING.match(last[-1]) and _TOUCHING.match(match.string, match.end())
        return None if touches else match.end()
    labels = match["labels"].rstrip(".").split(".")
    if last[:1].isupper() and len(labels) > 1 and _is_top_level(labels[-1]):
        return match.end() - len(last) - 1
    return None


def _is_top_level(label: str) -> bool:
    lowered = label.lower()
    has_one_case = label in {lowered, label.upper(), label.title()}  # `x@k.mT` is a product of matrices
    return has_one_case and (lowered.startswith("xn--") or (lowered in TOP_LEVEL_DOMAINS and lowered not in _FILES))


def _is_other(match: re.Match[str], end: int) -> bool:
    text, start = match.string, match.start()
    before = text[max(0, start - _BEFORE) : start]
    domain = text[match.end("at") : end]
    if match["name"] in _ALL or (match["at"] == "@" and _REMOTE.search(before + match["name"])):
        return True
    if match["name"] == "git" and text[end : end + 1] == ":":
        return True
    if match["name"].startswith("self.") or domain.startswith("self."):
        return True
    is_short = match["name"].isascii() and len(match["name"]) <= 2 and len(domain.split(".")[0]) <= 2
    return is_short and bool(_CODE_BEFORE.search(before) or _CODE_AFTER.match(text, end))
