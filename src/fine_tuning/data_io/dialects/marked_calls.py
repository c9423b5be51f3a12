"""Calls of tools inside the text of an answer, between the marks of the templates of models.

Sources: https://github.com/NousResearch/Hermes-Function-Calling,
https://huggingface.co/datasets/glaiveai/glaive-function-calling-v2,
https://docs.mistral.ai/cookbook/concept-deep-dive-tokenization-tool_calling,
https://www.llama.com/docs/model-cards-and-prompt-formats/llama3_1/#tool-calling-(8b/70b/405b)-,
https://huggingface.co/deepseek-ai/DeepSeek-V3.1, https://huggingface.co/moonshotai/Kimi-K2-Instruct (their templates)
"""

# ruff: noqa: RUF001 - signs of templates

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable

from fine_tuning.data_io import strict_json
from fine_tuning.data_io.dialects.parameter_calls import INVOKE, PREFIX, arguments_of, written_call
from fine_tuning.data_io.dialects.quoted_calls import quoted_call
from fine_tuning.data_io.dialects.tool_calls import made_id, tool_call
from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import ToolCall
from fine_tuning.errors import DataError

MISTRAL, PYTHON = "[TOOL_CALLS]", "<|python_tag|>"
_FUNCTION = "<function="
_GLAIVE = "<functioncall>"
_DEEPSEEK, _KIMI = "<｜tool▁call▁begin｜>", "<|tool_call_begin|>"
_TURN = "_of_turn>"  # of Gemma
# Code in Markdown: a block between fences, which may lack its end, or a span between as many backticks.
_CODE = (
    r"^[ \t>]*(?P<fence>```+|~~~+).*?(?:^[ \t>]*(?P=fence)[ \t]*$|\Z)"
    r"|(?P<ticks>`+)(?!`)[^\n]+?(?<!`)(?P=ticks)(?!`)"
)
_MARKED = {
    mark: re.compile(f"{_CODE}|{form}", re.DOTALL | re.MULTILINE)
    for mark, form in (
        ("<tool_call>", r"<tool_call>\s*(?P<call>.*?)\s*</tool_call>"),
        (_FUNCTION, r"<function=(?P<name>[^>\s]+)>(?P<call>.*?)</function>(?:<\|eom_id\|>)?"),
        (_GLAIVE, r"<functioncall>\s*(?P<call>\{.*?\})\s*(?:</functioncall>|<\|endoftext\|>|(?=<functioncall>)|\Z)"),
        (MISTRAL, r"(?P<call>\[TOOL_CALLS\])"),
        (PYTHON, r"(?P<call><\|python_tag\|>)"),
        (
            INVOKE,
            rf"(?:<{PREFIX}(?:function_calls|tool_calls?)>\s*)?<{PREFIX}invoke name=\"(?P<name>[^\"\n]+)\">"
            rf"(?P<call>(?:(?!<{PREFIX}invoke ).)*?)</{PREFIX}invoke>(?:\s*</{PREFIX}(?:function_calls|tool_calls?)>)?",
        ),
        (
            _DEEPSEEK,
            r"(?:<｜tool▁calls▁begin｜>\s*)?<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<name>[^\s<]+)"
            r"(?:<｜tool▁sep｜>)?\s*(?:```json\s*)?(?P<call>\{(?:(?!<｜tool▁call▁begin｜>).)*?\})\s*(?:```\s*)?"
            r"<｜tool▁call▁end｜>(?:\s*<｜tool▁calls▁end｜>)?(?:<｜end▁of▁sentence｜>)?",
        ),
        (
            _KIMI,
            r"(?:<\|tool_calls_section_begin\|>\s*)?<\|tool_call_begin\|>\s*(?P<id>(?:functions\.)?(?P<name>[\w.-]+):\d+)"
            r"\s*<\|tool_call_argument_begin\|>\s*(?P<call>\{(?:(?!<\|tool_call_begin\|>).)*?\})\s*<\|tool_call_end\|>"
            r"(?:\s*<\|tool_calls_section_end\|>)?",
        ),
    )
}
_ENDS = {
    "<tool_call>": ("</tool_call>",),
    _FUNCTION: ("</function>", "<|eom_id|>"),
    _GLAIVE: ("}",),
    INVOKE: ("invoke>", "_calls>", "_call>"),
    _DEEPSEEK: ("｜>",),
    _KIMI: ("|>",),
}
_BEGINS = re.compile(r"(?:\A|\n|[.!?…。！？)\]>*])\s*\Z")
_NAMED = re.compile(r"\s*([\w.-]+?)(?:\[CALL_ID\]([\w-]+))?(?:\[ARGS\])?\s*(\{.*\})\s*", re.DOTALL)
_BETWEEN = re.compile(r"[\s;]*")  # as Llama 3.2 divides several
_DECODER = json.JSONDecoder()


def marked_calls(text: str, place: int) -> tuple[str, list[ToolCall]] | None:
    """The text without the calls that it makes between marks, and those calls; None without any.

    A call whose arguments are no JSON object is text like any other, and so is one that the text speaks of: in code, in
    a sentence, or between two parts of an explanation.

    Args:
        place: of the message in its conversation, for the ids of calls without one.
    """
    for mark, read in _FORMS.items():
        found = read(text, _calls_in(mark, text)) if mark in text else None
        if found is not None:
            calls = [tool_call(given, made_id(place, number)) for number, given in enumerate(found[1])]
            known = [call for call in calls if call is not None and _has_object(call)]
            if known and len(known) == len(calls):
                return found[0].strip(), known
    return None


def has_mark(text: str) -> bool:
    """Whether a text may hold marks of a chat template: of calls and results of tools, or of turns."""
    if "<" not in text and "[" not in text:  # as most
        return False
    # One after the other is sooner than a loop.
    return (
        "<|" in text
        or "<｜" in text
        or "<tool" in text
        or "INST]" in text
        or MISTRAL in text
        or "<function" in text
        or INVOKE in text
        or _TURN in text
    )


def text_of_call(text: str) -> str | None:
    """What is written between the first marks of a call, such as `<tool_call>`; None without any."""
    found = next((places[0] for mark in _ENDS if mark in text and (places := _calls_in(mark, text))), None)
    return None if found is None else found["call"]


def _has_object(call: ToolCall) -> bool:
    try:
        return isinstance(json.loads(call["function"]["arguments"]), dict)
    except (ValueError, RecursionError):
        return False


def _calls_in(mark: str, text: str) -> list[re.Match[str]]:
    """The calls with a mark outside of code, the first of which begins a line or follows a sentence."""
    # Behind the last end, each mark would be searched to the end of the text.
    end = max(text.rfind(each) for each in _ENDS.get(mark, (mark,)))
    places = _MARKED[mark].finditer(text, 0, end + len(mark) + 1) if end >= 0 else ()
    found = [each for each in places if each["call"] is not None]
    return found if found and _BEGINS.search(text[: found[0].start()]) else []


def _tagged(text: str, found: list[re.Match[str]]) -> tuple[str, list[object]] | None:
    return _between(text, found, [_call_of(each["call"]) for each in found])


def _call_of(text: str) -> object:
    """A call as JSON, or as the Python dict that data sets of Hermes' have; another text as it is.

    Raises:
        DataError: it has a key twice, of which one would be lost.
    """
    if not text.startswith("{"):
        return written_call(text) or parse_embedded_json(text)
    try:
        return strict_json.decode(text, finite=False)
    except strict_json.DuplicateKeyError as error:
        raise DataError(f"a call between marks has the key {str(error)!r} twice; keep one of the values") from None
    except (ValueError, RecursionError):
        pass  # it may be Python's
    if (quoted := quoted_call(text)) is not None:
        return quoted
    try:
        call = ast.literal_eval(text)
        json.dumps(call, allow_nan=False)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return text
    return call


def _functions(text: str, found: list[re.Match[str]]) -> tuple[str, list[object]] | None:
    """Calls such as `<function=name>{"a": 1}</function>`, whose arguments may also be parameters."""
    calls: list[object] = []
    for each in found:
        arguments = arguments_of(each["call"])
        own = {"id": each["id"]} if "id" in each.groupdict() else {}
        calls.append({**own, "name": each["name"], "arguments": each["call"] if arguments is None else arguments})
    return _between(text, found, calls)


def _between(text: str, found: list[re.Match[str]], calls: list[object]) -> tuple[str, list[object]] | None:
    """What is said before or behind calls, and the calls; None where both are, since calls end an answer."""
    if not found:
        return None
    ends = [0, *(each.end() for each in found)]
    starts = [*(each.start() for each in found), len(text)]
    texts = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    is_spoken_of = texts[0].strip() and any(each.strip() for each in texts[1:])
    return None if is_spoken_of else ("".join(texts), calls)


def _mistral(text: str, found: list[re.Match[str]]) -> tuple[str, list[object]] | None:
    """A list of calls behind the mark; in newer templates a name and its arguments behind each."""
    if not found:
        return None
    before, pieces = text[: found[0].start()], text[found[0].end() :].split(MISTRAL)
    first = parse_embedded_json(pieces[0].strip())
    if len(pieces) == 1 and (is_list(first) or is_object(first)):
        return before, [*first] if is_list(first) else [first]
    named = [_NAMED.fullmatch(piece) for piece in pieces]
    calls = [{"name": each[1], "id": each[2], "arguments": each[3]} for each in named if each is not None]
    return (before, [*calls]) if len(calls) == len(pieces) else None


def _python(text: str, found: list[re.Match[str]]) -> tuple[str, list[object]] | None:
    """JSON behind the mark, one object or several, or a call such as `search.call(query="x")`."""
    if not found:
        return None
    before, given = text[: found[0].start()], text[found[0].end() :].strip()
    calls: list[object] = []
    at = 0
    try:
        while at < len(given):
            call, end = _DECODER.raw_decode(given, at)
            calls += call if is_list(call) else [call]
            at = end + len((_BETWEEN.match(given, end) or [""])[0])
    except (ValueError, RecursionError):
        built_in = _built_in(given)
        return None if built_in is None else (before, [built_in])
    return before, calls


def _built_in(code: str) -> JsonObject | None:
    try:
        call = ast.parse(code, mode="eval").body
        if not isinstance(call, ast.Call) or call.args or not isinstance(call.func, ast.Attribute):
            return None
        arguments = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
        json.dumps(arguments)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    is_call = call.func.attr == "call" and isinstance(call.func.value, ast.Name)
    return {"name": ast.unparse(call.func.value), "arguments": arguments} if is_call else None


_FORMS: dict[str, Callable[[str, list[re.Match[str]]], tuple[str, list[object]] | None]] = {
    "<tool_call>": _tagged,
    _GLAIVE: _tagged,
    MISTRAL: _mistral,
    PYTHON: _python,
    **dict.fromkeys((_FUNCTION, INVOKE, _DEEPSEEK, _KIMI), _functions),
}
