"""What tools leave in place of a text that was not to be logged."""

# ruff: noqa: RUF001 - words of many scripts

from __future__ import annotations

import re
from collections.abc import Iterable

from fine_tuning.data_io.json_values import is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, content_text

_MARKERS = frozenset(
    {
        "redacted-by-litellm",
        "<fully masked due to failed mask function>",  # Langfuse, where the application's function fails
        "<truncated due to size exceeding limit>",  # Langfuse, of a text that is too long
        "content redacted",
    }
)
_SUBJECTS = "data|content|text|input|output|prompt|response|message|value|pii|information"
_SUBJECT = rf"(?:(?:the|all|user|sensitive|personal)\W+)?(?:{_SUBJECTS})\W+"
_ALWAYS = "redacted|masked|scrubbed|anonymi[sz]ed|censored|sanitized"
_IN_BRACKETS = rf"{_ALWAYS}|filtered|hidden|omitted|removed|deleted|concealed"  # which by themselves may be an answer
_IN_LANGUAGES = (  # of interfaces and exports
    "geschwärzt|anonymisiert|zensiert|maskiert|entfernt|caviardé|masqué|anonymisé|censuré|supprimé|censurado|oculto|"
    "anonimizado|eliminado|oscurato|censurato|rimosso|verwijderd|zanonimizowano|ukryto|usunięto|скрыто|удалено|"
    "засекречено|замаскировано|приховано|видалено|gizlendi|silindi|đã ẩn|disunting|dihapus|已屏蔽|已隐藏|已脱敏|已删除|"
    "已編輯|已遮蔽|編集済み|非表示|伏せ字|削除済み|삭제됨|비공개|가려짐|محذوف|مخفي|הוסר|छिपाया गया|ถูกลบ"
)
_SIGNS = "*\u2022\u25cf\u2588\u2586\u2587\u2585\u2593\u2592\u25a0\u25aa\u25fc\u2b1b"  # stars, bullets, blocks
_MARKS = (
    re.compile(rf"(?i)[\[<({{*_#%$-]+\s*(?:{_SUBJECT})?(?:{_ALWAYS})(?:[^\w\]>)}}*][^\]>)}}*]*)?[\]>)}}*_#%$-]+"),
    re.compile(rf"(?i)[\[<]+\s*(?:{_SUBJECT})?(?:{_IN_BRACKETS})(?:[^\w\]>][^\]>]*)?[\]>]+"),
    re.compile(r"(?i)[\[<]{1,2}(?:\w+[_ ])?redacted(?:[_ -]\w+){0,3}[\]>]{1,2}|__(?:\w+_)?redacted(?:_\w+)?__"),
    re.compile(rf"(?i)[\[<(【（]\s*(?:{_IN_LANGUAGES})\s*[\]>)】）]"),
    re.compile(r"(?i)redacted[-_ ]by[-_ ][a-z]\w*"),
)
"""In brackets, or in the words of a tool: no other text is like these."""
_WORDS = re.compile("REDACTED|MASKED|SCRUBBED|FILTERED|ANONYMI[SZ]ED|CENSORED")
_BARE = re.compile(rf"REDACTED|[{_SIGNS}]{{3,}}|[xX]{{4,}}|#{{5,}}")
_ALONE, _ANY = (*_MARKS, _BARE), (*_MARKS, _WORDS, _BARE)
_ABOUT = re.compile(
    r"(?i)redact|mask|scrub|anonymi[sz]|pseudonymi[sz]|censor|saniti[sz]|\bpii\b|personal data|\bhid(?:e|den)\b"
)
# What an answer of signs alone may be given to.
_ABOUT_SIGNS = re.compile(
    r"(?i)\bstars?\b|rat(?:e|ing)\b|review|pattern|print|draw|asterisk|symbol|character|letter|repeat|times|\bbar\b|"
    r"chart|block|roman|password|hid(?:e|den)|output|x{3}|[*#\u2588]{2}|звёзд|звезд|stern|étoile|estrell|星"
)
_AROUND = " \t\r\n\"'`\u201c\u201d\u00ab\u00bb.,;:!"  # what quotes a mark or ends its sentence
_LAST = frozenset(f"]>)}}】）_#%$-{_SIGNS}DxX")  # characters that a mark without `redacted` may end with
_BETWEEN = re.compile(r"[\s,;/|&-]*")
_LONGEST = 100  # characters of a mark
_LONGEST_SIDE = 1000  # of JSON that holds such marks


def is_redacted(text: str) -> bool:
    """Whether a text is nothing but marks of texts that were redacted; a mark among words is a text's own."""
    return _are_marks(text, _ANY)


def is_redacted_value(value: object) -> bool:
    """Whether a side of a logged call has nothing but such marks: alone, or as the content of messages."""
    if isinstance(value, str) and len(value) > _LONGEST_SIDE:
        return False
    value = parse_embedded_json(value)
    if is_object(value):
        inner = value.get("content") if len(value) > 1 else next(iter(value.values()), None)
        return is_redacted_value(inner)
    if is_list(value):
        return bool(value) and all(map(is_redacted_value, value))
    return isinstance(value, str) and is_redacted(value)


def has_redacted(messages: Iterable[Message]) -> bool:
    """Whether the text of a message, or the arguments of a call in it, was redacted."""
    return any(map(_is_redacted_message, messages))


def has_marks_alone(messages: Iterable[Message]) -> bool:
    """As `has_redacted`, of training data: a word such as FILTERED may be the answer of a class.

    An answer may be a mark, too, where the conversation is about redaction, and signs where it asks for some.
    """
    texts = [(message.get("role"), _text(message)) for message in messages]
    marks = [(role, text) for role, text in texts if _are_marks(text, _ALONE)]
    if not marks:
        return False
    if any(role != "assistant" for role, _ in marks):
        return True
    others = [text for _, text in texts if not is_redacted(text)]
    return any(not _is_asked_for(text, others) for _, text in marks)


def _is_asked_for(mark: str, others: Iterable[str]) -> bool:
    about = _ABOUT_SIGNS if re.fullmatch(r"[\W_]+|[\sxX]+", mark) else _ABOUT
    return any(_ABOUT.search(text) or about.search(text) for text in others)


def _are_marks(text: str, known: tuple[re.Pattern[str], ...]) -> bool:
    """Whether a text consists of such marks, in quotes or as sentences, too."""
    if len(text) > 2 * _LONGEST:
        return False
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return False
    text = text.strip(_AROUND)
    lowered = text.lower()
    if text[-1:] not in _LAST and "redacted" not in lowered and lowered not in _MARKERS:
        return False
    at = len(text) if lowered in _MARKERS else 0
    while at < len(text):
        matches = (pattern.match(text, at) for pattern in known)
        end = max((match.end() for match in matches if match), default=at)
        if end == at or (end < len(text) and text[end - 1].isalnum() and text[end].isalnum()):
            return False
        between = _BETWEEN.match(text, end)
        at = between.end() if between else end
    return at > 0


def _text(message: Message) -> str:
    content: object = message.get("content")
    if isinstance(content, str):
        return content
    return content_text(content) if isinstance(content, list) else ""


def _is_redacted_message(message: Message) -> bool:
    if is_redacted(_text(message)):
        return True
    calls: object = message.get("tool_calls")
    for call in calls if is_list(calls) else []:
        function = call.get("function") if is_object(call) else None
        arguments = function.get("arguments") if is_object(function) else None
        if isinstance(arguments, str) and is_redacted(arguments):
            return True
    return False
