"""Conversations written as one text with the marks of a chat template: ChatML, Llama 3's headers, `[INST]`.

Sources: https://github.com/openai/openai-python/blob/release-v0.28.0/chatml.md,
https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/,
https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-2/
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.json_values import JsonObject, Row, text_field
from fine_tuning.data_io.messages import Message
from fine_tuning.errors import DataError

NAME = "chat-text"
_TEXT_KEYS = ("text", "prompt", "content", "conversation")
_ANSWER_KEYS = ("completion", "response")
_OF_OTHERS = {"chosen", "messages", "output", "curated", "captured_at"}
_CALLS = "[TOOL_CALLS]"  # of Mistral's templates, whose versions differ
_CHATML = re.compile(r"<\|im_start\|>\s*(\w+)[ \t]*\n?(.*?)\s*(?:<\|im_end\|>|(?=<\|im_start\|>)|\Z)", re.DOTALL)
_LLAMA_3 = re.compile(
    r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>\s*(.*?)\s*(?:<\|eot_id\|>|<\|eom_id\|>"
    r"|(?=<\|start_header_id\|>)|\Z)",
    re.DOTALL,
)
_INST = re.compile(r"(?:<s>)?\s*\[INST\](.*?)\[/INST\](.*?)(?=(?:</s>)?\s*(?:<s>)?\s*\[INST\]|\Z)", re.DOTALL)
_SYSTEM = re.compile(r"\s*<<SYS>>\s*(.*?)\s*<</SYS>>\s*", re.DOTALL)
_ENDS = re.compile(r"<\|begin_of_text\|>|<\|endoftext\|>|<\|end_of_text\|>|<s>|</s>")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _key(row) is not None


def _key(row: Row) -> str | None:
    keys = () if row.keys() & _OF_OTHERS else _TEXT_KEYS
    return next((key for key in keys if isinstance(text := row.get(key), str) and has_marks(text)), None)


def has_marks(text: str) -> bool:
    """Whether a text begins as a conversation with the marks of a template does."""
    plain = _ENDS.sub("", text[:200]).lstrip()
    if plain.startswith(("<|im_start|>", "<|start_header_id|>")):
        return True
    return plain.startswith("[INST]") and "[/INST]" in text


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    key = str(_key(row))
    messages = messages_in(str(row[key]))
    if messages is None:
        raise DataError(f"{key} has marks of a chat template, and text beside them")
    answer = next((each for each in _ANSWER_KEYS if row.get(each)), None)
    if answer is not None:
        said = _ENDS.sub("", text_field(row, answer)).removesuffix("<|im_end|>").removesuffix("<|eot_id|>").strip()
        messages = [*messages, {"role": "assistant", "content": said}]
    yield call_from_row(row, (key, "tools", *_ANSWER_KEYS), messages, read_tools(row.get("tools")))


def messages_in(text: str) -> list[Message] | None:
    """The messages of a text; None if a part of it is outside the marks. An answer that is yet to come is none."""
    if "[INST]" in text and "<|" not in text:
        turns = _instruct_turns(text)
    else:
        pattern = _LLAMA_3 if "<|start_header_id|>" in text else _CHATML
        found = pattern.findall(text)
        turns = None if not found or _ENDS.sub("", pattern.sub("", text)).strip() else found
    if not turns:
        return None
    if turns[-1][0].lower() == "assistant" and not turns[-1][1]:
        turns = turns[:-1]
    said: list[JsonObject] = [{"role": role, "content": words} for role, words in turns]
    return read_messages(said, "text")


def _instruct_turns(text: str) -> list[tuple[str, str]] | None:
    if _CALLS in text or _ENDS.sub("", _INST.sub("", text)).strip():
        return None
    turns: list[tuple[str, str]] = []
    for asked, answered in _INST.findall(text):
        system = _SYSTEM.match(asked)
        if system is not None:
            turns.append(("system", system[1]))
        turns.append(("user", asked[system.end() if system else 0 :].strip()))
        turns.append(("assistant", _ENDS.sub("", answered).strip()))
    return turns
