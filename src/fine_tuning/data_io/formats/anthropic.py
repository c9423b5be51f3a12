"""Anthropic's Messages: logged pairs of request and response, and results of batches with their requests.

Sources: https://docs.anthropic.com/en/api/messages, https://docs.anthropic.com/en/docs/build-with-claude/batch-processing
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats import exchange, vendor_request, vendor_response
from fine_tuning.data_io.json_values import Row

NAME = "anthropic"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    found = exchange.exchange_in(row)
    if found is None or not vendor_request.is_request(found.request):
        return False
    kind = vendor_response.kind_of(found.response)
    return kind in {vendor_response.ANTHROPIC, vendor_response.CONVERSE} or found.response.get("type") == "error"


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; a request that failed has none.

    Raises:
        DataError: it is malformed.
    """
    found = exchange.exchange_in(row)
    if found is not None:
        yield from exchange.call_of(row, found)
