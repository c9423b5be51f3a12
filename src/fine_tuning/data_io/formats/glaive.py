"""Rows of Glaive's function-calling sets: a system prompt with functions, and a chat, each as one text.

Sources: https://huggingface.co/datasets/glaiveai/glaive-function-calling-v2, and -function-calling-v1, whose `sample`
holds both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.plain_functions import plain_tools
from fine_tuning.data_io.dialects.tools_in_text import json_values
from fine_tuning.data_io.json_values import JsonObject, Row
from fine_tuning.errors import DataError

NAME = "glaive"
_SYSTEM = "SYSTEM:"
_TURN = re.compile(r"(?:\A|\n)[ \t]*(USER|ASSISTANT|A|FUNCTION RESPONSE):")
_ROLES = {"USER": "user", "ASSISTANT": "assistant", "A": "assistant", "FUNCTION RESPONSE": "tool"}
_END = "<|endoftext|>"
_SAYS_TOOLS = re.compile(
    r",?\s*(?:with access to the following functions|who has access to the following functions to help the user)"
    r"[.,]?\s*(?:Use them if required|you can use the functions if needed)?\s*-?\s*\Z",
    re.IGNORECASE,
)


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    sample = row.get("sample")
    if isinstance(sample, str):
        return sample.lstrip().startswith(_SYSTEM) and "\nUSER:" in sample
    chat = row.get("chat")
    return isinstance(chat, str) and chat.lstrip().startswith("USER:")


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    system, chat = _texts(row)
    prompt, functions = _divided(system.strip().removeprefix(_SYSTEM).strip())
    turns: list[JsonObject] = [{"role": "system", "content": prompt}] if prompt else []
    messages = read_messages([*turns, *_turns(chat)], "chat")
    yield call_from_row(row, ("system", "chat", "sample"), messages, plain_tools(functions, "system"))


def _texts(row: Row) -> tuple[str, str]:
    """The system prompt and the chat of a row.

    Raises:
        DataError: the system prompt is no text.
    """
    if isinstance(sample := row.get("sample"), str):
        before, mark, chat = sample.partition("\nUSER:")
        return before, mark + chat
    system = row.get("system")
    if not isinstance(system, str | None):
        raise DataError(f"system is {json_kind(system)}, not text")
    return system or "", str(row["chat"])


def _divided(system: str) -> tuple[str, list[object]]:
    """What a system prompt says, and the functions that it ends with.

    Raises:
        DataError: it begins to define functions, which are no JSON.
    """
    at = system.find("\n{")
    if at < 0 and not system.startswith("{"):
        return system, []
    text, written = system[: max(at, 0)], system[max(at, 0) :]
    found = json_values(written)
    if found is None:
        raise DataError("system defines functions that are no JSON; write them as tools")
    return _SAYS_TOOLS.sub("", text).strip(), found


def _turns(chat: str) -> list[JsonObject]:
    before, *pieces = _TURN.split(chat)
    if before.strip():
        raise DataError("chat must begin with USER:")
    return [
        {"role": _ROLES[who], "content": text.strip().removesuffix(_END).strip()}
        for who, text in zip(pieces[::2], pieces[1::2], strict=True)
    ]
