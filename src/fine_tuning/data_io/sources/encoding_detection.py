"""The encoding of text that is no UTF-8, as far as its words tell it.

A byte above 127 is a letter in every encoding of one byte, but of other words: 0xF8 is the ø of Danish in Windows-1252
and the ř of Czech in Windows-1250. An encoding fits where each word of the text has the letters of one of its languages
only, with capitals where words have them. Of several that fit, one is taken if the language of the whole text, or the
share of common letters, speaks for it; otherwise none is.

Sources: https://encoding.spec.whatwg.org/, and https://cldr.unicode.org/ for the letters of languages
(exemplarCharacters).
"""

# ruff: noqa: RUF001 - letters and signs of many scripts

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

MAX_WORDS = 4000  # that are looked at
_LANGUAGE_CHARACTERS, _LANGUAGE_LETTERS = 2000, 16  # that are read, and that are needed, to tell a language
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SIGN_IN_WORD = re.compile(
    r"[^\W\d_][¡-©«-´¶-¹»-¿]+[^\W\d_]|[¿¡][¡-¿]|[^\W\d_][¿¡¦¬¯¸³¹]|[³¹¬¦¯¸][^\W\d_]|[^\W\d_][‚„]"
)
_SIGN_FOR_LETTER = re.compile(r"[^\W\d_][†‡‰]|[^\W\d_][–—…“”„•™‹›]+[^\W\d_]|(?:^|[\s¿¡(])[‡‰†][^\W\d_]|\s‡\s")
_SIGN_BESIDE_ASCII = re.compile(
    r"(?<=[A-Za-z.,!?])[’”…™®]+|[‘’“°¡¿](?=[A-Za-z])|[€£](?=\d)|(?<= )[–—](?= )|(?<=[A-Za-z])[–—](?=[A-Za-z])|©(?= ?\d)"
)
_PUNCTUATION = frozenset(
    "\xa0\xad¡¢£¤¥§¨©ª«¬®°±²³´µ¶·¹º»¼½¾¿×÷–—―‘’‚“”„†‡•…‰‹›€™№、。，．：；？！（）「」『』《》【】〜ー・　،؛؟ـ"
    "฿๏๐๑๒๓๔๕๖๗๘๙๚๛\u0e31\u0e34\u0e35\u0e36\u0e37\u0e38\u0e39\u0e3a\u0e47\u0e48\u0e49\u0e4a\u0e4b\u0e4c\u0e4d\u0e4e"
    "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"  # vowel signs of Arabic
)
_WESTERN = (
    *("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíñóúüªº", "áâãàçéêíóôõúüªº", "àèéìíîòóùú", "åäöéà", "æøåéèêóòâô", "åäöšž"),
    *("áðéíóúýþæö", "ëïéèêóöüáíúî", "àçèéíïòóúü", "åéèêôöüä", "âêîôûŵŷ", "ëç", "µ"),
)
_CENTRAL = ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüß")
_TURKISH = ("çğıiöşüâîû", "äöüß")
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")
_ALPHABETS_OF = {
    "cp1252": _WESTERN,
    "mac_roman": _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859_2": _CENTRAL,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
}
_FEW_WORDS = 12  # that hardly mix languages
_SMALL_WORDS = frozenset("àèéêòóíáåöæøýœaµªº")
"""Letters with an accent that are a word alone in a language of Latin script."""
_CYRILLIC = (
    *("абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя'", "абвгдеёжзійклмнопрстуўфхцчшыьэюя'"),
    "абвгдђежзијклљмнњопрстћуфхцчџш",
)
_LANGUAGES = {
    "cp1252": frozenset("en fr de es pt it nl sv da no nb nn fi is ca gl eu ga cy sq af lb oc fo id ms tl".split()),
    "cp1250": frozenset("pl cs sk hu ro hr sl bs sr".split()),
    "iso8859_2": frozenset("pl cs sk hu ro hr sl bs sr".split()),
    "cp1254": frozenset(("tr", "az", "ku")),
    "cp1257": frozenset(("lt", "lv", "et")),
}
_LANGUAGES["mac_roman"] = _LANGUAGES["cp1252"] - {"en"}
LATIN = frozenset(_LANGUAGES)
"""Encodings of Latin script, whose words are hardly ever UTF-8 by chance."""
_COMMON = frozenset("оеаинтсрвлкі" + "יוהלאמרתשבנ" + "αοιετνσηυρπκάέήίόύώ" + "اليمنوتربةعدسفكه" + "านรอกเงมยลวดทสตใไช")


def encoding_of(sample: bytes) -> str | list[str]:
    """The encoding of a text that is no UTF-8; or those that it may have, which is none or several."""
    texts: dict[str, str] = {}
    for encoding in _ENCODINGS:
        text = _decoded(sample, encoding.name)
        if text is not None and encoding.fits(text) and text not in texts.values():
            texts[encoding.name] = text
    if _is_of_latin_script(texts.get("cp1252", "")):
        texts = _whole_in_one_language({name: text for name, text in texts.items() if _is_sure(name, text)})
    chosen = _likeliest(texts) if len(texts) != 1 else next(iter(texts))
    return list(texts) if chosen is None or not _is_sure(chosen, texts[chosen]) else chosen


def _is_of_latin_script(text: str) -> bool:
    """Whether a text, also a short one, is of Latin script: no word of another one has letters of ASCII beside others.

    A text in ASCII is of it, too, if its only other signs stand as no letter of another script would: `I’m`, `£5`.
    """
    is_mixed = any(each.isascii() and each.isalpha() for word in _words(text) for each in word)
    return is_mixed or (bool(text) and _SIGN_BESIDE_ASCII.sub("", text).isascii())


def _whole_in_one_language(texts: dict[str, str]) -> dict[str, str]:
    """Of the readings of a short text those whose letters are of one language, where there are some."""
    found = {
        name: text
        for name, text in texts.items()
        if len(words := _words(text)) <= _FEW_WORDS
        and _is_latin_of_one({letter.lower() for word in words for letter in word}, _ALPHABETS_OF.get(name, ()))
    }
    return found or texts


def _is_latin_of_one(letters: set[str], alphabets: tuple[str, ...]) -> bool:
    accented = {letter for letter in letters if letter.isalpha() and not letter.isascii()}
    return any(accented <= set(alphabet) for alphabet in alphabets)


def _is_sure(name: str, text: str) -> bool:
    """Whether a text is long enough to tell its script, and has the common letters of it."""
    if name in _LANGUAGES:
        return True
    is_common = name not in _ALPHABETS or _share(text.lower(), _COMMON.__contains__) >= 0.4
    return is_common and len(_letters(text)) >= _MIN_LETTERS


def _decoded(sample: bytes, name: str) -> str | None:
    """The text in an encoding, up to a character that the sample cuts; None where it is in another."""
    try:
        text = sample.decode(name)
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 3 or error.reason.startswith("illegal"):
            return None
        text = sample[: error.start].decode(name)
    if "\0" in text:  # which only wider encodings have
        return None
    signs = {each for each in text if each > "\x7e" and not each.isalpha()}
    return text if signs <= _PUNCTUATION else None


def _words(text: str) -> list[str]:
    """The words with a letter beyond ASCII."""
    return [word for word in dict.fromkeys(_WORD.findall(text)) if not word.isascii()][:MAX_WORDS]


def _latin(alphabets: tuple[str, ...]) -> Callable[[str], bool]:
    known = [frozenset(each) for each in alphabets]

    def fits(text: str) -> bool:
        return _SIGN_IN_WORD.search(text) is None and all(_is_latin(word, known) for word in _words(text))

    return fits


def _is_of_mac(text: str) -> bool:
    """Whether words are as in western languages; signs that stand for letters of Windows' encodings are not there."""
    return _SIGN_FOR_LETTER.search(text) is None and _latin(_WESTERN)(text)


def _is_latin(word: str, alphabets: list[frozenset[str]]) -> bool:
    accented = {letter for letter in word if letter.isalpha() and not letter.isascii()}
    small = {"i" if letter == "İ" else letter.lower() for letter in accented}
    if len(word) == 1:
        return small <= _SMALL_WORDS
    has_plain = any(letter.isascii() and letter.isalpha() for letter in word)
    return has_plain and _has_case_of_words(word) and any(small <= each for each in alphabets)


def _has_case_of_words(word: str) -> bool:
    """Whether a capital letter beyond ASCII is the first one, or one of capitals only."""
    tail = re.split("['’]", word)[-1][1:]
    return word.isupper() or not any(letter.isupper() and not letter.isascii() for letter in tail)


def _is_cyrillic(text: str) -> bool:
    known = [frozenset(each) for each in _CYRILLIC]
    return all(
        _has_case_of_words(word) and any(set(word.lower().replace("’", "'")) <= each for each in known)
        for word in _words(text)
    )


def _is_greek(text: str) -> bool:
    words = [word for word in _words(text) if len(word) > 2]
    accented = [word for word in words if set(word.lower()) & set("άέήίόύώΐΰ")]
    is_script = _of_script("\u0386", "\u03ce", "ς")(text) and all(map(_has_case_of_words, _words(text)))
    return is_script and len(accented) * 2 >= len(words)


def _of_script(first: str, last: str, ends: str = "") -> Callable[[str], bool]:
    """Whether all words are of one script, whose final letters stand at ends of words only."""
    at_ends = frozenset(ends)

    def fits(text: str) -> bool:
        return all(
            all(first <= each <= last for each in word) and not at_ends & set(word[:-1]) for word in _words(text)
        )

    return fits


_FRENCH = [frozenset(_WESTERN[0])]
_HAS_ARABIC_LETTERS = _of_script("\u0621", "\u06d2", "ة")
_HAS_THAI_LETTERS = _of_script("ก", "\u0e4e")
_IS_HEBREW = _of_script("\u05d0", "\u05ea", "ךםןףץ")


def _is_arabic(text: str) -> bool:
    """Whether most letters are Arabic, and the other words French, whose letters the encoding has, too."""
    others = [word for word in _words(text) if not _HAS_ARABIC_LETTERS(word)]
    is_mostly = not others or _share(text, lambda each: each >= "\u0621") >= 0.7
    return is_mostly and _SIGN_IN_WORD.search(text) is None and all(_is_latin(word, _FRENCH) for word in others)


_THAI_MISPLACED = re.compile(
    "(?<![ก-ฮ\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])[\u0e30-\u0e3a\u0e45\u0e47-\u0e4e]"  # a sign without its consonant
    "|[เแโใไ](?![ก-ฮ])|[\u0e31\u0e34-\u0e3a]{2}|[\u0e48-\u0e4b]{2}|[a-z][ก-ฮ][\u0e31-\u0e4e]*[a-z]|[ก-ฮ]{12}"
)


def _is_thai(text: str) -> bool:
    """Whether all words are Thai, with vowels and tones where a consonant carries them."""
    return _THAI_MISPLACED.search(text) is None and _HAS_THAI_LETTERS(text)


def _letters(text: str) -> list[str]:
    return [each for each in text if each > "\x7f" and each.isalpha()]


def _share(text: str, is_of: Callable[[str], bool]) -> float:
    """The share of the letters beyond ASCII of which this is true."""
    letters = _letters(text)
    return sum(map(is_of, letters)) / len(letters) if letters else 0.0


def _is_kana(letter: str) -> bool:
    return "\u3041" <= letter <= "\u30fe"


def _is_japanese(text: str) -> bool:
    """Whether there are kana among the characters; half-width ones are what other encodings look like."""
    others = _share(text, lambda each: not (_is_kana(each) or "\u4e00" <= each <= "\u9fff"))
    return _share(text, _is_kana) >= 0.15 and others <= 0.02


def _in_rows(name: str, first: int, last: int, first_cell: int = 0) -> Callable[[str], bool]:
    """Whether a character is in the rows of an encoding that hold the common ones."""

    def is_in(letter: str) -> bool:
        code = letter.encode(name)
        return len(code) == 2 and first <= code[0] <= last and code[1] >= first_cell

    return is_in


def _mostly(is_common: Callable[[str], bool], share: float) -> Callable[[str], bool]:
    return lambda text: _share(text, _is_kana) < 0.15 and _share(text, is_common) >= share


class _Encoding(NamedTuple):
    """An encoding, and whether decoded text may be in a language that it is for."""

    name: str
    fits: Callable[[str], bool]


_ENCODINGS = (
    _Encoding("cp1252", _latin(_WESTERN)),
    _Encoding("cp1250", _latin(_CENTRAL)),
    _Encoding("iso8859_2", _latin(_CENTRAL)),
    _Encoding("cp1254", _latin(_TURKISH)),
    _Encoding("cp1257", _latin(_BALTIC)),
    _Encoding("cp1251", _is_cyrillic),
    _Encoding("koi8-u", _is_cyrillic),
    _Encoding("cp866", _is_cyrillic),
    _Encoding("iso8859_5", _is_cyrillic),
    _Encoding("mac_roman", _is_of_mac),
    _Encoding("cp1253", _is_greek),
    _Encoding("cp1255", _IS_HEBREW),
    _Encoding("cp862", _IS_HEBREW),
    _Encoding("cp1256", _is_arabic),
    _Encoding("iso8859_6", _is_arabic),
    _Encoding("cp874", _is_thai),
    _Encoding("cp932", _is_japanese),
    _Encoding("euc_jp", _is_japanese),
    _Encoding("cp949", _mostly(_in_rows("cp949", 0xB0, 0xC8, 0xA1), 0.97)),
    _Encoding("gb18030", _mostly(_in_rows("gb18030", 0xB0, 0xD7, 0xA1), 0.9)),  # level 1 of GB 2312
    _Encoding("big5", _mostly(_in_rows("big5", 0xA4, 0xC6), 0.9)),  # level 1 of Big5
)
_ALPHABETS = frozenset(
    ("cp1251", "koi8-u", "cp866", "iso8859_5", "cp1253", "cp1255", "cp862", "cp1256", "iso8859_6", "cp874")
)
_RARE_BY_CHANCE = ("euc_jp", "cp932", "cp949")
"""Encodings whose rows of kana or Hangul are common characters of Chinese ones, but hardly ever all of a text."""
_MIN_LETTERS = 5  # of another script than Latin: fewer may be of any


def _likeliest(texts: dict[str, str]) -> str | None:
    """Of several encodings that fit, the one that the whole text speaks for, if there is one."""
    found = next((name for name in _RARE_BY_CHANCE if name in texts), None)
    if found is not None:
        return found
    if "mac_roman" in texts:
        texts = _of_mac_or_windows(texts)
    if texts.keys() == {"cp1252"} and _SIGN_BESIDE_ASCII.sub("", texts["cp1252"]).isascii():
        return "cp1252"
    if texts.keys() <= _LANGUAGES.keys():
        likely = [name for name, text in texts.items() if _language_of(text) in _LANGUAGES[name]]
        return likely[0] if len(likely) == 1 else None
    shares = {name: _share(text.lower(), _COMMON.__contains__) for name, text in texts.items()}
    first, second = [*sorted(shares, key=shares.__getitem__, reverse=True), "", ""][:2]
    return first if second and shares[first] - shares[second] > 0.2 else None


def _of_mac_or_windows(texts: dict[str, str]) -> dict[str, str]:
    """The texts without those that have signs where words have letters, or without the one of a Mac, the rarer one.

    Dashes between words are usual in English, whose words need no letters in their place.
    """
    others = {name: text for name, text in texts.items() if name != "mac_roman"}
    if all(_SIGN_FOR_LETTER.search(text) for text in others.values()):
        language = _language_of(texts["mac_roman"])
        if language is None:
            return {}
        return {"mac_roman": texts["mac_roman"]} if language in _LANGUAGES["mac_roman"] else others
    return {name: text for name, text in others.items() if not _SIGN_FOR_LETTER.search(text)}


def _language_of(text: str) -> str | None:
    """The language of the lines with letters beyond ASCII; None for a short text."""
    import py3langid

    lines = "\n".join(line for line in text.splitlines() if not line.isascii())[:_LANGUAGE_CHARACTERS]
    if sum(map(str.isalpha, lines)) < _LANGUAGE_LETTERS:
        return None
    return str(py3langid.classify(lines)[0])
