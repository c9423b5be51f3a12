"""Conversations written as one text with the marks of a template: ChatML, Llama, Gemma, Zephyr, `[INST]`.

Sources: https://github.com/openai/openai-python/blob/release-v0.28.0/chatml.md,
https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_1/,
https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-2/,
https://ai.google.dev/gemma/docs/core/prompt-structure,
https://github.com/mistralai/mistral-common,
https://huggingface.co/HuggingFaceH4/zephyr-7b-beta, https://huggingface.co/microsoft/Phi-3-mini-4k-instruct,
https://huggingface.co/deepseek-ai/DeepSeek-V3 (their chat templates)
"""

# ruff: noqa: RUF001 - signs of templates

from __future__ import annotations

import re
from typing import NamedTuple

from fine_tuning.data_io.dialects import instruct_text
from fine_tuning.data_io.dialects.conversation import ROLES, read_messages
from fine_tuning.data_io.dialects.instruct_text import Turn
from fine_tuning.data_io.dialects.marked_calls import MISTRAL, PYTHON
from fine_tuning.data_io.dialects.tool_calls import tool_calls
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.messages import Message, Tool, content_text
from fine_tuning.errors import DataError

_HARMONY, _OF_HARMONY = ("<|start|>", "<|channel|>"), "<|message|>"
_UNREAD = (MISTRAL, PYTHON)  # marks of calls that are not as templates write them


class _Template(NamedTuple):
    """A template whose turns have a role at their head: the mark before it, what is after it, and how the turn ends."""

    start: str
    after_role: str
    ends: tuple[str, ...]

    def turns(self) -> re.Pattern[str]:
        """A pattern of a turn, whose groups are its role and its text."""
        start, ends = re.escape(self.start), "|".join(map(re.escape, self.ends))
        return re.compile(rf"{start}\s*(\w+){self.after_role}(.*?)\s*(?:{ends}|(?={start})|\Z)", re.DOTALL)


_TEMPLATES = (
    _Template("<|im_start|>", r"[ \t]*\n?", ("<|im_end|>",)),  # ChatML: Qwen, Hermes, SmolLM
    _Template("<|start_header_id|>", r"\s*<\|end_header_id\|>\s*", ("<|eot_id|>", "<|eom_id|>")),  # Llama 3
    _Template("<|header_start|>", r"\s*<\|header_end\|>\s*", ("<|eot|>", "<|eom|>")),  # Llama 4
    _Template("<start_of_turn>", r"[ \t]*\n?", ("<end_of_turn>",)),  # Gemma
    _Template("<|start_of_role|>", r"\s*<\|end_of_role\|>\s*", ("<|end_of_text|>",)),  # Granite
)
# The role itself is the mark: Zephyr, Phi, Tulu and GLM; of DeepSeek with wide bars.
_ROLE_MARKS = ("<|system|>", "<|user|>", "<|assistant|>", "<｜User｜>", "<｜Assistant｜>")
_BARE_ENDS = ("<|end|>", "<｜end▁of▁sentence｜>")
_NEXT_ROLE = r"<[|｜](?:system|user|assistant|User|Assistant)[|｜]>"
_BARE = re.compile(
    r"<[|｜](system|user|assistant|User|Assistant)[|｜]>\s*(.*?)\s*"
    rf"(?:{'|'.join(map(re.escape, _BARE_ENDS))}|(?:</s>|<\|endoftext\|>)(?=\s*(?:{_NEXT_ROLE}|\Z))"
    rf"|(?={_NEXT_ROLE})|\Z)",
    re.DOTALL,
)
_TURNS = {template.start: template.turns() for template in _TEMPLATES} | dict.fromkeys(_ROLE_MARKS, _BARE)
_TURN_ENDS = (*(end for template in _TEMPLATES for end in template.ends), *_BARE_ENDS)


class Conversation(NamedTuple):
    """What a text says."""

    messages: list[Message]
    tools: list[Tool] | None


def has_marks(text: str) -> bool:
    """Whether a text begins as a conversation with the marks of a template does."""
    plain = instruct_text.without_ends(text[:200])
    return plain.startswith(tuple(_TURNS)) or (plain.startswith(instruct_text.STARTS) and "[/INST]" in text)


def is_harmony(text: str) -> bool:
    """Whether a text is written with the marks of OpenAI's Harmony, with channels of thoughts, calls and answers."""
    return text.lstrip().startswith(_HARMONY) and _OF_HARMONY in text


def refuse_harmony(text: str, label: str) -> None:
    """Refuse a text of Harmony, so that no thought or call of it is learnt as a part of the answer.

    Raises:
        DataError: it is one; the message begins with `label`.
    """
    if is_harmony(text):
        raise DataError(
            f"{label} is Harmony text ({_HARMONY[1]}...{_OF_HARMONY}...); write its turns as messages: the channel "
            "final as content, analysis as reasoning_content, calls as tool_calls"
        )


def read(text: str, label: str, answer: str | None = None) -> Conversation | None:
    """What a text with such marks says; None for a text without.

    Args:
        answer: as of `conversation_in`.

    Raises:
        DataError: there is text beside the marks, a call is not JSON, or the text is one of Harmony; the message
            begins with `label`.
    """
    refuse_harmony(text, label)
    if not has_marks(text):
        return None
    found = conversation_in(text, answer)
    if found is None:
        raise DataError(f"{label} has marks of a chat template, and text beside them or calls that are no JSON")
    return found


def conversation_in(text: str, answer: str | None = None) -> Conversation | None:
    """The messages and tools of a text; None if a part of it is outside the marks, or a call cannot be read.

    Args:
        answer: that stands beside the text; without one, an answer that is yet to come is no message.
    """
    is_instruct = "[INST]" in text and not any(start in text for start in _TURNS)
    tools, turns = instruct_text.read(text) if is_instruct else (None, _turns(text))
    if not turns:
        return None
    if turns[-1].role.lower() in {"assistant", "model"} and not turns[-1].content:
        turns = turns[:-1]
    if answer is not None:
        turns = [*turns, Turn("assistant", without_end(answer))]
    messages = read_messages([turn.message() for turn in turns], "text")
    if any(mark in content_text(each.get("content")) for each in messages for mark in _UNREAD):
        return None
    return Conversation(messages, read_tools(tools))


def without_end(answer: str) -> str:
    """An answer without the mark of a template that ends its turn."""
    plain = instruct_text.without_ends(answer)
    end = next((end for end in _TURN_ENDS if plain.endswith(end)), "")
    return instruct_text.without_ends(plain.removesuffix(end))


def end_of_turn(text: str) -> str | None:
    """The mark of a turn's end that a text ends with; None for another text."""
    plain = text.rstrip()
    return next((end for end in _TURN_ENDS if plain.endswith(end)), None)


def _turns(text: str) -> list[Turn] | None:
    """The turns of a template whose turns have a role; None if text is outside them."""
    first = min((start for start in _TURNS if start in text), key=text.index, default=None)
    if first is None or any(map(instruct_text.without_ends, _TURNS[first].sub("\0", text).split("\0"))):
        return None
    found = [Turn(role, words) for role, words in _TURNS[first].findall(text)]
    answered = [ROLES.get(turn.role.lower()) == "tool" for turn in found[1:]] + [False]
    return [_with_call(turn) if has_result else turn for turn, has_result in zip(found, answered, strict=True)]


def _with_call(turn: Turn) -> Turn:
    """A turn before the result of a tool, whose text may be a call alone, as Llama 3 writes it."""
    is_call = ROLES.get(turn.role.lower()) == "assistant" and tool_calls(turn.content, 0) is not None
    return turn._replace(role="tool_call") if is_call else turn
