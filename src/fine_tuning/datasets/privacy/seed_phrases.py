"""Seed phrases of wallets: 12 words and more of the list of BIP-39, or behind a name of one in any language."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fine_tuning.datasets.privacy.seed_words import SEED_WORDS

Place = tuple[int, int, str]
_LEAST = 12  # words of the shortest phrase
# Words of a phrase are in a line, in a list of code or numbered; no sentence has so many short words of the list.
_GAP = r"(?:[\s,;\"'|>-]{1,6}(?:\d{1,2}[.):]?[\s\"']{0,2})?)"
_JOIN = re.compile(_GAP)
_WORD, _LETTERS = re.compile(r"[A-Za-z]+"), re.compile(r"[^\W\d_]+")
# Patterns of the names, by language; after some, a verb comes.
_NAMES = "|".join(
    (
        r"(?:seed|recovery|backup|mnemonic|wallet)[ -]?(?:phrases?|words?)|mnemonics?|mnemonik",
        r"wiederherstellungs(?:phrase|w[öo]rter)",
        r"phrase (?:de récupération|mnémonique|secrète|de départ)",
        r"herstelzin|herstelwoorden|fraza (?:odzyskiwania|seed)",
        r"frase (?:semilla|semente|seed|seme|de recuperaci[óo]n|de recuperação|di recupero|mnem[oóô]nica)",
        r"frase-semente",
        r"(?:сид|seed|мнемоническ\w+|сід|мнемонічн\w+)[ -]?фраз\w+",
        r"фраза (?:восстановления|відновлення)|φράση ανάκτησης",
        r"kurtarma (?:ifadesi|kelimeleri)|cụm từ (?:khôi phục|hạt giống)|frasa (?:pemulihan|benih)|助记词|助記詞",
        r"(?:シード|リカバリー|ニーモニック)・?フレーズ|ニーモニック|(?:복구|시드) ?구문|니모닉|วลีกู้คืน",
        r"عبارة (?:الاسترداد|الاستعادة|البذور)|(?:ביטוי|מילות) ה?שחזור|(?:सीड|रिकवरी) ?(?:फ़्रेज़|फ्रेज)|সিড ফ্রেজ",
    )
)
_IS = r"(?:[:：=は是]|\b(?:is|are|ist|sind|est|es|é|è|to|це|это|là|adalah|είναι)\b|คือ|है|হল|هي|היא|[는은])"
_NAMED = re.compile(
    rf"(?:{_NAMES})[\"'*]{{0,3}}[^\n]{{0,30}}?{_IS}[\s\"'`*“「]{{0,4}}"
    r"(?P<value>[^\W\d_]{1,12}(?:[ ,\u3000]{1,2}[^\W\d_]{1,12}){11,23})",
    re.IGNORECASE,
)
_FUNCTION_WORDS = frozenset(
    """a an the is are was to of and or in on for it its as by at with your you be not if we der die das und ist le la
    les     et est de du el los las y que un una il lo di e и в не на с что та і""".split()
)
_OWNERS = ("seed", "recovery", "backup", "wallet")
_NEEDLES = (
    *(f"{owner}{sign}{what}" for owner in _OWNERS for sign in " -" for what in ("phrase", "word")),
    *("seedphrase", "wiederherstellungs", "mnemon", "phrase de", "phrase secr", "frase ", "frase-", "fraza ", "frasa "),
    *("herstel", "фраз", "φράση", "ifadesi", "kelimeleri", "cụm từ", "助记词", "助記詞", "フレーズ", "ニーモニック"),
    *("구문", "니모닉", "عبارة", "ביטוי", "מילות", "फ़्रेज़", "फ्रेज", "ফ্রেজ", "วลี"),
)
# Words of the list that sentences consist of, too.
_COMMON = frozenset(
    """about above across again all also always any around because before can come despite enough every find give good
    have help into just keep know like live long make many more much must need never next now often once only open
    other own people place please put ready same say seek sell set show since that then there they thing this time
    tell town until use very wait want way what when where why will with work world wrong year you""".split()
)
_SHORTEST = 47  # characters: twelve words of three letters, and what is between them


def suspects(text: str) -> bool:
    """Whether a text may have such a phrase."""
    lowered = text.lower()
    return len(text) >= _LEAST and (_is_named(lowered) or _has_run(lowered))


def find(text: str) -> Iterator[Place]:
    """Start, end and kind of each phrase."""
    lowered = text.lower()
    runs = [each for each in _stretches(text) if is_phrase([word[0] for word in each])] if _has_run(lowered) else []
    for run in runs:
        yield run[0].start(), run[-1].end(), "passphrase"
    for match in _NAMED.finditer(text) if _is_named(lowered) else ():
        start, end = match.span("value")
        is_listed = any(run[0].start() < end and run[-1].end() > start for run in runs)
        if not (is_listed or _FUNCTION_WORDS.intersection(_LETTERS.findall(match["value"].lower()))):
            yield start, end, "passphrase"


def is_phrase(words: Sequence[str]) -> bool:
    """Whether words are a phrase: twelve or more of the list, few of which sentences have, too."""
    lowered = [word.lower() for word in words]
    common = sum(word in _COMMON for word in lowered)
    return len(words) >= _LEAST and SEED_WORDS.issuperset(lowered) and 3 * common <= len(words)


def _is_named(lowered: str) -> bool:
    return any(needle in lowered for needle in _NEEDLES)


def _has_run(lowered: str) -> bool:
    return len(lowered) >= _SHORTEST and b"\1" * _LEAST in bytes(map(SEED_WORDS.__contains__, _WORD.findall(lowered)))


def _stretches(text: str) -> Iterator[list[re.Match[str]]]:
    """The words of the list that stand together."""
    stretch: list[re.Match[str]] = []
    for word in _WORD.finditer(text):
        is_listed = word[0].lower() in SEED_WORDS
        if stretch and not (is_listed and _JOIN.fullmatch(text, stretch[-1].end(), word.start())):
            yield stretch
            stretch = []
        if is_listed:
            stretch.append(word)
    yield stretch
