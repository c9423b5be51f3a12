"""What an answer must be to be a label."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from fine_tuning._util.files import read_json
from fine_tuning.candidates.candidate import Request
from fine_tuning.data_io import schema_checks
from fine_tuning.data_io.finish_reasons import CUT_OFF
from fine_tuning.data_io.json_values import is_object
from fine_tuning.data_io.messages import FunctionCall, Message, content_text
from fine_tuning.data_io.schema_checks import InvalidSchema, draft_of
from fine_tuning.data_io.schema_validation import ValidationTimeout, time_limit, validator
from fine_tuning.errors import DataError
from fine_tuning.evaluation.refusal import is_refusal
from fine_tuning.workflows.labelling.recorded_calls import Bought


class Defect(Enum):
    """Why an answer is no label."""

    REFUSAL = "refusals"
    CUT_OFF = "cut off"
    FORMAT = "format failures"


@dataclass(frozen=True)
class AnswerRules:
    """What answers must be.

    Attributes:
        choices: the labels; empty for any.
        schema: that JSON answers must meet; None for text.
    """

    choices: Sequence[str] = ()
    schema: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, choices: Sequence[str], schema_file: str | None) -> AnswerRules:
        """The rules of a plan.

        Raises:
            NotFoundError, DataError: the file of the schema is missing, or has none.
        """
        if schema_file is None:
            return cls(choices)
        schema = read_json(Path(schema_file))
        if not is_object(schema):
            raise DataError(f"{schema_file} must hold a JSON schema, an object")
        try:
            schema_checks.check(schema, "the schema", strict=False)
            json.dumps(schema, allow_nan=False)
        except InvalidSchema as error:
            raise DataError(f"{schema_file} is no valid JSON schema that answers can be held to: {error}") from None
        except ValueError:
            raise DataError(f"{schema_file} holds no schema: it has NaN or an infinite number") from None
        return cls(choices, schema)

    def response_format(self) -> dict[str, object]:
        """The parameter by which a host is told the schema; empty without one."""
        if self.schema is None:
            return {}
        stated = {"name": "answer", "schema": dict(self.schema)}
        return {"response_format": {"type": "json_schema", "json_schema": stated}}

    def defect(self, answer: Bought, request: Request) -> Defect | None:
        """Why an answer is no label; None for one that is."""
        text = content_text(answer.message.get("content"))
        if answer.finish_reason == "content_filter" or answer.message.get("refusal") or is_refusal(text):
            return Defect.REFUSAL
        if answer.finish_reason in CUT_OFF:
            return Defect.CUT_OFF
        if calls := answer.message.get("tool_calls"):
            names = {tool["function"]["name"] for tool in request.tools}
            is_call = all(_is_call(call["function"], names) for call in calls)
            return None if is_call else Defect.FORMAT
        return None if text.strip() and self._holds(text) else Defect.FORMAT

    def _holds(self, text: str) -> bool:
        if self.choices:
            return text.strip() in self.choices
        if self.schema is None:
            return True
        try:
            with time_limit():
                return bool(validator(draft_of(self.schema), self.schema).is_valid(json.loads(text)))
        except (ValueError, ValidationTimeout):
            return False

    def kept(self, message: Message) -> Message:
        """The message that becomes the label: a label of the choices is without the space around it."""
        if not self.choices or message.get("tool_calls"):
            return message
        return {**message, "content": content_text(message.get("content")).strip()}


def _is_call(call: FunctionCall, names: Set[str]) -> bool:
    try:
        return call["name"] in names and is_object(json.loads(call["arguments"]))
    except (ValueError, RecursionError):
        return False
