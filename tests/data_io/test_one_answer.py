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
        ({"instruction": "When does it sail?", "output": "At nine.", "target": "At ten."}, "target"),
        ({"prompt": "When does it sail?", "response": "At nine.", "expected": "At ten."}, "expected"),
        ({"question": "When does it sail?", "answer": "At nine.", "targets": "At ten."}, "targets"),
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


@pytest.mark.parametrize("target", ["French", "fr", "pt-BR", 7, "7", "", None, True, ["a"], "Bonjour."])
def test_target_that_is_no_answer_is_metadata(target: object) -> None:
    row = {"instruction": "Say it in French: hello.", "output": "Bonjour.", "target": target}
    assert [call.messages[-1]["content"] for call in calls_in(row)] == ["Bonjour."]


@pytest.mark.parametrize("target", [7, "7"])
def test_number_is_another_answer_than_a_number(target: object) -> None:
    with pytest.raises(DataError, match="^target is another answer"):
        list(calls_in({"instruction": "3 + 3?", "output": "6", "target": target}))
