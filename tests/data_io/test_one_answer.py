"""Rows with two answers, and conversations by the id that a row names in any spelling."""

from __future__ import annotations

import pytest

from fine_tuning.data_io.formats import calls_in
from fine_tuning.data_io.rows import conversation_key
from fine_tuning.errors import DataError


@pytest.mark.parametrize(
    ("row", "second"),
    [
        ({"prompt": "When does it sail?", "response": "At nine.", "output": "At ten."}, "output"),
        ({"prompt": "When does it sail?", "response": "At nine.", "completion": "At ten."}, "completion"),
        ({"prompt": "When does it sail?", "completion": "At nine.", "answer": "At ten."}, "answer"),
        ({"instruction": "When does it sail?", "output": "At nine.", "response": "At ten."}, "response"),
    ],
)
def test_calls_of_a_row_with_two_answers_are_refused(row: dict[str, str], second: str) -> None:
    with pytest.raises(DataError, match=f"^{second} is another answer"):
        list(calls_in(row))
    (call,) = calls_in({**row, second: "At nine."})  # the same answer twice
    assert call.messages[-1] == {"role": "assistant", "content": "At nine."}


@pytest.mark.parametrize(
    "key", ["conversation_id", "conversationId", "conversation-id", "sessionId", "thread_id", "threadId", "chat_id"]
)
def test_conversation_key_is_the_same_in_any_place(key: str) -> None:
    found = conversation_key({"prompt": "Hi", key: 7})
    assert found is not None
    assert found == conversation_key({"prompt": "Hi", "metadata": {key: 7}})
    assert conversation_key({"prompt": "Hi", key: ""}) is None
