"""What stands between the name of a password and its value where people write one: `is`, in many languages."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

from collections.abc import Iterable

_BY_LANGUAGE = {
    "en": (
        "is",
        "are",
        "is now",
        "was",
        "will be",
        "would be",
        "should be",
        "is set to",
        "was set to",
        "has been set to",
        *("is still", "is currently", "is just", "is actually", "is simply", "is again", "is back to"),
        *("changed to", "was changed to", "has been changed to", "set to", "reset to", "was reset to", "updated to"),
    ),
    "de": (
        *("ist", "ist jetzt", "ist nun", "war", "lautet", "lauten", "sind", "heißt", "heisst", "wäre", "wird", "sei"),
        *("ist noch", "ist immer noch", "ist aktuell", "geändert auf", "geändert in", "geändert zu"),
    ),
    "fr": (
        *("est", "sont", "c'est", "c’est", "était", "sera", "est maintenant", "est toujours"),
        *("changé en", "changé pour"),
    ),
    "es": ("es", "son", "es ahora", "era", "será", "sería", "sigue siendo", "cambiada a", "cambió a"),
    "pt": ("é", "são", "e", "era", "será", "seria", "agora é", "fica"),
    "it": ("è", "sono", "era", "sarà", "ora è", "è ora", "è ancora", "è sempre", "cambiata in", "è cambiata in"),
    "nl": ("is", "zijn", "is nu", "luidt", "wordt", "was"),
    "pl": ("to", "to jest", "jest", "są", "brzmi", "było", "będzie"),
    "cs, sk": ("je", "je teď", "zní", "znie", "bylo", "bolo", "bude"),
    "ru": (
        *("это", "является", "был", "будет", "теперь", "такой"),
        *("сменён на", "изменён на", "поменяли на", "сменили на"),
    ),
    "uk": ("це", "є", "був", "буде", "тепер", "такий"),
    "bg, mk, sr, hr, sl": ("е", "је", "je", "glasi", "гласи", "беше", "ще бъде", "ми е", "ти е", "му е", "ѝ е", "ни е"),
    "el": ("είναι", "ήταν", "θα είναι", "μου είναι", "σου είναι", "του είναι", "της είναι", "μας είναι", "σας είναι"),
    "tr": ("şudur", "budur", "şu", "olarak"),
    "vi": ("là", "sẽ là", "đang là", "hiện là"),
    "id, ms": ("adalah", "ialah", "yaitu", "yakni", "itu", "sekarang"),
    "ar, fa": ("هي", "هو", "كانت", "ستكون", "این است", "برابر است با"),
    "he": ("היא", "הוא", "הינה", "זה", "זו"),
    "hi, ur": ("है", "यह है", "था", "होगा", "ہے"),
    "bn": ("হল", "হলো", "হচ্ছে", "হয়", "ছিল"),
    "sv, da, no": ("är", "er", "var", "lyder", "blir"),
    "fi, et, hu, lv, lt": ("on", "oli", "az", "az, hogy", "ir", "yra"),
    "ro, ca, sw": ("este", "e", "era", "va fi", "ni"),
}
_ATTACHED = (  # in scripts without spaces, and behind a word
    *("คือ", "เป็น", "是", "为", "為", "係", "就是", "改成", "改为", "改為", "设为", "設為", "は", "が", "とは"),
    *("는", "은", "가", "이"),
)
# Words that mean something else behind an English name, such as `password to` and `password on`.
_AMBIGUOUS = frozenset({"to", "on", "e", "az", "ir", "ni", "var", "it", "itu", "su", "era", "je", "er"})


def _pattern(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_ALL = frozenset(word for words in _BY_LANGUAGE.values() for word in words)
OF_ENGLISH_NAMES = _pattern(_ALL - _AMBIGUOUS)
"""A pattern of the words that may stand behind `password`, which many languages have taken over."""
OF_OTHER_NAMES = _pattern(_ALL)
"""A pattern of the words that may stand behind the names of the other languages."""
ATTACHED = _pattern(_ATTACHED)
"""A pattern of those that no space divides from what is around them."""
IS = rf"(?:\b(?:{OF_ENGLISH_NAMES})(?!\w)|{ATTACHED})"
"""A pattern of any of them, directly before or behind what has no other sign."""
