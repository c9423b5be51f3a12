"""IP addresses that only one machine has, told from version numbers, sections and slices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d|-[A-Za-z])", re.ASCII)
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)
# What comes before a version number: its word, with other small words between, or an operator, or a product's name.
_VERSION = re.compile(
    r"(?:versi[oó]n\w*|version\w*|vers[aã]o|ver|vers|release|build|revision|rev|firmware|driver|patch|update|upgrade|"
    r"python|java|node|chrome|firefox|safari|windows|macos|ios|android|linux|kernel|bump|pinned|"
    r"section|sect|chapter|clause|figure|table|paragraph|article|appendix|abschnitt|kapitel|oid|version|версия|версии|"
    r"版本|版本号|バージョン|버전|เวอร์ชัน|संस्करण|السنخة|الإصدار)[ds]?"
    r"(?:\s+(?:is|was|to|from|of|number|no|and|or|v|now|es|est|ist|est\u00e1|\u662f|\d[\d.]*))*"
    r"(?:[\s\"'`:=(>#\[]|\\|是|为|を|は)*$|[=<>~^!]=\s*[\"']?$|[\^~]$|[A-Za-z]/$|[A-Za-z]-$|\u00a7\s*$",
    re.IGNORECASE,
)
_NAMED_VERSION = re.compile(r"(?:version|release|build|revision|firmware|section|oid)$", re.IGNORECASE)
_HEADING = re.compile(r"[ \t]+[A-Z][a-z]")
_BEFORE = 60  # characters


def find(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Start and end of each address of the public internet.

    Args:
        name: the field whose value the text is.
    """
    if text.count(".") >= 3 and not _NAMED_VERSION.search(name):
        for match in _V4.finditer(text):
            if _is_public(match[0]) and not _is_version(text, match):
                yield match.span()
    if text.count(":") >= 2:
        for match in _V6.finditer(text):
            if _is_public(match[0]) and not _is_slice(text, match):
                yield match.span()


def _is_version(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    is_heading = before.rpartition("\n")[2].strip("# *") == "" and max(map(int, match[0].split("."))) < 50
    return bool(_VERSION.search(before)) or (is_heading and bool(_HEADING.match(text, match.end())))


def _is_slice(text: str, match: re.Match[str]) -> bool:
    """Whether this is between the brackets of an index, such as `x[2000::100]`."""
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    return re.search(r"[\w)\]]\[[^\]]*$", before) is not None


def _is_public(value: str) -> bool:
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and (address.version == 4 or value[0] in "23")
