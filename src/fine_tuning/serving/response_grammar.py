"""The form of an answer as a grammar for llama.cpp."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fine_tuning.data_io.held_schema import held_schema
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.errors import RefusedError
from fine_tuning.serving.llama_cpp_tools import readable_tool

_VALUE = {"$ref": "#/$defs/value"}
# Any object, whose numbers end as those of a schema do.
ANY_OBJECT: JsonObject = {
    "type": "object",
    "additionalProperties": _VALUE,
    "$defs": {
        "value": {
            "type": ["object", "array", "string", "number", "boolean", "null"],
            "additionalProperties": _VALUE,
            "items": _VALUE,
        }
    },
}
# JSON as json.dumps writes it: a small model that may write any white space can repeat it without end.
_WHITE_SPACE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def with_grammar(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same request with its `response_format` as a grammar, and its tools as llama.cpp reads them.

    With a schema, llama.cpp would parse the finished answer again and report one in unusual white space as an error.

    Raises:
        RefusedError: the grammar cannot enforce the schema.
    """
    response_format = body.get("response_format") or {}
    rest = {key: value for key, value in body.items() if key != "response_format"}
    if response_format.get("type") == "grammar":
        return {**rest, "grammar": response_format["grammar"]}
    if body.get("tools"):
        is_required = body.get("tool_choice", "auto") not in ("auto", "none")
        return {**body, "tools": [readable_tool(tool, is_required=is_required) for tool in body["tools"]]}
    if response_format.get("type") not in {"json_object", "json_schema"}:
        return body
    from llguidance import LLMatcher

    schema = response_format.get("json_schema", {"schema": ANY_OBJECT}).get("schema") or {}
    grammar = f"%llguidance {{}}\nstart: {json_rule(schema)}\n"
    # llama.cpp ignores a grammar that it cannot parse. It parses them with llguidance, so this validates them first.
    if problem := LLMatcher.validate_grammar(grammar, None):
        reason = problem.splitlines()[0].partition("JSON schema: ")[2] or problem.splitlines()[0]
        raise RefusedError(f"answers cannot be constrained to this schema: {reason}")
    return {**rest, "grammar": grammar}


def json_rule(schema: Mapping[str, object]) -> str:
    """What a grammar holds of a schema, as a rule of one."""
    return f"%json {json.dumps({**held_schema(schema).schema, 'x-guidance': _WHITE_SPACE})}"


def is_complete(grammar: str, answer: str) -> bool:
    """Whether a grammar holds of a whole answer: llama.cpp's matcher gives up where it becomes too complex."""
    from llguidance import LLMatcher, LLTokenizer

    matcher = LLMatcher(LLTokenizer("byte"), grammar, log_level=0)
    return bool(matcher.consume_tokens([*answer.encode()]) and matcher.is_accepting())
