"""Training rows of Gemini and Vertex AI: contents with roles and parts, and the system instruction.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.formats.vendor_request import read_conversation
from fine_tuning.data_io.json_values import Row, is_list, parse_embedded_json

NAME = "gemini"
_OPTIONS = {"generationConfig", "safetySettings"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return is_list(parse_embedded_json(row.get("contents")))


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    found = read_conversation(row)
    beside = {key: value for key, value in row.items() if key not in found.read | _OPTIONS}
    yield call_from_row(beside, (), found.messages, found.tools)
