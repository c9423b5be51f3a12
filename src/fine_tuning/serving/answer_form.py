"""The JSON schema of a request: its rules in words, and whether an answer keeps to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from fine_tuning.data_io import schema_validation
from fine_tuning.data_io.held_schema import Rest, held_schema, in_words
from fine_tuning.data_io.schema_checks import Validator, draft_of
from fine_tuning.data_io.schema_validation import ValidationTimeout
from fine_tuning.serving.chat_types import Messages
from fine_tuning.serving.response_grammar import is_complete


@dataclass(frozen=True)
class AnswerForm:
    """A schema or a grammar that answers must match.

    Attributes:
        rest: what a grammar does not hold of it.
        grammar: in place of a schema.
        is_strict: whether no answer may be returned that breaks a rule.
    """

    schema: Mapping[str, object]
    rest: list[Rest] = field(default_factory=list)
    grammar: str | None = None
    is_strict: bool = False

    @classmethod
    def of(cls, response_format: object) -> AnswerForm | None:
        """The form that a request's `response_format` asks for; None for text."""
        found = cast("Mapping[str, Any]", response_format or {})
        if found.get("type") == "json_object":
            return cls({"type": "object"})
        if found.get("type") == "grammar":
            return cls({}, grammar=found["grammar"])
        if found.get("type") != "json_schema":
            return None
        schema = found["json_schema"].get("schema") or {}
        return cls(schema, held_schema(schema).rest, is_strict=bool(found["json_schema"].get("strict")))

    def prompted(self, messages: Messages) -> Messages:
        """The conversation with the rules that no grammar holds, in its system message."""
        if not self.rest:
            return messages
        words = in_words(self.rest)
        if messages and messages[0]["role"] == "system":
            first = {**messages[0], "content": f"{messages[0].get('content') or ''}\n\n{words}"}
            return [first, *messages[1:]]
        return [{"role": "system", "content": words}, *messages]

    def again(self, messages: Messages, answer: str, problem: str) -> Messages:
        """The conversation that asks for another answer."""
        words = f"This JSON is invalid: {problem}. Answer again, with valid JSON alone."
        return [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": words}]

    def problem(self, answer: str, finish_reason: str | None) -> str | None:
        """What is wrong with an answer; None if nothing is, or if it was cut off."""
        if finish_reason != "stop":
            return None
        if self.grammar is not None:
            return None if is_complete(self.grammar, answer) else "it is cut off, or not of its grammar"
        from jsonschema.exceptions import best_match

        try:
            value = json.loads(answer)
        except (ValueError, RecursionError) as error:
            return f"it is not JSON ({error})"
        try:
            with schema_validation.time_limit():
                found = best_match(_validator(self.schema).iter_errors(value))
        except ValidationTimeout as error:
            return str(error)
        return None if found is None else f"{found.json_path}: {found.message[:300]}"


def _validator(schema: Mapping[str, object]) -> Validator:
    kind = draft_of(schema)
    return schema_validation.validator(kind, schema, format_checker=kind.FORMAT_CHECKER)
