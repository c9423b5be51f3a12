"""The forms of a text that metrics compare: one case, however it was typed, and words of any language.

Texts without letters, marks and digits beyond ASCII have the words that rouge-score and SQuAD's script find.
"""

from __future__ import annotations

from unicodedata import category, decomposition, normalize

import regex

from fine_tuning.data_io.equal_answers import normal_form
from fine_tuning.datasets.words import CLUSTER, UNSPACED

_LETTER = r"[\p{L}\p{Nd}\p{Nl}[\p{No}--\p{Script=Common}]]"  # also numerals such as Ethiopic ones, but no ½ and no ²
_MARK = r"[\p{M}--\p{Me}]"
_WORD = regex.compile(rf"{CLUSTER}|[{_LETTER}--{UNSPACED}][[{_LETTER}{_MARK}]--{UNSPACED}]*+", regex.V1)
_SPACED_WORD = regex.compile(rf"{CLUSTER}|[\S--{UNSPACED}]++", regex.V1)
_UNSPACED_SIGN = regex.compile(rf"{CLUSTER}|[\p{{P}}--\p{{ASCII}}]", regex.V1)
_UNSPACED_LETTER = regex.compile(UNSPACED, regex.V1)
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")

_DOTLESS_I = "\u0131"  # only Turkic alphabets have it; there, it is the small letter of I
_DOTTED_CAPITAL_I = "\u0130"
_SMALL_I_AND_DOT = "i\u0307"  # the small letter of the dotted capital in Unicode's language-independent mapping
_KEPT_WIDE = {"<super>", "<sub>"}


class _Typed(dict[int, str]):
    """For `str.translate`: characters that differ only in how they were typed become one."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _plain_character(chr(code))
        return found


def _plain_character(character: str) -> str:
    if _IGNORABLE.match(character):  # soft hyphens, joiners, marks of direction
        return ""
    kind = decomposition(character).partition(" ")[0]
    is_width = kind in {"<wide>", "<narrow>"}
    is_letter = category(character)[0] in "LM" or category(character) in {"Nd", "Nl"}
    if is_width or (is_letter and kind.startswith("<") and kind not in _KEPT_WIDE):
        return normalize("NFKC", character)  # full width, ligatures, presentation forms, mathematical letters
    return character


_TYPED = _Typed(
    {
        0x0640: "",  # the tatweel stretches Arabic words
        0x02BB: "'",
        0x02BC: "'",
        0x200B: " ",
        # Word separators that are punctuation in Unicode: of Tibetan and Ethiopic.
        0x0F0B: " ",
        0x0F0C: " ",
        0x1361: " ",
    }
)


def caseless(prediction: str, reference: str) -> tuple[str, str]:
    """Both texts by Unicode's full case folding, in NFC, without differences in how characters were typed.

    Where one of them has a dotless i, both are folded as Turkish.
    """
    if prediction.isascii() and reference.isascii():
        return prediction.lower(), reference.lower()
    is_turkic = _DOTLESS_I in prediction or _DOTLESS_I in reference
    return _folded(prediction, is_turkic=is_turkic), _folded(reference, is_turkic=is_turkic)


def _folded(text: str, *, is_turkic: bool) -> str:
    plain = normalize("NFC", normalize("NFC", text).translate(_TYPED))
    if is_turkic:
        plain = plain.replace("I", _DOTLESS_I).replace(_DOTTED_CAPITAL_I, "i")
    return normalize("NFC", plain.casefold().replace(_SMALL_I_AND_DOT, "i"))


def words(text: str) -> list[str]:
    """Runs of letters and digits with their marks; in scripts without spaces, single characters with their marks."""
    found: list[str] = _WORD.findall(text)
    return found


def spaced_words(text: str) -> list[str]:
    """What stands between white space; in scripts without spaces, single characters with their marks."""
    found: list[str] = _SPACED_WORD.findall(text)
    return found


def with_spaces(text: str) -> str:
    """A text in NFC with spaces around the characters of scripts that have none; other texts are unchanged."""
    text = normal_form(text)
    return _UNSPACED_SIGN.sub(r" \g<0> ", text) if _UNSPACED_LETTER.search(text) else text
