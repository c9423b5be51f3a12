"""IP addresses that only one machine has, told from version numbers, sections and slices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d|-[A-Za-z])", re.ASCII)
_V6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)
# What comes before a version number: its word, with other small words between, or an operator, or a product's name.
_VERSION = re.compile(
    r"(?:versi[oó]n\w*|vers[aã]o|(?<![A-Za-z])(?:ver|vers|release|build|revision|rev|firmware|driver|patch|update|upgrade|"
    r"python|java|node|chrome|firefox|safari|windows|macos|ios|android|linux|kernel|bump|pinned|"
    r"section|sect|chapter|clause|figure|table|paragraph|article|appendix|abschnitt|kapitel|oid)|версия|версии|"
    r"版本|版本号|バージョン|버전|เวอร์ชัน|संस्करण|السنخة|الإصدار)[ds]?"
    r"(?:\s+(?:is|was|to|from|of|number|no|and|or|v|now|es|est|ist|est\u00e1|\u662f|\d[\d.]*))*"
    r"(?:[\s\"'`:=(>#\[]|\\|是|为|を|は)*$|[=<>~^!]=\s*[\"']?$|[\^~]$|[A-Za-z]/$|[A-Za-z]-$|\u00a7\s*$",
    re.IGNORECASE,
)
# The word behind the number is of it, unless a number of its own follows: `8.8.4.4 version 2` is an address.
_BEFORE_WORD = re.compile(
    r"[\"'`)\]]*[ \t\u00a0-]{0,2}(?:(?:versions?|versi[oó]n|vers[aã]o|versione|versie|ver|release|revision|firmware|"
    r"верси[ияюей]+)(?!\w)|版本|バージョン|버전|संस्करण)(?!\.?[ \t]*[:=#v]?[ \t]*\d)",
    re.IGNORECASE,
)
_NAMED_VERSION = re.compile(r"(?:version|release|build|revision|firmware|section|oid)$", re.IGNORECASE)
_HEADING = re.compile(r"[ \t]+[A-Z][a-z]")
# A version's numbers are small, as those of one in five hundred addresses are: these need a word that speaks for one.
_MOST_OF_VERSION = 31
_ADDRESSED = (
    r"ips?|ipv4|\w*addr\w*|adresse?|\w*host\w*|\w*server|client|remote|peer|dns|resolver|gateway|node|endpoint|src|dst|source|"
    r"dest\w*|target|origin|proxy|router|forwarded\w*|login|visitor|user|machine|network|subnet|domain|device|range|cidr|"
    r"ping|ssh|scp|telnet|curl|dig|nslookup|whois|traceroute|connect\w*|bind|listen\w*|block\w*|allow\w*|ban\w*|deny|accept"
)
_FUNCTION_WORDS = (
    r"is|was|are|at|from|to|on|via|by|with|and|or|for|of|use|it|as|in|not|but|than|then|see|ist|von|an|auf|es|de|des|desde|"
    r"est|da|com|para|il|la|le|the|und|y|et|e|into|through|against|behind|under|reach\w*|call\w*|visit\w*|open"
)
_OF_MACHINE = re.compile(rf"(?:\b(?:{_ADDRESSED})|://\S*|@)[\s\"'`:=(]*$", re.IGNORECASE)
_SPEAKS_FOR_ADDRESS = re.compile(
    rf"(?:\b(?:{_ADDRESSED}|{_FUNCTION_WORDS})|://\S*|@|[^\x00-\x7f])[\s\"'`:=(]*$", re.IGNORECASE
)
_PRODUCT = re.compile(r"(?<![\w.-])[A-Za-z][\w.+#-]*[ \t]+v?$")  # the word directly before, without a sign between
_MOVED = re.compile(
    r"(?:\b(?:up|down)grad|\bupdat|\bbump|\bmigrat|\breleas|\bversion|обновл|升级|更新)(?!.*\b(?:ips?|addr|host|server|dns|record))",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s\]\"'`)]*(?:(?:release|version|build|update|patch|hotfix|beta|alpha|rc\d*|stable|lts|changelog)\b"
    r"|\]?\s+[-\u2013(]\s?\d{4}-\d\d)",
    re.IGNORECASE,
)
_KEY = re.compile(r"[\"'](?P<key>[^\"'\n]{1,50})[\"']\s*(?::|=>)\s*[\"']$")
_PORT = re.compile(r":\d{2,5}(?!\d)|/\d")
_ADDRESS_FIELD = re.compile(rf"(?:^|[^a-z])(?:{_ADDRESSED})(?:$|[^a-z])|[iI][pP]|url|from|to$", re.IGNORECASE)
_BEFORE = 60  # characters


def find(text: str, name: str) -> Iterator[tuple[int, int]]:
    """Start and end of each address of the public internet.

    Args:
        name: the field whose value the text is.
    """
    if text.count(".") >= 3 and not _NAMED_VERSION.search(name):
        for match in _V4.finditer(text):
            if _is_public(match[0]) and not _is_version(text, match) and not _is_small_version(text, match, name):
                yield match.span()
    if text.count(":") >= 2:
        for match in _V6.finditer(text):
            if _is_public(match[0]) and not _is_slice(text, match):
                yield match.span()


def _is_version(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    is_heading = before.rpartition("\n")[2].strip("# *") == "" and max(map(int, match[0].split("."))) < 50
    if _BEFORE_WORD.match(text, match.end()) and not _OF_MACHINE.search(before):
        return True
    return bool(_VERSION.search(before)) or (is_heading and bool(_HEADING.match(text, match.end())))


def _is_small_version(text: str, match: re.Match[str], name: str) -> bool:
    """Whether four small numbers are rather a version than an address, by what stands around them."""
    first, *others = map(int, match[0].split("."))
    small = sum(each <= _MOST_OF_VERSION for each in others)
    if first > _MOST_OF_VERSION or small < 2:
        return False
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    if _PORT.match(text, match.end()):
        return False
    if small == len(others) and (_AFTER.match(text, match.end()) or _MOVED.search(before.rpartition("\n")[2])):
        return True
    if _PRODUCT.search(before):
        return not _SPEAKS_FOR_ADDRESS.search(before)
    key = _KEY.search(before)
    field = key["key"] if key else name if match[0] == text.strip() else ""
    return bool(field) and small == len(others) and not _ADDRESS_FIELD.search(field)


def _is_slice(text: str, match: re.Match[str]) -> bool:
    """Whether this is between the brackets of an index, such as `x[2000::100]`."""
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    return re.search(r"[\w)\]]\[[^\]]*$", before) is not None


def _is_public(value: str) -> bool:
    try:
        address = ip_address(value)
    except ValueError:
        return False
    is_assigned = address.version == 4 or int(address) >> 125 == 1  # 2000::/3: the only part of IPv6 that is in use
    return address.is_global and not address.is_multicast and is_assigned
