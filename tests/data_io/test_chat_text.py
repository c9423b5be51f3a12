"""Texts with the marks of models' templates: turns, calls of tools, their results and definitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.data_io.dialects.marked_calls import marked_calls
from fine_tuning.errors import DataError
from tests.data_io.vendor_rows import ANSWER, ANSWERED, ASKED, QUESTION, SCHEMA, SYSTEM, only

TOOLS = [{"type": "function", "function": {"name": "track", "description": "Ключ", "parameters": SCHEMA}}]
GIVEN = {"order": 7, "note": "« où ? » [x]"}
LISTED = json.dumps(TOOLS, ensure_ascii=False)
ARGUMENTS = json.dumps(GIVEN, ensure_ascii=False)
CALL = json.dumps({"name": "track", "arguments": GIVEN}, ensure_ascii=False)
WITH_ID = json.dumps({"name": "track", "arguments": GIVEN, "id": "aB3dE6gH9"}, ensure_ascii=False)
HEAD = f"<s>[AVAILABLE_TOOLS]{LISTED}[/AVAILABLE_TOOLS][INST]{ASKED}[/INST]"
RESULT_JSON = json.dumps({"content": "van", "call_id": "aB3dE6gH9"})


def headed(start: str, after: str, end: str, *turns: tuple[str, str]) -> str:
    return "".join(f"{start}{role}{after}{text}{end}\n" for role, text in turns)


def llama(*turns: tuple[str, str], end: str = "<|eot_id|>") -> str:
    return "<|begin_of_text|>" + headed("<|start_header_id|>", "<|end_header_id|>\n\n", end, *turns)


TEMPLATES = {
    "chatml": ("<|im_start|>", "\n", "<|im_end|>", "assistant"),
    "llama 3": ("<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>", "assistant"),
    "llama 4": ("<|header_start|>", "<|header_end|>\n\n", "<|eot|>", "assistant"),
    "gemma": ("<start_of_turn>", "\n", "<end_of_turn>", "model"),
    "granite": ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>", "assistant"),
    "phi": ("<|", "|>\n", "<|end|>", "assistant"),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_turns_with_a_role_at_their_head_are_read(name: str) -> None:
    start, after, end, assistant = TEMPLATES[name]
    said = headed(start, after, end, ("user", "Salut <s>vieux</s> 🙂"), (assistant, "Oui."), ("user", ASKED))
    earlier = [{"role": "user", "content": "Salut <s>vieux</s> 🙂"}, {"role": "assistant", "content": "Oui."}]
    text = f"<bos>{said}{start}{assistant}{after}{ANSWERED}"
    for written in (text, f"{text}{end}", f"{text}{end}\n<eos>"):
        assert formats.format_of({"text": written}) == "chat-text"
        assert only({"text": written}).messages == [*earlier, QUESTION, ANSWER]
    row = {"prompt": f"{said}{start}{assistant}{after}", "completion": f"{ANSWERED}{end}"}
    assert only(row, "chat-text").messages == [*earlier, QUESTION, ANSWER]
    with pytest.raises(DataError, match="text beside them"):
        only({"text": f"{text}{end} and more"})


def test_turns_between_marks_that_are_roles_are_read() -> None:
    zephyr = f"<|user|>\nHi</s>\n<|assistant|>\nHello.</s>\n<|user|>\n{ASKED}</s>\n<|assistant|>\n{ANSWERED}</s>"
    wide = "<\uff5c{}\uff5c>"
    begin, end = (wide.format(f"{each}\u2581of\u2581sentence") for each in ("begin", "end"))
    user, assistant = wide.format("User"), wide.format("Assistant")
    deepseek = f"{begin}{user}Hi{assistant}Hello.{end}{user}{ASKED}{assistant}{ANSWERED}{end}"
    earlier = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    for text in (zephyr, deepseek, zephyr.replace("</s>", "")):
        assert only({"text": text}).messages == [*earlier, QUESTION, ANSWER]
    assert formats.format_of({"text": "Write <|user|> before what a user says."}) is None


MISTRAL = {
    "v2": f"{HEAD}[TOOL_CALLS] [{CALL}]</s>[TOOL_RESULTS] [{{\"name\": \"track\", \"content\": \"van\"}}]"
    f"[/TOOL_RESULTS] {ANSWERED}</s>",
    "v3": f"{HEAD}[TOOL_CALLS] [{WITH_ID}]</s>[TOOL_RESULTS] {RESULT_JSON}[/TOOL_RESULTS] {ANSWERED}</s>",
    "v7": f"{HEAD}[TOOL_CALLS][{WITH_ID}]</s>[TOOL_RESULTS]aB3dE6gH9[TOOL_CONTENT]van[/TOOL_RESULTS]{ANSWERED}</s>",
    "v11": f"{HEAD}[TOOL_CALLS]track[CALL_ID]aB3dE6gH9[ARGS]{ARGUMENTS}</s>"
    f"[TOOL_RESULTS]aB3dE6gH9[TOOL_CONTENT]van[/TOOL_RESULTS]{ANSWERED}</s>",
    "v13": f"{HEAD}[TOOL_CALLS]track[ARGS]{ARGUMENTS}</s>[TOOL_RESULTS]van[/TOOL_RESULTS]{ANSWERED}</s>",
}  # fmt: skip


@pytest.mark.parametrize("version", MISTRAL)
def test_calls_results_and_tools_of_each_version_of_mistrals_template_are_read(version: str) -> None:
    call = only({"text": MISTRAL[version]}, "chat-text")
    asked, made, answered, last = call.messages
    (called,) = made["tool_calls"]
    assert (asked, last, call.tools) == (QUESTION, ANSWER, TOOLS)
    assert (made["content"], called["function"]["name"]) == (None, "track")
    assert json.loads(called["function"]["arguments"]) == GIVEN
    assert {key: answered[key] for key in ("role", "tool_call_id", "content")} == {
        "role": "tool",
        "tool_call_id": called["id"],
        "content": "van",
    }
    assert (called["id"] == "aB3dE6gH9") is (version not in {"v2", "v13"})
    assert only({"text": MISTRAL[version], "tools": TOOLS}).tools == TOOLS


def test_parallel_calls_and_system_of_mistral_are_read() -> None:
    text = (
        f"<s>[SYSTEM_PROMPT]Be brief.[/SYSTEM_PROMPT][INST]{ASKED}[/INST]Let me look."
        f"[TOOL_CALLS]track[ARGS]{ARGUMENTS}[TOOL_CALLS]stop[ARGS]{{}}</s>"
        f"[TOOL_RESULTS]van[/TOOL_RESULTS][TOOL_RESULTS]done[/TOOL_RESULTS]{ANSWERED}</s>[INST]Merci[/INST]"
    )
    messages = only({"text": text}).messages
    assert [each["role"] for each in messages] == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert messages[0] == SYSTEM
    assert (messages[2]["content"], len(messages[2]["tool_calls"])) == ("Let me look.", 2)
    assert [each["content"] for each in messages[3:5]] == ["van", "done"]


@pytest.mark.parametrize(
    "text",
    [
        f"[INST]{ASKED}[/INST][TOOL_CALLS]track[ARGS]{{broken</s>",
        f"[INST]{ASKED}[/INST][TOOL_CALLS]</s>",
        f"[INST]{ASKED}[/INST][TOOL_CALLS] [{{}}]</s>",
        f"[INST]{ASKED}[/INST][TOOL_CALLS] [{CALL}] and text</s>",
        f"[INST]{ASKED}[/INST]{ANSWERED}[INST]left open",
        f"[INST]{ASKED}[/INST]{ANSWERED}[TOOL_RESULTS]van",
        f"[SYSTEM_PROMPT]x[/SYSTEM_PROMPT]said before[INST]{ASKED}[/INST]{ANSWERED}",
        llama(("user", ASKED), ("assistant", "<|python_tag|>print(7)"), ("user", "And?")),
    ],
)
def test_text_that_is_not_as_its_template_writes_it_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="marks of a chat template, and text beside them"):
        only({"text": text})


@pytest.mark.parametrize(
    "written",
    [
        f"<|python_tag|>{CALL}<|eom_id|>",
        f'<|python_tag|>{{"type": "function", "name": "track", "parameters": {ARGUMENTS}}}',
        f'{{"name": "track", "parameters": {ARGUMENTS}}}',
        f"<function=track>{ARGUMENTS}</function>",
        f"<|python_tag|>track.call(order=7, note={GIVEN['note']!r})",
    ],
)
def test_calls_of_llama_are_read(written: str) -> None:
    text = llama(
        ("system", "Be brief."), ("user", ASKED), ("assistant", written), ("ipython", "van"), ("assistant", ANSWERED)
    )
    system, asked, made, answered, last = only({"text": text.replace("<|eom_id|><|eot_id|>", "<|eom_id|>")}).messages
    assert (system, asked, last) == (SYSTEM, QUESTION, ANSWER)
    assert json.loads(made["tool_calls"][0]["function"]["arguments"]) == GIVEN
    assert (made["content"], answered["content"]) == (None, "van")


def test_answer_in_json_that_no_result_follows_is_no_call() -> None:
    text = llama(("user", ASKED), ("assistant", CALL))
    assert only({"text": text}).messages[-1] == {"role": "assistant", "content": CALL}


@pytest.mark.parametrize(
    ("text", "rest", "names"),
    [
        (f"[TOOL_CALLS] [{CALL}, {CALL}]", "", ["track", "track"]),
        (f"Moment. [TOOL_CALLS]track{ARGUMENTS}", "Moment.", ["track"]),
        (f"<|python_tag|>{CALL}; {CALL}", "", ["track", "track"]),
        (f"<|python_tag|>[{CALL}]", "", ["track"]),
        ("a.<function=f>{}</function>", "a.", ["f"]),
    ],
)
def test_calls_between_marks_are_taken_out_of_the_text(text: str, rest: str, names: list[str]) -> None:
    said, calls = marked_calls(text, 1) or ("", [])
    assert (said, [each["function"]["name"] for each in calls]) == (rest, names)
    assert [each["id"] for each in calls] == [f"call_1_{number}" for number in range(len(names))]
    assert only({"messages": [QUESTION, {"role": "assistant", "content": text}]}).messages[-1]["tool_calls"] == calls


@pytest.mark.parametrize(
    "text",
    [
        "Mistral marks calls with [TOOL_CALLS].",
        "[TOOL_CALLS] 7",
        "[TOOL_CALLS]f[ARGS][1]",
        "<|python_tag|>import os",
        "<|python_tag|>a.b.call(x=1)",
        "<|python_tag|>f.call(open('x'))",
        "<|python_tag|>f.call(x=open('x'))",
        "<|python_tag|>f.call(x={1, 2})",
        "<function=f>7</function>",
        "<function=f>{}",
        "<|python_tag|>" + "(" * 500,
    ],
)
def test_text_that_names_a_mark_stays(text: str) -> None:
    assert marked_calls(text, 0) is None
    assert only({"messages": [QUESTION, {"role": "assistant", "content": text}]}).messages[-1]["content"] == text


def test_marks_in_what_the_user_says_stay() -> None:
    asked: dict[str, Any] = {"role": "user", "content": f"What is [TOOL_CALLS] [{CALL}]?"}
    assert only({"messages": [asked, ANSWER]}).messages == [asked, ANSWER]
