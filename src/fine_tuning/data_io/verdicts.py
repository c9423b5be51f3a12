"""What people and graders say of an answer, in the words in common use, as its rating."""

from __future__ import annotations

from collections.abc import Mapping

from fine_tuning.data_io.json_values import JsonObject, as_number, is_object
from fine_tuning.data_io.key_meanings import folded, plain
from fine_tuning.data_io.row_facts import name_of
from fine_tuning.data_io.verdict_names import Says, direction_of, is_foreign_rating, says
from fine_tuning.errors import DataError

THUMBS_UP, THUMBS_DOWN = 5, 1
_GOOD = (
    "true good desirable chosen accepted accept preferred liked like up thumbs_up thumb_up upvote upvoted correct "
    "approved thumbsup thumbup \N{THUMBS UP SIGN} \N{WHITE HEAVY CHECK MARK} \N{HEAVY BLACK HEART}"
)
_BAD = (
    "false bad undesirable rejected reject dispreferred disliked dislike down thumbs_down thumb_down downvote "
    "downvoted incorrect wrong poor not_desirable not_accepted disapproved thumbsdown thumbdown "
    "\N{THUMBS DOWN SIGN} \N{CROSS MARK}"
)
_OF_THUMBS = {"positive": True, "negative": False, "yes": True, "no": False, "1": True, "-1": False, "0": False}
_DECORATIONS = {0xFE0F: None, **dict.fromkeys(range(0x1F3FB, 0x1F400)), 0x2212: "-"}  # of emoji, and a minus sign
_WORDS = {**dict.fromkeys(_GOOD.split(), True), **dict.fromkeys(_BAD.split(), False)}
# Words and numbers that name a class as often as a verdict.
_UNCLEAR = frozenset((*_OF_THUMBS, "pass", "passed", "fail", "failed")) - {"yes", "no"}
_LABELS = frozenset("label labels humanlabel userlabel annotatorlabel qualitylabel responselabel answerlabel".split())
_GOOD_KEYS = frozenset(
    (
        "like ktotag ktolabel desirable isdesirable desired thumb thumbs thumbsup thumbup feedback userfeedback "
        "humanfeedback feedbacklabel verdict vote chosen ischosen accepted isaccepted preferred ispreferred liked "
        "isliked upvoted good isgood helpful ishelpful reaction userreaction correct iscorrect approved isapproved"
    ).split()
)
_BAD_KEYS = frozenset(
    (
        "dislike undesirable isundesirable thumbsdown thumbdown rejected isrejected disliked isdisliked downvoted bad "
        "isbad unhelpful incorrect isincorrect failed isfailed badresponse badanswer badoutput isharmful isunsafe "
        "unsafe ishallucination hallucination hallucinated ishallucinated flagged isflagged toxic istoxic harmful"
    ).split()
)
_GRADED = frozenset(  # or a number, or a sign
    (
        "preference userpreference quality responsequality answerquality emoji useremoji feedbackemoji emojis "
        "reactionemoji emojireaction reactions userreactions grade answergrade responsegrade lettergrade "
        "qualitygrade qualitylabel qualityrating answerrating responserating dataquality"
    ).split()
)
_LOW = frozenset("low very_low lowest low_quality terrible awful useless unusable unacceptable f d d+ d- e".split())
_HIGH = frozenset({"a", "a+", "a-", "excellent"})
_STATES = frozenset(
    (
        "status state reviewstatus annotationstatus approvalstatus feedbackstatus moderationstatus review reviewresult "
        "reviewoutcome reviewdecision reviewerdecision humanreview qastatus qaresult qadecision validationstatus "
        "moderation moderationresult moderationdecision approval qualityflag labelstatus recordstatus itemstatus"
    ).split()
)
_OUT = frozenset(
    (
        "flagged blocked unsafe spam discarded deleted excluded needs_work needs_improvement needs_revision "
        "changes_requested unusable declined denied invalid not_approved"
    ).split()
)
_REFERENCES = frozenset("gold isgold golden isgolden goldstandard".split())  # or the text of the right answer
_SUCCESSES = frozenset(
    (
        "passed ispassed pass passes testpassed testspassed alltestspassed alltestspass success issuccess successful "
        "issuccessful succeeded solved issolved valid isvalid issafe isresponsesafe responsesafe acceptable "
        "isacceptable judgement judgment safe evaluation evaluationresult evalresult testresult gradingresult "
        "graderresult judgeresult evaluationverdict evaluationstatus evalstatus"
    ).split()
)
_FAILURES = frozenset("fail failed fails failure failing unsuccessful error invalid unsolved".split())
_RESULT = "result"  # of an evaluation; alone it is as often of what the call is about
_KINDS = frozenset("type kind label sentiment verdict category".split())
_VERDICT_KEYS = _LABELS | _GOOD_KEYS | _BAD_KEYS | _GRADED | _STATES | _SUCCESSES | _REFERENCES | {_RESULT}
_UPS = frozenset(
    (
        "upvotes upvotecount numupvotes likes likecount numlikes positivevotes helpfulvotes thumbsupcount numthumbsup "
        "thumbsups ups up votesup upvote"
    ).split()
)
_DOWNS = frozenset(
    (
        "downvotes downvotecount numdownvotes dislikes dislikecount numdislikes negativevotes unhelpfulvotes "
        "thumbsdowncount numthumbsdown thumbsdowns downs down votesdown downvote"
    ).split()
)
_BALANCES = frozenset("votes vote netvotes votescore votebalance karma".split())
_VOTES = _UPS | _DOWNS | _BALANCES
_SIGNS = frozenset({"\N{THUMBS UP SIGN}", "\N{THUMBS DOWN SIGN}", "thumbs_up", "thumbs_down", "thumbsup", "thumbsdown"})
_BEGIN_SIGNS, _LONGEST = frozenset("\N{THUMBS UP SIGN}\N{THUMBS DOWN SIGN}tT: "), 16  # characters
_OF_OPINIONS = {  # of a person, where a name says so; elsewhere they are of a mood
    **dict.fromkeys("satisfied very_satisfied happy helpful satisfactory".split(), True),
    **dict.fromkeys("unsatisfied dissatisfied very_dissatisfied very_unsatisfied not_satisfied unhappy".split(), False),
    **dict.fromkeys("unhelpful not_helpful not_good very_bad very_poor unsatisfactory".split(), False),
    **dict.fromkeys(_LOW - {"e"}, False),
    **dict.fromkeys(_HIGH, True),
}


def is_positive(value: object, *, is_thumb: bool = True) -> bool | None:
    """Whether a value says that an answer is good; None if it says neither.

    Args:
        is_thumb: its name says that it is a verdict, so that numbers and words such as negative are one too.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value == 1 if is_thumb and (value < 0 or value in (0, 1)) else None  # a scale's negative end is bad
    if not isinstance(value, str):
        return None
    word = _word(value)
    found = _WORDS.get(word)
    return _OF_THUMBS.get(word) if found is None and is_thumb else found


def _word(value: str) -> str:
    """A word as this module has it, without what decorates it: `:+1:`, `1.0` and `+1` are 1."""
    plain_text = value.translate(_DECORATIONS).strip().strip(":")
    try:
        number = float(plain_text)
    except ValueError:
        return folded(plain_text)  # whose dashes are spaces
    return str(int(number)) if number in (-1, 0, 1) else plain_text


def may_judge(name: str) -> bool:
    """Whether a field of this name (see `row_facts.name_of`) can say whether an answer is a good one."""
    return name in _VERDICT_KEYS or name in _VOTES or says(name) is not None or is_foreign_rating(name)


def is_sign(value: object) -> bool:
    """Whether a value is a thumb, which is a verdict under any name."""
    return isinstance(value, str) and value[:1] in _BEGIN_SIGNS and len(value) <= _LONGEST and _word(value) in _SIGNS


def rating_of_verdicts(others: JsonObject) -> int | None:
    """The rating of an answer whose row says whether it is a good one (as for TRL's KTO); None where none does.

    The fields that say so are taken out of `others`. A class, such as the label billing, says nothing of the answer.

    Raises:
        DataError: a label may as well be a class, or two verdicts differ.
    """
    if not others:
        return None
    found: dict[str, bool] = {}
    is_silent = _says_no_thumb(others)
    for key, value in others.items():
        name = name_of(key)
        if name in _VERDICT_KEYS:
            verdict = _verdict(key, name, value)
        elif is_sign(value):
            verdict = is_positive(value)
        else:
            verdict = None if name in _VOTES else _composed_verdict(key, name, value)
        if verdict is not None and not (is_silent and not verdict):
            found[key] = verdict
    if not found and _is_voted_down(others):
        return THUMBS_DOWN
    if len(set(found.values())) > 1:
        raise DataError(f"{' and '.join(sorted(found))} contradict each other; keep the one that counts")
    for key in found:
        value = others[key]
        if not is_object(value) or len(value) == 1:  # with what else a person said
            del others[key]
    verdicts = list(found.values())
    return None if not verdicts else THUMBS_UP if verdicts[0] else THUMBS_DOWN


def _is_voted_down(others: Mapping[str, object]) -> bool:
    """Whether as many people voted against an answer as for it, or more; the counts stay where they are."""
    ups = downs = 0.0
    for key, value in others.items():
        name = name_of(key)
        if name not in _VOTES:
            continue
        if is_object(value) and name in _BALANCES:
            if _is_voted_down(value):
                return True
        elif (number := as_number(value)) is not None:
            ups += number if name in _UPS else 0
            downs += abs(number) if name in _DOWNS else 0
            if name in _BALANCES and number < 0:
                return True
    return downs > 0 and downs >= ups


def _verdict(key: str, name: str, value: object) -> bool | None:
    """What a field says of the answer, by its name in letters and digits; None if it says nothing.

    Raises:
        DataError: as of `rating_of_verdicts`.
    """
    if name == _RESULT:
        return False if name != plain(key) and _is_failure(value) else None
    if name in _LABELS:
        if name == plain(key):
            _refuse_unclear(key, value)
        return is_positive(value, is_thumb=False)
    if name in _GRADED:
        word = _word(value) if isinstance(value, str) else None
        graded = False if word in _LOW else True if word in _HIGH else None
        return _of_all(key, value, is_thumb=False) if graded is None else graded
    if name in _REFERENCES:
        is_flag = isinstance(value, bool) or (isinstance(value, str) and value.strip().lower() in ("true", "false"))
        return is_positive(value) if is_flag else None
    if name in _GOOD_KEYS:
        if _is_failure(value):
            return False
        return None if _is_no_vote(name, value) else _of_all(key, value)
    if name in _BAD_KEYS:
        return False if _of_all(key, value) else None  # that nobody disliked it is no praise
    if name in _STATES:  # an accepted request is no praise, either
        is_bad = isinstance(value, str) and (is_positive(value, is_thumb=False) is False or _word(value) in _OUT | _LOW)
        return False if is_bad else None
    return False if is_positive(value) is False or _is_failure(value) else None  # one that succeeded may be bad, too


def composed_verdict(key: str, value: object) -> bool | None:
    """What a field says of an answer under a name composed of words for judging, as `user_liked` is; None if nothing.

    Raises:
        DataError: as of `rating_of_verdicts`.
    """
    return _composed_verdict(key, name_of(key), value)


def _composed_verdict(key: str, name: str, value: object) -> bool | None:
    """What a field says whose name is composed of words for judging, or says rating in another language.

    Raises:
        DataError: as of `rating_of_verdicts`.
    """
    kind = says(name) or (Says.SCALE if is_foreign_rating(name) else None)
    if kind is None:
        return None
    if kind is Says.KIND and as_number(value) is not None:
        _refuse_unclear(key, value)
        return None
    if kind is Says.SCALE and as_number(value) is not None:
        return None
    if _is_no_vote(name, value):
        return None
    found = _OF_OPINIONS.get(_word(value)) if isinstance(value, str) else None
    if found is None:
        found = _of_all(key, value, is_thumb=isinstance(value, str) or kind is not Says.SCALE)
    if kind is Says.BAD:
        return False if found else None
    return False if found is None and _is_failure(value) else found


def _is_no_vote(name: str, value: object) -> bool:
    return "vote" in name and value is not False and value in (0, "0")


def _is_failure(value: object) -> bool:
    return isinstance(value, str) and _word(value) in _FAILURES


def _of_all(key: str, value: object, *, is_thumb: bool = True) -> bool | None:
    """The verdict of a value, or of all that are in a list.

    Raises:
        DataError: those in it differ.
    """
    if not isinstance(value, list):
        return _scored(value, is_thumb=is_thumb)
    found = {verdict for each in value if (verdict := _scored(each, is_thumb=is_thumb)) is not None}
    if len(found) > 1:
        raise DataError(f"{key} has verdicts that contradict each other; keep the one that counts")
    return next(iter(found), None)


def _scored(value: object, *, is_thumb: bool) -> bool | None:
    """The verdict of a score, which may be an object with its name, or say it as its kind, or in fields of its own."""
    if not is_object(value):
        return is_positive(value, is_thumb=is_thumb)
    if (
        stated := next((value[key] for key in ("value", "score", "rating") if value.get(key) is not None), None)
    ) is not None:
        return is_positive(stated, is_thumb=is_thumb)
    kinds = (is_positive(each, is_thumb=is_thumb) for key, each in value.items() if plain(key) in _KINDS)
    if (kind := next((each for each in kinds if each is not None), None)) is not None:
        return kind
    rating = rating_of_verdicts(dict(value))
    return None if rating is None else rating == THUMBS_UP


def _says_no_thumb(others: Mapping[str, object]) -> bool:
    """Whether thumbs in both directions are stated and none is up or down: nobody voted."""
    up, down = (
        [is_positive(value) for key, value in others.items() if direction_of(name_of(key)) is direction]
        for direction in (Says.GOOD, Says.BAD)
    )
    return bool(up and down) and not any(up) and not any(down)


def _refuse_unclear(key: str, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value in (-1, 0, 1)
    if is_number or (isinstance(value, str) and _word(value) in _UNCLEAR):
        raise DataError(
            f"{key} is {value!r}: write true or false for a good or a bad answer, or name the class otherwise"
        )
