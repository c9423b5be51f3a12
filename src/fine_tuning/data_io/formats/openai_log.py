"""Logged requests and responses of OpenAI's Chat Completions, under any of the usual names, and those that failed.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats import exchange, vendor_response
from fine_tuning.data_io.formats.stored_completion import is_completed_text
from fine_tuning.data_io.formats.vendor_request import is_request
from fine_tuning.data_io.json_values import Row

NAME = "openai-log"
_KINDS = {vendor_response.CHAT, vendor_response.MESSAGE, vendor_response.RESPONSES}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    found = exchange.exchange_in(row)
    if found is None or not is_request(found.request):
        return found is not None and is_completed_text(found.response)
    return vendor_response.kind_of(found.response) in _KINDS or vendor_response.is_failed(found.response)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; a request that failed, or one for a completed text, has none.

    Raises:
        DataError: it is malformed.
    """
    found = exchange.exchange_in(row)
    if found is not None:
        yield from exchange.call_of(row, found)
