"""Fields with the name of a verdict that are what a conversation is about: a review's stars, an essay's grade, a class.

Such a field is no rating where the question speaks of it and the answer says its value: it is kept, and named.
A row of a classifier is one whose answer is a few words, or an object, that say so: `toxic`, `No`, `{"toxic": false}`.
Where the question is which class it is, the first or the last sentence of a longer answer may say so, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from fine_tuning.data_io.json_values import Row, as_number, is_object, parse_embedded_json, scalar_text
from fine_tuning.data_io.messages import Message, content_text, length_of_request
from fine_tuning.data_io.row_facts import Fact, facts_of, name_of
from fine_tuning.data_io.verdict_names import is_foreign_rating, may_be_a_grade
from fine_tuning.data_io.verdicts import is_positive, may_judge

_BAD_STARS, _GOOD_STARS = ("1", "2"), ("4", "5")
_STATES = ("status", "state")
_WORDS_OF_QUESTIONS = {
    **dict.fromkeys(
        ("stars", "numstars", "starrating"), re.compile(r"\bstars?\b|\breview|\brat(?:e|ing)\b", re.IGNORECASE)
    ),
    **dict.fromkeys(("grade", "lettergrade"), re.compile(r"\bgrad(?:e|es|ed|ing)\b|\bessay|\bexam\b", re.IGNORECASE)),
    **dict.fromkeys(
        ("review", "reviewresult"), re.compile(r"\breview|\bpaper|\bsubmission|\baccept|\breject", re.IGNORECASE)
    ),
    **dict.fromkeys(
        _STATES,
        re.compile(r"\bstat(?:e|us)\b|\border|\bticket|\bclaim|\brequest|\bapplication", re.IGNORECASE),
    ),
}
_LABELS = frozenset({"label", "labels"})  # as ratings in other languages, where the answer alone tells
_MARKS = 8  # characters around a word
_A_FEW_WORDS, _A_SENTENCE, _LONG_SENTENCE = 3, 6, 20
_ENDS = re.compile(r"[.!?]\s+|\n+")  # of sentences
_ASKS_WHICH = (
    r"(?<!why )(?<!how )(?<!when )(?<!where )(?<!what )\b(?:is|are|was|were|did|does|do|has|have|whether|if|as"
    r"|classif\w+|detect|decide|determine|label|judge|flag|check)\b[^.?!\n]*"
)


class _Class(NamedTuple):
    """What the truth value of a field says in words: patterns of a question for it, of true and of false.

    Attributes:
        must_ask: the question has to ask which it is, as its words are in any question.
    """

    question: str
    true: str
    false: str
    must_ask: bool = False


_TOXIC = _Class(
    r"toxi|t[óú]xi|токси|有毒|毒性|有害",
    r"toxi(?:c|sch|que|sk|co|ca)|t[óú]xic[oa]|токсич\w+|有毒|有害",
    r"safe|clean|benign|harmless|无毒|無毒|无害|無害|没有毒|安全",
)
_SAFE = _Class(
    r"safe|harm|toxic|安全|有害",
    r"safe|harmless|安全|无害|無害",
    r"unsafe|harmful|dangerous|toxic|不安全|有害|危险|危険",
)
_UNSAFE = _Class(_SAFE.question, _SAFE.false, _SAFE.true)
_CORRECT = _Class(r"(?:in)?correct", r"correct|right", r"incorrect|wrong")
_ACCEPTED = _Class(r"accept|reject|approv", r"accept(?:ed|able)?|approved?", r"reject(?:ed)?|declined?|denied|refused?")
_PASSED = _Class(r"pass|fail", r"pass(?:ed|es)?", r"fail(?:ed|s|ure)?", must_ask=True)
_SUCCESS = _Class(
    r"success|succe(?:ed|ss)|fail", r"success(?:ful)?|succeeded", r"unsuccessful|fail(?:ed|s|ure)?", must_ask=True
)
_HALLUCINATED = _Class(
    r"hallucinat|faithful|grounded", r"hallucinat(?:ed|es|ions?)", r"faithful|grounded", must_ask=True
)
_CLASSES = {
    **dict.fromkeys(("toxic", "istoxic"), _TOXIC),
    **dict.fromkeys(("safe", "issafe"), _SAFE),
    **dict.fromkeys(("unsafe", "isunsafe", "harmful", "isharmful"), _UNSAFE),
    **dict.fromkeys(("flagged", "isflagged"), _Class(r"flag", r"flag(?:ged)?", _SAFE.true)),
    **dict.fromkeys(("valid", "isvalid"), _Class(r"(?:in)?valid", r"valid", r"invalid")),
    **dict.fromkeys(("passed", "ispassed", "pass"), _PASSED),
    **dict.fromkeys(("success", "issuccess", "successful", "issuccessful", "succeeded"), _SUCCESS),
    **dict.fromkeys(("hallucination", "ishallucination", "hallucinated", "ishallucinated"), _HALLUCINATED),
    **dict.fromkeys(("helpful", "ishelpful"), _Class(r"helpful", r"helpful", r"unhelpful", must_ask=True)),
    **dict.fromkeys(("correct", "iscorrect"), _CORRECT),
    **dict.fromkeys(("incorrect", "isincorrect"), _Class(_CORRECT.question, _CORRECT.false, _CORRECT.true)),
    **dict.fromkeys(("accepted", "isaccepted", "approved", "isapproved"), _ACCEPTED),
    **dict.fromkeys(("rejected", "isrejected"), _Class(_ACCEPTED.question, _ACCEPTED.false, _ACCEPTED.true)),
}
_YES = "yes true 1 1.0 ja oui sí si sì sim да tak 是 是的 はい 네 예"
_NO = "no false 0 0.0 nein non não nao нет nee nej nie 否 不 不是 いいえ 아니요"
_YES_NO = {**dict.fromkeys(_YES.split(), True), **dict.fromkeys(_NO.split(), False)}
_BEGIN, _END = r"(?:\b|(?<=[^\x00-\x7f]))", r"(?:\b|(?=[^\x00-\x7f]))"  # of a word, also in scripts without spaces


def of_subject(rows: Iterable[Row], messages: Sequence[Message]) -> set[str]:
    """The places of the fields that the conversation is about, such as `stars` and `metadata.toxic`.

    Args:
        rows: the fields beside the conversation, in one or more objects.
    """
    stated = [fact for row in rows for fact in facts_of(row, _may_be_of_subject)]
    if not stated:
        return set()
    last = content_text(messages[-1].get("content")) if messages else ""
    found = {fact.place for fact in stated if not _needs_question(fact.name) and _is_word(fact.value, last)}
    stated = [fact for fact in stated if _needs_question(fact.name)]
    if not stated:
        return found
    length = length_of_request(messages)
    question, answer = (
        " ".join(content_text(each.get("content")) for each in part) for part in (messages[:length], messages[length:])
    )
    return found | {fact.place for fact in stated if _is_of(fact, question, answer)}


@lru_cache(maxsize=8192)
def _may_be_of_subject(key: str) -> bool:
    name = name_of(key)
    return _needs_question(name) or may_judge(name)


@lru_cache(maxsize=8192)
def _needs_question(name: str) -> bool:
    """Whether the question tells what a field is about; another verdict is, where the answer is its word."""
    return name in _WORDS_OF_QUESTIONS or name in _CLASSES or _is_of_answer(name)


def _is_word(value: object, answered: str) -> bool:
    is_short = isinstance(value, str) and len(answered) <= len(value) + _MARKS
    return is_short and as_number(value) is None and bool(str(value).strip()) and _is_all_of(answered, str(value))


def _is_of_answer(name: str) -> bool:
    return name in _LABELS or is_foreign_rating(name) or may_be_a_grade(name)


def _is_of(fact: Fact, question: str, answer: str) -> bool:
    text = scalar_text(fact.value)
    if not text:
        return False
    if (of_class := _CLASSES.get(fact.name)) is not None:
        return _is_of_class(of_class, Fact(fact.name, fact.place, text), question, answer)
    return not isinstance(fact.value, bool) and _is_stated(fact.name, text, question, answer)


def _is_of_class(of_class: _Class, fact: Fact, question: str, answer: str) -> bool:
    names = rf"{_BEGIN}(?:un|in|non-?)?(?:{of_class.question})"
    asks_which = re.search(rf"{_ASKS_WHICH}{names}", question, re.IGNORECASE) is not None
    if not asks_which and (of_class.must_ask or not re.search(names, question, re.IGNORECASE)):
        return False
    stated = _truth(of_class, str(fact.value))
    parsed = parse_embedded_json(answer)
    if is_object(parsed):
        truths = [
            _truth(of_class, scalar_text(each) or "") for key, each in parsed.items() if name_of(key) == fact.name
        ]
        return bool(truths) and truths[0] is not None and truths[0] == stated
    truth = _truth(of_class, answer)
    if truth is None and asks_which:
        sentences = [each for each in _ENDS.split(answer.strip()) if each]
        found = (_truth(of_class, each, _LONG_SENTENCE) for each in (*sentences[:1], *sentences[-1:]))
        truth = next((each for each in found if each is not None), None)
    return truth is not None and truth == stated


def _truth(of_class: _Class, text: str, longest: int = _A_SENTENCE) -> bool | None:
    """What at most so many words say; None if nothing."""
    words = text.lower().split()
    if not words or len(words) > longest:
        return None
    if (truth := _YES_NO.get(words[0].strip(" .,!:;\u3002\uff0c\uff01"))) is not None:
        return truth
    negated = rf"\b(?:not|non|no|nothing|\w+n['\u2019]t)[ -]*(?:\w+ )?(?:{of_class.true}){_END}"
    if re.search(rf"{negated}|{_BEGIN}(?:{of_class.false}){_END}", " ".join(words)):
        return False
    return True if re.search(rf"{_BEGIN}(?:{of_class.true}){_END}", " ".join(words)) else None


def _is_all_of(answered: str, word: str) -> bool:
    """Whether an answer of a few words is a word."""
    return len(answered.split()) <= _A_FEW_WORDS and answered.strip(" .!\n").casefold() == word.strip().casefold()


def _is_stated(name: str, text: str, question: str, answer: str) -> bool:
    word = text.strip().removesuffix(".0")
    is_bare = len(answer.split()) <= _A_FEW_WORDS
    if _is_of_answer(name):
        return _is_all_of(answer, word)
    if not _WORDS_OF_QUESTIONS[name].search(question):
        return False
    if "star" in name:
        counted = re.search(rf"(?<![\w.]){re.escape(word)}[ -]*stars?\b", f"{question} {answer}", re.IGNORECASE)
        verdict = is_positive(answer.strip(" .!\n")) if is_bare else None
        has_verdict = verdict is not None and word in (_GOOD_STARS if verdict else _BAD_STARS)
        return counted is not None or has_verdict or (is_bare and word in answer.split())
    if name in _STATES and len(answer.split()) > _LONG_SENTENCE:
        return False
    flags = 0 if len(word) == 1 else re.IGNORECASE
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", answer, flags) is not None
