"""Training rows of Amazon Bedrock: a conversation as Converse has it, by its schema version.

Source: https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.formats.vendor_request import read_conversation
from fine_tuning.data_io.json_values import Row, is_list, parse_embedded_json

NAME = "bedrock"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    is_chat = is_list(parse_embedded_json(row.get("messages")))
    return is_chat and str(row.get("schemaVersion")).startswith("bedrock-conversation")


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed.
    """
    found = read_conversation(row)
    beside = {key: value for key, value in row.items() if key not in found.read | {"schemaVersion"}}
    yield call_from_row(beside, (), found.messages, found.tools)
