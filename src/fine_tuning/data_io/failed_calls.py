"""What says that a call failed: one table of names and values, for logs and for rows of training data.

A name that is a call's alone, such as `http_status`, is sure. One that may be of the subject, such as the state of an
order, counts where the conversation does not speak of it; where it does, the column is kept and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from fine_tuning.data_io.json_values import FALSE, TRUE, first_value, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, whole_text
from fine_tuning.data_io.row_facts import Fact, name_of

_FIRST_ERROR, _LAST_ERROR = 400, 599  # of HTTP
_FAILED = frozenset(
    """error errored errors failed failure exception crashed fatal critical timeout timedout statuscodeerror
    internalerror servererror apierror ratelimited unhandled""".split()
)
_ENDED = frozenset("cancelled canceled aborted abort terminated killed expired interrupted fail".split())
_NOT_WHOLE = frozenset(("partial", "blocked"))
_SEVERITIES = frozenset(("error", "errored", "failed", "failure", "exception"))  # others are as often of incidents
_STATUSES = frozenset(
    """status callstatus requeststatus responsestatus runstatus apistatus jobstatus taskstatus llmstatus
    completionstatus generationstatus executionstatus statusmessage statustext otelstatuscode statuscode code
    finalstatus""".split()
)
_OF_SUBJECTS = frozenset("level loglevel severity state callstate runstate outcome calloutcome".split())
_CODES = frozenset(
    """statuscode httpstatus httpstatuscode httpcode httpresponsecode responsestatus responsestatuscode responsecode
    httpresponsestatuscode responsehttpstatus apistatuscode status""".split()
)
_IF_TRUE = frozenset(
    """iserror haserror haserrors errored iserrored isexception hasexception hasfailed callfailed requestfailed
    apierror""".split()
)
_IF_TRUE_OF_SUBJECTS = frozenset(
    "aborted isaborted wasaborted cancelled iscancelled wascancelled canceled iscanceled timedout istimedout".split()
)
_IF_FALSE = frozenset("ok isok responseok issuccess succeeded callsucceeded requestsucceeded".split())
_TEXTS = frozenset(
    """error errormessage errormsg errmsg errortext errordetail errordetails errordescription errorreason lasterror
    exception exceptionmessage exceptiontext exceptiontype failurereason failuremessage apierror""".split()
)
_EXCEPTIONS = frozenset("exception exceptionmessage exceptiontext exceptiontype".split())
_OF_KINDS = frozenset("errortype errorcode errorclass errorname err errors".split())  # as often of a mistake in a text
_NAMES = _STATUSES | _OF_SUBJECTS | _CODES | _IF_TRUE | _IF_TRUE_OF_SUBJECTS | _IF_FALSE | _TEXTS | _OF_KINDS
_NO_ERRORS = frozenset("none null nil false no 0 ok success n/a na - no_error no-error nan".split()) | {"no error"}
_OF_SERVICES = re.compile(
    r"time(?:d[ _-]?)?[ _-]?out|rate.?limit|connect|overload|quota|unavailable|\bapi|server|gateway|unauthori"
    r"|authenticat|billing|content.?filter|context.?length|cancel|abort|\b[45]\d\d\b",
    re.IGNORECASE,
)
_OF_CODE = re.compile(r"\w(?:Error|Exception|Warning)\b|Traceback|\bline \d|\berror(?:\[|:)|\bfatal:|panic")
_OF_TEXTS = re.compile(  # what teachers and reviewers call a mistake
    r"spelling|misspel|grammar|typo\b|tense|punctuat|agreement|preposition|\barticles?\b|word[ -](?:order|choice|form)"
    r"|capitali[sz]|plural|conjugat|inflection|vocabular|syntax|style|tone\b|factual|hallucinat|misconception|arithmetic"
    r"|calculat|rounding|off[ -]by[ -]one|logic|reasoning|omission|translat|terminolog",
    re.IGNORECASE,
)
_NOTHING_FOUND = re.compile(
    r"(?:no|none|nothing|zero|without)\b(?:[\s\w]*\b(?:found|errors?|detected|issues?|mistakes?))?\W*"
)
_OF_STATUSES = re.compile(r"http|status|error|\bcode|respon|server", re.IGNORECASE)
_STEM = 5  # letters that the forms of a word have in common: cancelled, cancel


class Sign(NamedTuple):
    """A field that says that the call of its row failed.

    Attributes:
        of_subject: the words or numbers by which a conversation speaks of it; None where it is a call's alone.
    """

    place: str
    of_subject: str | None = None


@lru_cache(maxsize=8192)
def may_state_failure(key: str) -> bool:
    """Whether a field can say that a call failed."""
    return name_of(key) in _NAMES


def signs(facts: Iterable[Fact]) -> list[Sign]:
    """What facts of a row say of a failure; texts about errors apart."""
    return [sign for fact in facts if fact.name in _NAMES and (sign := _sign(fact)) is not None]


def _sign(fact: Fact) -> Sign | None:
    name, value = fact.name, fact.value
    if name in _TEXTS and is_object(found := parse_embedded_json(value)):
        return Sign(fact.place) if any(each not in (None, "", 0, False) for each in found.values()) else None
    if name in _TEXTS and value is True:
        return Sign(fact.place)
    word = word_of(value)
    if word is None:
        return None
    if (name in _CODES or name == "error") and _is_error_of_http(word):
        return Sign(fact.place, word)
    if name in _STATUSES and (word in _FAILED or word == "fail"):
        return Sign(fact.place)
    if name == "severity" and word not in _SEVERITIES:
        return None
    if (name in _STATUSES and word in _ENDED | _NOT_WHOLE) or (name in _OF_SUBJECTS and word in _FAILED | _ENDED):
        return Sign(fact.place, word)
    if (name in _IF_TRUE and word in TRUE) or (name in _IF_FALSE and word in FALSE):
        return Sign(fact.place)
    return Sign(fact.place, name.removeprefix("is")) if name in _IF_TRUE_OF_SUBJECTS and word in TRUE else None


def word_of(value: object) -> str | None:
    """A word or number in lower case, as one; None for another value. A constant of a program is its last name."""
    if isinstance(value, bool | int | float):
        return str(value).lower().removesuffix(".0")
    if not isinstance(value, str) or len(value) > 40:  # characters: longer than any of them
        return None
    return "".join(filter(str.isalnum, value.rpartition(".")[2].lower())) or None if value[:1].isalpha() else value


def _is_error_of_http(word: str) -> bool:
    first = word.strip().split(" ")[0].removesuffix(".0")  # 503 Service Unavailable
    return first.isascii() and first.isdigit() and _FIRST_ERROR <= int(first) <= _LAST_ERROR


def error_texts(facts: Iterable[Fact]) -> list[Fact]:
    """The texts of a row about errors, which may be what its conversation is about; a number measures one."""
    stated = (fact for fact in facts if fact.name in _TEXTS or fact.name in _OF_KINDS)
    parts = (fact._replace(value=each) for fact in stated for each in _listed(fact.value))
    return [part for part in parts if isinstance(part.value, str) and _is_stated(part.value.strip())]


def _listed(value: object) -> list[object]:
    """The texts of one error, or of several, which may be objects with a message."""
    given = parse_embedded_json(value)
    found = given if is_list(given) else [value]
    return [first_value(each, "message", "detail", "error", "code") if is_object(each) else each for each in found]


def failed_by(found: Iterable[Sign], texts: Sequence[Fact], messages: Sequence[Message]) -> str | None:
    """The field by which a row says that its call failed; None without one, or where the conversation is about it.

    An error of code may be what a row is about, such as a `NameError`, and a mistake in a text, such as a wrong tense.
    """
    text = " ".join(_spaced(whole_text(each)) for each in messages) if texts else ""
    elsewhere = (fact.place for fact in texts if _is_failure(fact) and _spaced(str(fact.value)) not in text)
    return next(elsewhere, None) or next((sign.place for sign in found if not is_of_subject(sign, messages)), None)


def is_of_subject(sign: Sign, messages: Iterable[Message]) -> bool:
    """Whether the conversation speaks of what a sign says: its question of a fault or a status, anybody of the rest."""
    word = sign.of_subject
    if word is None:
        return False
    is_asked = word in _FAILED or word[:1].isdigit()
    text = " ".join(whole_text(each) for each in messages if not is_asked or each.get("role") != "assistant")
    if word in _FAILED:  # as logs write levels
        return re.search(rf"\b{word.upper()}\b|[\[<(=\"']{word}\b", text) is not None
    if is_asked:
        number = re.search(rf"(?<![^\W_]){word[:3]}(?![^\W_])", text)
        return number is not None and _OF_STATUSES.search(text) is not None
    stem = word[:_STEM].removesuffix("e")
    return re.search(rf"(?<![^\W_]){re.escape(stem)}", text, re.IGNORECASE) is not None


def _spaced(text: str) -> str:
    return " ".join(text.split()).lower()


def _is_failure(fact: Fact) -> bool:
    """Whether a text says that a call failed."""
    stated = str(fact.value)
    if fact.name in _EXCEPTIONS or _OF_SERVICES.search(stated):
        return True
    return fact.name in _TEXTS and not (_OF_CODE.search(stated) or _OF_TEXTS.search(stated))


def _is_stated(text: str) -> bool:
    """Whether a text says that there is an error."""
    is_none = text.lower() in {"", *_NO_ERRORS} or _NOTHING_FOUND.fullmatch(text.lower())
    return not is_none and not _is_measure(text)


def _is_measure(text: str) -> bool:
    """Whether a text is a number that is no status of HTTP, such as the rate of errors."""
    try:
        return not _FIRST_ERROR <= float(text.removesuffix("%")) <= _LAST_ERROR
    except ValueError:
        return False
