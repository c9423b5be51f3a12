"""Conversations written as one text with a name before each turn: `Human:`, `USER:`, `### Human:`, `### Instruction:`.

A question as BELLE writes it has one line break before a name, and ends where the assistant is to answer.

Sources: https://github.com/anthropics/hh-rlhf, https://github.com/LianjiaTech/BELLE,
https://github.com/lm-sys/FastChat (the templates of Vicuna),
https://huggingface.co/datasets/timdettmers/openassistant-guanaco, https://github.com/tatsu-lab/stanford_alpaca
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fine_tuning.data_io.blank_text import is_placeholder
from fine_tuning.data_io.dialects.instruct_text import without_ends
from fine_tuning.data_io.messages import Message, Role, prompt_and_response_messages


class _Names(NamedTuple):
    """How a transcript names who speaks.

    Attributes:
        first: that it begins with, but for a preamble of its template.
        turn: a pattern of the beginning of a turn, whose group is who speaks.
        assistant: how that group names the assistant; anybody else is the user.
    """

    first: str
    turn: re.Pattern[str]
    assistant: str


_NAMES = (
    _Names("Human:", re.compile(r"(?:\A|\n\n)(Human|Assistant):"), "Assistant"),
    _Names("USER:", re.compile(r"(?:\A|(?<=\s)|(?<=</s>))(USER|ASSISTANT):(?=\s|\Z)"), "ASSISTANT"),
    _Names("### Human:", re.compile(r"(?<!#)### (Human|Assistant):"), "Assistant"),
)
_BY_LINE = _Names("Human:", re.compile(r"(?:\A|\n)[ \t]*(Human|Assistant):"), "Assistant")
_PREAMBLE = re.compile(r"A (?:chat|conversation) between (?:a|an|the) (?:curious )?(?:user|human)\b")
_ALPACA = re.compile(
    r"(Below is an instruction that describes a task[^\n]*)?\s*### Instruction:\s*(.*?)\s*"
    r"(?:\n+### Input:\s*(.*?)\s*)?\n+### Response:(.*)",
    re.DOTALL,
)
_OF_ALPACA = ("### Instruction:", "Below is an instruction")


def may_be_transcript(text: str) -> bool:
    """Whether a text begins as a transcript does."""
    plain = text.lstrip()
    return plain.startswith((*(each.first for each in _NAMES), *_OF_ALPACA)) or _PREAMBLE.match(plain) is not None


def transcript(text: str, *, is_open: bool = False) -> list[Message] | None:
    """The turns of a transcript, of which the user has the first; None for another text.

    Args:
        is_open: it ends where the assistant is to answer.
    """
    plain = text.strip()
    if not may_be_transcript(plain):
        return None
    found = _of_alpaca(plain) if plain.startswith(_OF_ALPACA) else _of_names(plain)
    if found is None or found[-1]["role"] != "assistant" or (is_open and found[-1]["content"]):
        return None
    return found if found[-1]["content"] else found[:-1]


def _of_alpaca(text: str) -> list[Message] | None:
    found = _ALPACA.fullmatch(text)
    if found is None:
        return None
    system, instruction, more, answer = found.groups()
    question = instruction if not more or is_placeholder(more) else f"{instruction}\n\n{more}"
    return prompt_and_response_messages(question, without_ends(answer.strip()), system)


def _of_names(text: str) -> list[Message] | None:
    names = next(
        (each for each in _NAMES if each.turn.match(text) or (_PREAMBLE.match(text) and each.first in text)), None
    )
    found = None if names is None else _turns(text, names)
    is_by_line = text.startswith(_BY_LINE.first) and text.endswith(f"{_BY_LINE.assistant}:")
    if not is_by_line or _takes_turns(found):
        return found
    lines = _turns(text, _BY_LINE)
    return lines if _takes_turns(lines) else found


def _takes_turns(found: list[Message] | None) -> bool:
    """Whether the user and the assistant speak in turns, and the assistant last."""
    roles = [each["role"] for each in found or ()]
    return bool(roles) and roles[-1] == "assistant" and not any(map(str.__eq__, roles, roles[1:]))


def _turns(text: str, names: _Names) -> list[Message] | None:
    before, *pieces = names.turn.split(text)
    turns = list(zip(pieces[::2], pieces[1::2], strict=True))
    if not turns or turns[0][0] == names.assistant:
        return None
    system: list[Message] = [{"role": "system", "content": before.strip()}] if before.strip() else []
    roles: dict[bool, Role] = {True: "assistant", False: "user"}
    messages: list[Message] = [
        {"role": roles[who == names.assistant], "content": without_ends(words).strip()} for who, words in turns
    ]
    return [*system, *messages]
