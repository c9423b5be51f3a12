"""Parts of messages that hosts add: read, or refused where they are imported, once."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.errors import DataError

Row = dict[str, Any]


def converse(*parts: Row, system: list[Row] | None = None) -> Row:
    messages = [{"role": "user", "content": list(parts)}, {"role": "assistant", "content": [{"text": "Hello"}]}]
    return {"schemaVersion": "bedrock-conversation-2024", "messages": messages, "system": system or []}


def gemini(*parts: Row) -> Row:
    return {"contents": [{"role": "user", "parts": [{"text": "Sum?"}]}, {"role": "model", "parts": list(parts)}]}


def test_content_that_a_guardrail_looks_at_is_read() -> None:
    guarded = {"guardContent": {"text": {"text": "Hi", "qualifiers": ["query"]}}}
    (call,) = formats.calls_in(converse(guarded, {"text": "there"}, system=[guarded]))
    assert [message["content"] for message in call.messages] == [
        "Hi",
        [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}],
        "Hello",
    ]
    picture = {"guardContent": {"image": {"format": "png", "source": {"bytes": "AA=="}}}}
    (call,) = formats.calls_in(converse(picture))
    assert call.messages[0]["content"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (gemini({"executableCode": {"language": "PYTHON", "code": "print(1)"}}, {"text": "1"}), "executableCode"),
        (gemini({"code_execution_result": {"output": "1"}}, {"text": "1"}), "code_execution_result"),
        (converse({"document": {"name": "x"}}, {"text": "Hi"}), "document"),
        (converse({"video": {"format": "mp4"}}), "video"),
        (gemini({"videoMetadata": {"fps": 1}}), "videoMetadata"),
        ({"messages": [{"role": "user", "content": [7]}, {"role": "assistant", "content": "x"}]}, "must be text"),
    ],
)
def test_part_that_cannot_be_trained_on_is_refused_by_name_where_it_is_read(row: Row, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(row))


def test_signature_of_a_thought_takes_no_text_with_it() -> None:
    (call,) = formats.calls_in(gemini({"text": "1", "thoughtSignature": "c2ln"}, {"thoughtSignature": "c2ln"}))
    assert call.messages[-1]["content"] == "1"
