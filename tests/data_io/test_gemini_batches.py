"""Batch files of Gemini: requests with a key, results with the same one, and the two together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats, sources
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWERED, ASKED, CANDIDATES, CONTENTS_REQUEST, only

ASKING = {"key": "r-1", "request": CONTENTS_REQUEST}
RESULT = {"key": "r-1", "response": CANDIDATES}
IN_METADATA = {"metadata": {"key": "r-1"}, "response": CANDIDATES}
STATUS = {"code": 3, "message": "The request is too long."}


def joined(*given: dict[str, Any]) -> list[Any]:
    raw = [sources.RawRow("f", line, json.dumps(row).encode()) for line, row in enumerate(given, 1)]
    return [json.loads(row.text or b"") for row in sources.with_requests(raw)]


@pytest.mark.parametrize("answered", [RESULT, IN_METADATA])
@pytest.mark.parametrize("is_turned", [False, True])
def test_result_is_joined_with_its_request(answered: dict[str, Any], is_turned: bool) -> None:
    given = [answered, ASKING] if is_turned else [ASKING, answered]
    (row,) = joined(*given)
    assert row == {**answered, "request": CONTENTS_REQUEST}
    call = only(row)
    assert [each["content"] for each in call.messages] == ["Be brief.", ASKED, ANSWERED]
    assert [tool["function"]["name"] for tool in call.tools or ()] == ["track"]
    assert (call.model, call.finish_reason) == ("gemini-2.5-flash", "stop")


def test_results_take_their_own_requests() -> None:
    other = {"contents": [{"role": "user", "parts": [{"text": "And order 8?"}]}]}
    found = joined({"key": "r-2", "request": other}, ASKING, {**RESULT, "key": "r-2"}, RESULT)
    assert [only(row).messages[-2]["content"] for row in found] == ["And order 8?", ASKED]


def test_halves_say_what_is_missing() -> None:
    with pytest.raises(DataError, match="request has no answer here; import its output file"):
        only(ASKING)
    with pytest.raises(DataError, match="with each custom_id or key once"):
        only(RESULT)
    twice = {**ASKING, "request": {"contents": [{"parts": [{"text": "Other"}]}]}}
    assert joined(ASKING, twice, RESULT) == [RESULT]


def test_failed_request_has_no_call() -> None:
    for row in (*joined(ASKING, {"key": "r-1", "error": STATUS}), {"key": "r-1", "error": STATUS}):
        assert formats.format_of(row) == "batch"
        assert not list(formats.calls_in(row))


def test_keys_of_other_rows_mean_nothing() -> None:
    messages = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]
    for others in ({}, {"error": STATUS}, {"response": "x"}, {"metadata": {"key": 2}}):
        row = {"key": "r-1", "messages": messages, **others}
        assert joined(row, ASKING) == [row, ASKING]
        assert formats.format_of(row) != "batch"


def test_row_with_its_own_request_is_no_half() -> None:
    whole = {**RESULT, "request": CONTENTS_REQUEST}
    broken = {"custom_id": "r-1", "request": {"messages": []}}
    result = {"custom_id": "r-1", "response": {"body": {}}}
    assert joined(whole, broken, result) == [whole, broken, result]
