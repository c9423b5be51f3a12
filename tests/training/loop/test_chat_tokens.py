"""Which tokens of a chat are trained on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from fine_tuning.errors import DataError
from fine_tuning.training.loop.chat_tokens import IGNORED, tokenise, tokenise_file

TALK = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "how tall is it?"},
    {"role": "assistant", "content": "how tall is what?"},
    {"role": "user", "content": "the tower"},
    {"role": "assistant", "content": "330 metres"},
]


@pytest.fixture(scope="module")
def tokenizer(tiny_model_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(tiny_model_dir)


def trained_text(tokenizer: Any, messages: list[dict[str, Any]]) -> str:
    ids, labels = tokenise(messages, None, tokenizer, "here")
    assert len(ids) == len(labels)
    assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))
    assert tokenizer.decode(ids) == tokenizer.apply_chat_template(messages, tokenize=False)
    return str(tokenizer.decode([label for label in labels if label != IGNORED]))


def test_tokenise_trains_only_assistant_turns_and_their_ends(tokenizer: Any) -> None:
    assert trained_text(tokenizer, TALK) == "how tall is what?<|im_end|>330 metres<|im_end|>"
    assert trained_text(tokenizer, TALK[:3]) == "how tall is what?<|im_end|>"


def test_tokenise_turn_of_weight_0_is_not_trained(tokenizer: Any) -> None:
    weighted = [*TALK[:2], {**TALK[2], "weight": 0}, *TALK[3:]]
    assert trained_text(tokenizer, weighted) == "330 metres<|im_end|>"


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_tokenise_file_long_rows_are_truncated_or_dropped_and_listed(tokenizer: Any, tmp_path: Path) -> None:
    question, answer = {"role": "user", "content": "word " * 200}, {"role": "assistant", "content": "word " * 200}
    short = {"role": "user", "content": "hi"}
    rows = [{"messages": TALK}, {"messages": [short, answer]}, {"messages": [question, answer]}]
    result = tokenise_file(write(tmp_path / "x.jsonl", *rows), tokenizer, max_length=128)
    assert (len(result.rows), result.truncated, result.dropped) == (2, [2], [3])
    assert len(result.rows[1]["input_ids"]) == 128


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{broken", "not JSON"),
        ({"prompt": "q"}, "messages is missing or not a list"),
        ({"messages": ["text"]}, "messages[0] must be an object with role and content"),
        ({"messages": TALK[:2]}, "there is no assistant message to train on"),
        ({"messages": [{**TALK[2], "weight": 3}]}, "messages[0].weight must be 0 or 1, not 3"),
        ({"messages": [*TALK[:2], {"role": "assistant", "content": [{"type": "image_url"}]}]}, "content must be text"),
    ],
)
def test_tokenise_file_invalid_row_raises_with_file_and_line(
    tokenizer: Any, tmp_path: Path, row: Any, message: str
) -> None:
    path = write(tmp_path / "x.jsonl", {"messages": TALK}, row)
    with pytest.raises(DataError, match=rf"x\.jsonl, line 2: .*{re.escape(message)}"):
        tokenise_file(path, tokenizer, max_length=64)


def test_tokenise_gives_a_template_with_tools_their_arguments_as_objects(tiny_model_dir: Path) -> None:
    own = AutoTokenizer.from_pretrained(tiny_model_dir)
    own.chat_template = (  # as the templates of Llama, Qwen and Hermes write them
        "{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
        "{% for m in messages %}{{ m.role }}: {{ m.content }}{% for call in m.tool_calls or [] %}"
        '{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}'
        "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
    )
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    messages: list[Any] = [
        {"role": "user", "content": "Rain in Oslo?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    tools: list[Any] = [{"type": "function", "function": {"name": "weather"}}]
    ids, labels = tokenise(messages, tools, own, "row 1")
    trained = own.decode([token for token, label in zip(ids, labels, strict=True) if label != IGNORED])
    assert trained == '{"name": "weather", "arguments": {"city": "Oslo"}}<|im_end|>'
    assert call["function"]["arguments"] == '{"city": "Oslo"}'


def test_tokenise_file_nulls_of_a_table_change_nothing(tokenizer: Any, tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": f"{n}"}]} for n in range(2)
    ]
    padding = {"weight": None, "name": None, "tool_calls": None, "tool_call_id": None, "refusal": None}
    padded = [{"messages": [padding | each for each in row["messages"]], "tools": None} for row in rows]
    plain, found = (
        tokenise_file(write(tmp_path / name, *given), tokenizer, 100)
        for name, given in (("plain.jsonl", rows), ("padded.jsonl", padded))
    )
    assert found == plain


def test_system_message_without_a_role_for_it_goes_before_the_question(tokenizer: Any, tiny_model_dir: Path) -> None:
    alternating = AutoTokenizer.from_pretrained(tiny_model_dir)
    refusal = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    alternating.chat_template = refusal + str(tokenizer.chat_template)
    for role in ("system", "developer"):
        ids, _ = tokenise([{**TALK[0], "role": role}, *TALK[1:]], None, alternating, "here")
        merged = [{"role": "user", "content": "be brief\nhow tall is it?"}, *TALK[2:]]
        assert alternating.decode(ids) == tokenizer.apply_chat_template(merged, tokenize=False)


def test_tokenise_file_names_every_row_that_cannot_be_rendered(tiny_model_dir: Path, tmp_path: Path) -> None:
    strict = AutoTokenizer.from_pretrained(tiny_model_dir)
    refusal = "{% if messages[0]['content'] == 'no' %}{{ raise_exception('not this') }}{% endif %}"
    strict.chat_template = refusal + str(strict.chat_template)
    bad = {"messages": [{"role": "user", "content": "no"}, TALK[2]]}
    path = write(tmp_path / "x.jsonl", {"messages": TALK}, bad, {"messages": TALK}, bad)
    with pytest.raises(DataError) as caught:
        tokenise_file(path, strict, max_length=128)
    told = "the base model's chat template cannot render this chat: not this"
    assert str(caught.value) == f"x.jsonl has 2 bad lines: line 2: {told}; line 4: {told}"
