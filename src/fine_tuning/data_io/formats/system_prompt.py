"""System messages for models whose chat template has no system role: their text goes before that of the next message.

llama.cpp does the same where it answers, so that a model fine-tuned on rows with a system message is prompted as it was
trained. Source: https://github.com/ggml-org/llama.cpp/blob/master/common/chat.cpp
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar, cast

M = TypeVar("M", bound=Mapping[str, object])
_MARK = "A system message."
_supporting: dict[str, bool] = {}  # by chat template


class ChatTokenizer(Protocol):
    """A transformers tokenizer with a chat template."""

    chat_template: Any

    def apply_chat_template(self, conversation: Any, /, **options: Any) -> Any:
        """The conversation as text, or as tokens."""


def for_template(messages: Sequence[M], tokenizer: ChatTokenizer) -> list[M]:
    """The conversation as the chat template takes it: developers as "system", and without it where there is none."""
    found = [cast("M", {**each, "role": "system"}) if _is_developer(each) else each for each in messages]
    if len(found) < 2 or found[0]["role"] != "system" or _takes_system(tokenizer):
        return found
    system, following, *rest = found
    merged = f"{system.get('content') or ''}\n{following.get('content') or ''}"
    return [cast("M", {**following, "content": merged}), *rest]


def _is_developer(message: Mapping[str, object]) -> bool:
    return message["role"] == "developer"


def _takes_system(tokenizer: ChatTokenizer) -> bool:
    template = str(tokenizer.chat_template)
    if (found := _supporting.get(template)) is None:
        found = _supporting[template] = _renders_system(tokenizer)
    return found


def _renders_system(tokenizer: ChatTokenizer) -> bool:
    prompt = [{"role": "system", "content": _MARK}, {"role": "user", "content": "A question."}]
    try:
        return _MARK in tokenizer.apply_chat_template(prompt, tokenize=False)
    except Exception:  # noqa: BLE001 - a template is a program of its author
        return False
