"""What a field says of an answer by a name that is composed of known words: who judges, what is said, and how.

`user_rating`, `feedbackType` and `liked-by-human` are read alike. A name with any other word is of something else, as
`rating_count`, `feedback_id` and `user_rating_source` are.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache


class Says(Enum):
    """What the value of a field is."""

    GOOD = "true for a good answer"
    BAD = "true for a bad one"
    OPINION = "a thumb, in any words or numbers"
    KIND = "the kind of an opinion, whose numbers name a class"
    SCALE = "words or a truth value; numbers are of a scale"


_WHO = r"(?:end)?users?|humans?|clients?|customers?|annotators?|labell?ers?|reviewers?|raters?|evaluators?|judges?"
_WHAT = "answers?|responses?|reply|messages?|chat|conversation|completion|output|assistant|bot|model|overall"
_FORM = "value|status|result|direction"
_KIND = "type|kind|category|class|label|sentiment"
_LIKED = "liked?|upvoted?|thumbs?up|satisfied|helpful"
_DISLIKED = "disliked?|downvoted?|thumbs?down|(?:un|dis)satisfied|unhelpful|nothelpful"
_OPINION = "feedback|votes?|thumbs?|reaction"
_SCALE = "rating|score|satisfaction|helpfulness"
_POSITIVE, _NEGATIVE = "positive|good", "negative|bad"  # of an opinion: alone they are of what a text says
_ENGLISH = re.compile(
    rf"(?:is|was)?(?:by(?={_WHO})|(?P<who>{_WHO})|(?P<what>{_WHAT})|(?P<form>{_FORM})|(?P<kind>{_KIND})"
    rf"|(?P<bad>{_DISLIKED})|(?P<good>{_LIKED})|(?P<opinion>{_OPINION})|(?P<scale>{_SCALE})"
    rf"|(?P<positive>{_POSITIVE})|(?P<negative>{_NEGATIVE}))+"
)
# Rating, score, feedback and satisfaction in other big languages; not `avis`, `évaluation` or `classificação`, which
# are as often of something else.
_FOREIGN = """
    评分 評分 打分 评价 評價 得分 分数 分數 评级 評級 反馈 反饋 回馈 点赞 點讚 满意度 滿意度 星级 好评 差评
    評価 評点 採点 スコア レーティング フィードバック 満足度 평가 평점 점수 별점 피드백 만족도
    оценка оценки рейтинг балл баллы удовлетворённость оцінка ocena ocenka hodnocení hodnotenie értékelés
    bewertung wertung rückmeldung punktzahl zufriedenheit beoordeling waardering vurdering betyg omdöme arvosana arvio
    calificación puntuación evaluación valoración puntaje retroalimentación satisfacción avaliação pontuação satisfação
    valutazione punteggio voto soddisfazione puan değerlendirme derecelendirme penilaian peringkat
    đánh_giá xếp_hạng điểm điểm_số βαθμολογία αξιολόγηση تقييم التقييم امتیاز דירוג ציון रेटिंग मूल्यांकन स्कोर
    คะแนน การให้คะแนน
"""
_FOREIGN_WHO = """
    用户 用戶 人工 客户 ユーザー 사용자 고객 пользователя пользователь пользователей клиента nutzer benutzer kunden
    usuario usuário cliente utente utilisateur client gebruiker użytkownika người_dùng antwort respuesta resposta
    risposta réponse ответа 回答 回复 답변 de del della do da la
"""
_LONGEST = 60  # characters of a name that is looked at, as words may be divided in several ways
_MAYBE_GRADES = frozenset({"note", "nota"})  # a mark in some languages, and a remark in others


def _folded(text: str) -> str:
    """The letters and digits of a name, without accents, as a name may be written in either form."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text.lower())))


def _any_of(words: str) -> str:
    return "|".join(sorted(map(_folded, words.split()), key=len, reverse=True))


_OTHER_LANGUAGES = re.compile(
    rf"(?:{_any_of(_FOREIGN_WHO)}|user|human)*(?:{_any_of(_FOREIGN)})(?:{_any_of(_FOREIGN_WHO)})*"
)


@lru_cache(maxsize=8192)
def says(name: str) -> Says | None:
    """What a field of this name (see `row_facts.name_of`) says; None for a name that is not composed of these words."""
    found = _ENGLISH.fullmatch(name) if len(name) <= _LONGEST else None
    if found is None:
        return None
    has = {key for key, text in found.groupdict().items() if text}
    if not has & {"bad", "good", "opinion", "scale"}:
        return None
    if {"good", "bad"} <= has:  # `like_dislike`
        return Says.OPINION
    if has & {"bad", "negative"}:
        return Says.BAD
    if has & {"good", "positive"}:
        return Says.GOOD
    if name.startswith(("is", "was")):  # as `is_user_feedback` does: whether there is any
        return None
    if "kind" in has:
        return Says.KIND
    return Says.OPINION if "opinion" in has and "scale" not in has else Says.SCALE


@lru_cache(maxsize=8192)
def is_foreign_rating(name: str) -> bool:
    """Whether a name says rating, score or feedback in another language than English, so that its words are unknown."""
    return len(name) <= _LONGEST and _OTHER_LANGUAGES.fullmatch(_folded(name)) is not None


def may_be_a_grade(name: str) -> bool:
    """Whether a number under this name may be a mark: `note`."""
    return name in _MAYBE_GRADES


def direction_of(name: str) -> Says | None:
    """Of a name for a thumb up or one down, as columns beside each other have them, which it is; None for others."""
    direction = says(name)
    words = {Says.GOOD: ("up", "like", "positive", "good"), Says.BAD: ("down", "dislike", "negative", "bad")}
    return direction if direction in words and any(each in name for each in words[direction]) else None
