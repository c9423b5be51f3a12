"""Conversations written as one text with the marks of a chat template: ChatML, Llama's headers, Gemma, `[INST]`.

Sources: https://github.com/openai/openai-python/blob/release-v0.28.0/chatml.md,
https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_1/,
https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-2/,
https://ai.google.dev/gemma/docs/core/prompt-structure,
https://github.com/mistralai/mistral-common
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import ROLES, read_messages
from fine_tuning.data_io.dialects.marked_calls import MISTRAL, PYTHON
from fine_tuning.data_io.dialects.tool_calls import tool_calls
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats import instruct_text
from fine_tuning.data_io.formats.instruct_text import Turn
from fine_tuning.data_io.json_values import Row, text_or_scalar
from fine_tuning.data_io.messages import Message, Tool, content_text
from fine_tuning.errors import DataError

NAME = "chat-text"
_TEXT_KEYS = ("text", "prompt", "content", "conversation")
_ANSWER_KEYS = ("completion", "response")
_OF_OTHERS = {"chosen", "messages", "output", "curated", "captured_at"}
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
_TURNS = {template.start: template.turns() for template in _TEMPLATES}
_TURN_ENDS = tuple(end for template in _TEMPLATES for end in template.ends)


class Conversation(NamedTuple):
    """What a text says."""

    messages: list[Message]
    tools: list[Tool] | None


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _key(row) is not None


def _key(row: Row) -> str | None:
    keys = () if row.keys() & _OF_OTHERS else _TEXT_KEYS
    return next((key for key in keys if isinstance(text := row.get(key), str) and has_marks(text)), None)


def has_marks(text: str) -> bool:
    """Whether a text begins as a conversation with the marks of a template does."""
    plain = instruct_text.without_ends(text[:200])
    return plain.startswith(tuple(_TURNS)) or (plain.startswith(instruct_text.STARTS) and "[/INST]" in text)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    key = str(_key(row))
    answer = next((each for each in _ANSWER_KEYS if row.get(each)), None)
    said = None if answer is None else text_or_scalar(row, answer)
    found = conversation_in(str(row[key]), said)
    if found is None:
        raise DataError(f"{key} has marks of a chat template, and text beside them or calls that are no JSON")
    yield call_from_row(row, (key, *_ANSWER_KEYS), found.messages, found.tools)


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
        turns = [*turns, Turn("assistant", _without_end(answer))]
    messages = read_messages([turn.message() for turn in turns], "text")
    if any(mark in content_text(each.get("content")) for each in messages for mark in _UNREAD):
        return None
    return Conversation(messages, read_tools(tools))


def _without_end(answer: str) -> str:
    plain = instruct_text.without_ends(answer)
    end = next((end for end in _TURN_ENDS if plain.endswith(end)), "")
    return instruct_text.without_ends(plain.removesuffix(end))


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
