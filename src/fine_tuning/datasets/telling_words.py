"""The words of a question of which each alone makes it another one: numbers, units, operators, negations, emoji.

Near-duplicates must have the same ones in the same order, however long they are: "Is 12 + 4 more than 15?" is not
"Is 12 - 4 more than 15?". Signs of mark-up, such as `**` around a word or `<b>`, are none.
"""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from unicodedata import category

import regex

from fine_tuning.datasets import letter_case

_NEGATIONS = frozenset(
    """not no never none nor neither without cannot cant dont doesnt didnt isnt arent wasnt werent wont shouldnt t
    nicht kein keine keinen keinem keiner keines ohne nie niemals nichts ne pas non sans jamais rien aucun aucune
    sin nunca jamás nada ningún ninguno ninguna não nao sem nenhum nenhuma senza mai nessun nessuno nessuna niente
    niet geen zonder nooit inte icke ej ikke uten uden utan aldrig aldri ingen inget nie bez nigdy není nikdy nu fără
    nem nincs nélkül ei eivät ilman değil yok hayır asla tidak bukan tanpa jangan không chưa chẳng
    не нет без никогда нельзя ни ні няма нема δεν μη μην όχι χωρίς لا ليس ليست لم لن بدون غير نه نیست
    לא אין בלי नहीं न मत बिना না নয় নেই ไม่ 不 没 沒 非 无 無 未 안 못""".split()
)
_KOREAN_NEGATION = re.compile("[않없못]|아니")
_JAPANESE_NEGATION = regex.compile(r"(?<!\S)な (?:い|か っ|く)(?!\S)|(?<!\S)ま せ ん(?!\S)")
_UNITS = frozenset(
    """m mm cm dm km nm µm μm um inch inches ft foot feet yd mi mile miles ha acre acres l ml cl dl g mg kg µg μg ug
    t lb lbs oz st s ms ns µs μs sec secs second seconds min mins minute minutes h hr hrs hour hours d day days
    week weeks month months year years hz khz mhz ghz kHz MHz GHz THz k c f v kv mv kV mV MV w kw mw gw kW mW MW
    GW kwh kWh MWh wh Wh ma mA µA ah mah mAh Ah j kj kJ MJ cal kcal n kn kN pa kpa kPa hPa MPa mpa bar mbar psi
    ohm Ω kΩ b kb mb gb tb KB MB GB TB kB PB kib mib gib KiB MiB GiB bit bits byte bytes bps kbps mbps gbps Mbps
    Gbps ppm ppb mol mmol rpm dpi px pt em rem vw vh deg rad degrees usd eur gbp jpy cny inr chf dollar dollars
    euro euros cent cents pound pounds yen percent percents million millions billion billions thousand hundred
    dozen times am pm""".split()
)
_HAN_NUMBERS = frozenset("二三四五六七八九十百千万萬億亿")
_NUMBER = regex.compile(r"\p{N}")
_RECORDS = frozenset("order ticket invoice case ref reference customer account tracking booking request".split())
_NUMBERING = frozenset(("number", "no", "nr", "id", "#"))
_LONG = 15  # words, among which the number of an order is not what is asked
_WORDS = _NEGATIONS | _HAN_NUMBERS
_DECORATIONS = frozenset("™®©№")
_BETWEEN_OPERANDS = frozenset("*/&\\#")
_BESIDE_OPERAND = frozenset("|~[]{}@")
_OPERATORS = frozenset("+-<>=!^%()′″‰٪:?'\"")
_TAG = re.compile(r"< (?:/ )?[^\W\d]\w*(?: [^<>=+|&]*)?(?: /)? >")
_TIME = re.compile(r"\d{4}(?: -)? \d\d(?: -)? \d\d(?: |t)\d\d \d\d \d\d(?: \d+)?z?(?!\S)")


def telling(text: str) -> tuple[str, ...]:
    """Those words of a normalised text, in their order; see `words.normalised`."""
    if "<" in text:
        text = _TAG.sub(" ", text)
    words = _TIME.sub(" ", text).split() if ":" not in text and "20" in text else text.split()
    found = tuple(_found(words, is_plain=text.isascii()))
    if text != text.lower():
        found += tuple(filter(letter_case.tells, words))
    if not text.isascii() and (times := len(_JAPANESE_NEGATION.findall(text))):
        return (*found, *["not"] * times)
    return found


def key_of(text: str) -> int:
    """Eight bytes for those words; 0 where there are none."""
    found = telling(text)
    return int.from_bytes(blake2b(" ".join(found).encode(), digest_size=8).digest(), "little") if found else 0


def _found(words: Sequence[str], *, is_plain: bool) -> Iterator[str]:
    if is_plain:
        is_negated = not _NEGATIONS.isdisjoint(words)
        places = [at for at, word in enumerate(words) if not word.isalpha() or (is_negated and word in _NEGATIONS)]
    else:
        places = [at for at, word in enumerate(words) if not word.isalpha() or word in _WORDS or word[0] in "않없못아"]
    done = 0  # the place after the last unit
    for at in places:
        word = words[at]
        if at < done:
            continue
        if word in _NEGATIONS:
            yield "not"
        elif word in _HAN_NUMBERS:
            yield word
        elif _KOREAN_NEGATION.match(word):
            yield "not"
        elif _NUMBER.search(word) or word == "°":
            done = _end_of_unit(words, at + 1)
            if len(words) < _LONG or not _is_of_a_record(words, at):
                yield from words[at : max(done, at + 1)]
        elif _is_telling_sign(words, at) and not (words[at - 1] == word and at and category(word) == "So"):
            yield word


def _is_of_a_record(words: Sequence[str], at: int) -> bool:
    """Whether a number is the name of an order or the like."""
    before = at - 1 if words[at - 1] not in _NUMBERING else at - 2
    return before >= 0 and words[before] in _RECORDS


def _end_of_unit(words: Sequence[str], at: int) -> int:
    """The place after a unit that begins there, such as `km / h`; the place itself where there is none."""
    if at < len(words) and words[at] in _UNITS:
        is_ratio = words[at + 1 : at + 2] == ["/"] and len(words) > at + 2 and words[at + 2] in _UNITS
        return at + (3 if is_ratio else 1)
    return at


def _is_telling_sign(words: Sequence[str], at: int) -> bool:
    sign = words[at]
    if len(sign) > 1 or sign.isalpha():
        return False
    if sign in _OPERATORS:
        return at > 0 or sign != ">"  # which quotes a text
    if sign in _BETWEEN_OPERANDS:
        before, after = _beside(words, at, -1), _beside(words, at, 1)
        is_doubled = sign == "&" and sign in {*words[at - 1 : at], *words[at + 1 : at + 2]}
        is_name = sign == "#" and len(before) == 1 and before.isalpha()  # of a language, or a note
        return is_doubled or is_name or (_is_operand(before) and _is_operand(after))
    kind = category(sign)
    if kind == "Sc" or sign in _BESIDE_OPERAND:
        return any(_is_operand(_beside(words, at, step)) for step in (-1, 1))
    return kind in {"Sm", "So", "Sk"} and sign not in _DECORATIONS


def _beside(words: Sequence[str], at: int, step: int) -> str:
    """The next word in this direction that is not the same sign, of which three are one after the other at most."""
    for other in range(at + step, at + 4 * step, step):
        if not 0 <= other < len(words):
            return ""
        if words[other] != words[at]:
            return words[other]
    return ""


def _is_operand(word: str) -> bool:
    return bool(_NUMBER.search(word)) or (len(word) == 1 and (word.isalpha() or word in "()!"))
