"""Numbers as people and LaTeX write them, rewritten with ASCII digits, signs and separators."""

from __future__ import annotations

from unicodedata import category, decimal, normalize

import regex

from fine_tuning.evaluation import roots_and_powers

_MINUS = "\u02d7\u2010\u2011\u2012\u2013\u207b\u208b\u2212\u2796\ufe63\uff0d"  # no em dash: it is none in any language
_LEADING_DASH = regex.compile(
    r"^[\s\p{Cf}]*[\u2014\u2015](?=\p{Sc}?[.,]?\p{Nd})"
)  # there is nothing before it that it could part
_SUPERSCRIPT_POWER = regex.compile(r"(?<=10)[\u207a\u207b]?[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]+")
_VULGAR = regex.compile(r"(?<=(\p{Nd})[\s\u2064]*)?[\s\u2064]*([\u00bc-\u00be\u2150-\u215e\u2189])")
_SMALL_FRACTION = regex.compile(r"[\u00b9\u00b2\u00b3\u2070\u2074-\u2079]+\u2044[\u2080-\u2089]+")
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")

_APART = regex.compile(r"(?<=[=≈≃≅≡≤≥(]\s?)([-+])\s+(?=[\d.\p{Sc}\\])")  # x = - 5; "- 5" alone is of a list
_BRACKETED = regex.compile(r"(?<=/)\(([-+][\d.,]+)\)|\(([-+][\d.,]+)\)(?=/)")  # (-1)/(-2)
_BRACE = regex.compile(r"\\[{}]|\\f?boxed\s*\{|[{}]")
_DIGIT = regex.compile(r"\p{N}")
_FRACTION = regex.compile(r"(?<=(\d)\s*)?\\(?:[dtcs]?frac|nicefrac)\s*(?:\{([^{}]*)\}|(\d))\s*(?:\{([^{}]*)\}|(\d))")
_LATEX = (
    (regex.compile(r"\{([,.'])\}"), r"\1"),
    (regex.compile(r"\\!|\\(?:left|right)(?![a-zA-Z])"), ""),
    (regex.compile(r"(?<=\d)(?:\\[,;: ]|~)(?=\d)"), " "),
    (regex.compile(r"\\([%$])"), r"\1"),
    (regex.compile(r"\\(?:times|cdot)(?![a-zA-Z])"), "*"),
)


class _Plain(dict[int, str]):
    """For `str.translate`: digits, signs and separators of all scripts in ASCII."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _plain_character(chr(code))
        return found


def _plain_character(character: str) -> str:
    if _IGNORABLE.match(character):  # marks of direction stand before signs
        return ""
    kind = category(character)
    if kind == "Nd":
        return str(decimal(character))
    if kind == "Zs":
        return " "
    width = normalize("NFKC", character)
    return width if len(width) == 1 and width.isascii() and kind[0] in "PS" else character


_PLAIN = _Plain(
    {
        **{ord(sign): "-" for sign in _MINUS},
        **{ord(sign): "'" for sign in "\u2018\u2019\u02bc\u2032\u066c"},  # the last one is Arabic and groups thousands
        **{ord(sign): "*" for sign in "\u00d7\u00b7\u22c5\u2219\u2217\u2715"},
        0x066B: ".",
        0x060C: ",",
        0x066A: "%",
        0x2044: "/",
        0x2215: "/",
    }
)


def plain(text: str) -> str:
    """The text with its numbers in ASCII; if there is a number in LaTeX's \\boxed, which marks an answer, only that."""
    boxed = _boxed(text)
    text = _LEADING_DASH.sub("-", text if boxed is None else boxed)
    text = text if boxed is None else f"= {text.strip()}"
    if not text.isascii():
        text = _SUPERSCRIPT_POWER.sub(lambda match: "^" + normalize("NFKC", match[0]), text)
        text = _SMALL_FRACTION.sub(lambda match: normalize("NFKC", match[0]), text)
        text = _VULGAR.sub(lambda match: (" " if match[1] else "") + normalize("NFKC", match[2]), text)
        text = text.translate(_PLAIN)
    text = _APART.sub(r"\1", text)
    if "\\" in text or "{" in text or "~" in text:
        for pattern, found in _LATEX:
            text = pattern.sub(found, text)
        text = _FRACTION.sub(_fraction, text)
    text = _BRACKETED.sub(lambda match: match[1] or match[2], text)
    in_decimals = roots_and_powers.in_decimals(text)
    return text if in_decimals == text else _FRACTION.sub(_fraction, in_decimals)


def _boxed(text: str) -> str | None:
    """What the last \\boxed with a number holds; None without one."""
    found, opened = None, list[int | None]()
    for match in _BRACE.finditer(text) if "boxed" in text else ():
        if match[0] == "}" and opened:
            start = opened.pop()
            if start is not None and _DIGIT.search(text, start, match.start()):
                found = text[start : match.start()]
        elif match[0][0] == "{" or "boxed" in match[0]:
            opened.append(match.end() if "boxed" in match[0] else None)
    return found


def _fraction(match: regex.Match[str]) -> str:
    numerator, denominator = match[2] or match[3] or "", match[4] or match[5] or ""
    return f"{' ' if match[1] else ''}{numerator.strip()}/{denominator.strip()}"
