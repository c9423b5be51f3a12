"""Texts of Llama 2's and Mistral's templates: `[INST]`, and Mistral's blocks of tools and their results.

Source: https://github.com/mistralai/mistral-common, whose versions differ in what is in a block.
"""

# ruff: noqa: RUF001 - signs of templates

from __future__ import annotations

import re
from typing import NamedTuple

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, parse_embedded_json

STARTS = ("[INST]", "[AVAILABLE_TOOLS]", "[SYSTEM_PROMPT]")
_BLOCK = re.compile(r"\[(INST|AVAILABLE_TOOLS|SYSTEM_PROMPT|TOOL_RESULTS)\](.*?)\[/\1\]", re.DOTALL)
_SYSTEM = re.compile(r"\s*<<SYS>>\s*(.*?)\s*<</SYS>>\s*", re.DOTALL)
_END = r"(?:\s|<\|begin_of_text\|>|<\|endoftext\|>|<\|end_of_text\|>|</?s>|<bos>|<eos>|<｜begin▁of▁sentence｜>)+"
_ENDS = re.compile(rf"\A{_END}|{_END}\Z")
_WITH_ID = "[TOOL_CONTENT]"


class Turn(NamedTuple):
    """What somebody says; of a result, also the call that it answers, where that is stated."""

    role: str
    content: object
    call_id: object = None
    name: object = None

    def message(self) -> JsonObject:
        """As a message in the words of some vendor."""
        return {"role": self.role, "content": self.content, "tool_call_id": self.call_id, "name": self.name}


class InstructText(NamedTuple):
    """The definitions of tools in a text, and its turns; None for a text that has more than them."""

    tools: object
    turns: list[Turn] | None


def read(text: str) -> InstructText:
    """The tools and turns of a text: between its blocks, the model answers."""
    turns: list[Turn] = []
    tools: object = None
    at = 0
    for block in _BLOCK.finditer(text):
        turns += _answer(text[at : block.start()])
        kind, inner, at = block[1], block[2].strip(), block.end()
        if kind == "AVAILABLE_TOOLS":
            tools = parse_embedded_json(inner)
        elif kind == "SYSTEM_PROMPT":
            turns.append(Turn("system", inner))
        else:
            turns += _question_turns(inner) if kind == "INST" else _results(inner)
    turns += _answer(text[at:])
    first = next((number for number, turn in enumerate(turns) if turn.role != "system"), 0)
    is_whole = bool(turns) and turns[first].role == "user" and not _has_loose_marks(turns)
    return InstructText(tools, turns if is_whole else None)


def without_ends(text: str) -> str:
    """A text without the marks of a conversation's beginning and end, and without space, at its own ends."""
    return _ENDS.sub("", text)


def _answer(text: str) -> list[Turn]:
    answer = without_ends(text)
    return [Turn("assistant", answer)] if answer else []


def _question_turns(text: str) -> list[Turn]:
    system = _SYSTEM.match(text)
    stated = [] if system is None else [Turn("system", system[1])]
    return [*stated, Turn("user", text[system.end() if system else 0 :].strip())]


def _results(text: str) -> list[Turn]:
    """The results in a block: JSON with a content each, or a text, behind the id of its call where that is stated."""
    own, mark, content = text.partition(_WITH_ID)
    if mark:
        return [Turn("tool", content, own.strip() or None)]
    parsed = parse_embedded_json(text)
    given = parsed if is_list(parsed) else [parsed]
    found = [each for each in given if is_object(each) and "content" in each]
    if not found or len(found) < len(given):
        return [Turn("tool", text)]
    return [Turn("tool", each.get("content"), each.get("call_id"), each.get("name")) for each in found]


def _has_loose_marks(turns: list[Turn]) -> bool:
    """Whether an answer holds a mark that belongs to a block, which is not whole then."""
    answers = (str(turn.content) for turn in turns if turn.role == "assistant")
    return any("[INST]" in answer or "[/INST]" in answer or "[TOOL_RESULTS]" in answer for answer in answers)
