"""Every kind of finding, and that the counts add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fine_tuning import DatasetBuilder
from fine_tuning.data_io.formats.findings import CODES, Finding, has_error
from fine_tuning.datasets import file_check, token_counts
from fine_tuning.errors import DataError, UsageError
from tests.data_io.test_formats import ONE_CALL

Q = {"role": "user", "content": "q"}
A = {"role": "assistant", "content": "a"}
CALL = {"id": "1", "type": "function", "function": {"name": "track", "arguments": "{}"}}
ASKING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "in a van"}
TOOL = {"type": "function", "function": {"name": "track", "parameters": {"type": "object"}}}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def pair(**changes: Any) -> dict[str, Any]:
    return {
        "input": {"messages": [Q]},
        "preferred_output": [A],
        "non_preferred_output": [{"role": "assistant", "content": "b"}],
        **changes,
    }


IMAGE = {"type": "image_url", "image_url": {"url": "https://host.example/a.png"}}
WITHOUT_UNIT = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}},
}
UNITLESS = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": null, "unit": null}'}}
WRONG: list[tuple[str, str, Any]] = [
    ("not-utf8", "", b'{"messages": "\xff"}'),
    ("not-json", "", b'{"messages": [}'),
    ("not-an-object", "", b"[1]"),
    ("too-long-line", "", None),
    ("wrong-cells", "", b'{"<wrong cells>": "3 cells, where the first line names 2 columns", "<cells>": []}'),
    ("too-deep", "", b'{"a":' + b"[" * 100_000),
    ("duplicate-key", "role", b'{"messages": [{"role": "user", "role": "system", "content": "x"}]}'),
    ("not-finite", "", b'{"messages": [], "rating": NaN}'),
    ("not-finite", "", b'{"messages": [], "rating": 1e999}'),
    ("lone-surrogate", "", b'{"messages": [{"role": "user", "content": "\\ud800"}]}'),
    ("unknown-format", "", {"question": "x"}),
    ("malformed", "", {"prompt": "x", "response": {"y": 3}}),
    ("wrong-rating", "rating", chat(Q, A, rating=9)),
    ("wrong-rating", "rating", {"prompt": "x", "response": "y", "rating": "eight"}),
    ("unclear-score", "score", chat(Q, A, score=3)),
    ("unclear-score", "helpfulness", {"prompt": "x", "response": "y", "helpfulness": 0}),
    (
        "null-argument",
        "messages[1].tool_calls[0].function.arguments.unit",
        chat(Q, {"role": "assistant", "tool_calls": [UNITLESS]}, tools=[WITHOUT_UNIT]),
    ),
    ("no-messages", "messages", chat()),
    ("no-messages", "messages", {"messages": "x"}),
    ("not-a-message", "messages[0]", chat("x", A)),
    ("unknown-role", "messages[0].role", chat({"role": "elf", "content": "x"}, A)),
    ("unknown-role", "messages[0].role", chat({"role": ["user"], "content": "x"}, A)),
    ("unknown-message-key", "messages[0].mood", chat({**Q, "mood": "x"}, A)),
    ("system-not-first", "messages[1]", chat(Q, {"role": "system", "content": "x"}, A)),
    ("wrong-content", "messages[0].content", chat({"role": "user", "content": 3}, A)),
    ("wrong-content", "messages[0].content[0]", chat({"role": "user", "content": [3]}, A)),
    ("wrong-content", "messages[1].content[0]", chat(Q, {**A, "content": [{"type": "image_url"}]})),
    ("wrong-content", "messages[0].content[0].text", chat({"role": "user", "content": [{"type": "text"}]}, A)),
    ("empty-content", "messages[0].content", chat({"role": "user"}, A)),
    ("empty-content", "messages[0].content", chat({"role": "user", "content": []}, A)),
    ("empty-content", "messages[1].content", chat(Q, {"role": "assistant", "content": " \n"})),
    (
        "empty-content",
        "messages[0].content[0].text",
        chat({"role": "user", "content": [{"type": "text", "text": ""}]}, A),
    ),
    ("wrong-name", "messages[0].name", chat({**Q, "name": "a b"}, A)),
    ("wrong-weight", "messages[1].weight", chat(Q, {**A, "weight": 2})),
    ("wrong-weight", "messages[1].weight", chat(Q, {**A, "weight": True})),
    ("nothing-to-learn", "messages", chat(Q, {**A, "weight": 0})),
    ("last-not-assistant", "messages[2]", chat(Q, A, Q)),
    ("wrong-tool-call", "messages[1].tool_calls", chat(Q, {**A, "tool_calls": 3})),
    ("wrong-tool-call", "messages[1].tool_calls[0]", chat(Q, {**ASKING, "tool_calls": [{"id": "1"}]})),
    ("wrong-tool-call", "messages[0].tool_calls", chat({**Q, "tool_calls": [CALL]}, A)),
    ("wrong-tool-call", "messages[1].tool_calls[1].id", chat(Q, {**ASKING, "tool_calls": [CALL, CALL]})),
    (
        "wrong-tool-call",
        "messages[1].tool_calls[0].function.arguments",
        chat(Q, {**ASKING, "tool_calls": [{**CALL, "function": {"name": "track", "arguments": "x"}}]}),
    ),
    (
        "undeclared-tool",
        "messages[1].tool_calls[0].function.name",
        chat(Q, ASKING, RESULT, A, tools=[{**TOOL, "function": {"name": "other"}}]),
    ),
    ("unanswered-call", "messages[2]", chat(Q, ASKING, A)),
    ("unasked-result", "messages[1].tool_call_id", chat(Q, RESULT, A)),
    ("unasked-result", "messages[3].tool_call_id", chat(Q, ASKING, RESULT, RESULT, A)),
    ("wrong-tools", "tools", chat(Q, A, tools="x")),
    ("wrong-tools", "tools[0].type", chat(Q, A, tools=[{"kind": "x"}])),
    (
        "wrong-tools",
        "tools[0].function.parameters",
        chat(Q, A, tools=[{**TOOL, "function": {"name": "x", "parameters": 3}}]),
    ),
    ("same-answers", "non_preferred_output", pair(non_preferred_output=[A])),
    ("wrong-answer", "preferred_output", pair(preferred_output=[Q])),
    ("wrong-answer", "non_preferred_output", pair(non_preferred_output=[])),
    ("no-messages", "input", pair(input=3)),
    ("empty-content", "input.messages[0].content", pair(input={"messages": [{"role": "user", "content": " "}]})),
    ("redacted", "", {"run_type": "llm", "inputs": {"messages": "[REDACTED]"}, "outputs": {"x": "[REDACTED]"}}),
    ("failed-call", "", {"run_type": "llm", "inputs": {"messages": []}, "outputs": {}, "error": "timeout"}),
    ("excluded-row", "deleted", {"prompt": "Q?", "response": "A.", "deleted": True}),
    ("low-rating", "rating", {"prompt": "Where is it?", "completion": "Nowhere.", "label": False}),
    ("unknown-key", "source", chat(Q, A, source="crm")),
    ("request-option", "tool_choice", chat(Q, A, tool_choice="required")),
    ("refusal", "messages[1].refusal", chat(Q, {"role": "assistant", "content": None, "refusal": "no"})),
    ("image-size", "messages[0].content[0].image_url", chat({"role": "user", "content": [IMAGE]}, A)),
    ("same-role-twice", "messages[1]", chat(Q, {**Q, "content": "more"}, A)),
]


def findings(row: Any) -> list[Finding]:
    text = row if row is None or isinstance(row, bytes) else json.dumps(row).encode()
    return file_check.examine(text).findings


@pytest.mark.parametrize(("code", "field", "row"), WRONG, ids=[f"{code} {field}" for code, field, _ in WRONG])
def test_check_invalid_row_reports_code_and_field(code: str, field: str, row: Any) -> None:
    assert (code, field) in [(finding.code, finding.field) for finding in findings(row)]


def test_check_codes_are_all_tested() -> None:
    elsewhere = {
        "too-few-rows",
        "too-many-tokens",
        "uneven-splits",
        "assumed-reading",
        "unread-column",
        "unlearnt-answer",
        "repeated-answer",
        "unread-key",
    }
    private = {code for code in CODES if code.startswith(("secret-", "personal-data-"))}
    assert {code for code, _, _ in WRONG} | elsewhere | private == set(CODES)


GOOD = [
    chat(Q, A),
    chat({"role": "developer", "content": "x"}, Q, {**A, "weight": 0}, Q, {**A, "weight": 1}),
    chat(Q, ASKING, RESULT, A, tools=[TOOL], parallel_tool_calls=False),
    chat(Q, ASKING),  # the call is what is learnt
    chat({"role": "user", "content": [{"type": "text", "text": "x"}]}, A),
    chat(Q, {"role": "assistant", "content": None, "refusal": "no"}),
    pair(),
    pair(preferred_output=[ASKING]),
    *ONE_CALL.values(),
]


@pytest.mark.parametrize("row", GOOD)
def test_check_valid_rows_have_no_errors(row: dict[str, Any]) -> None:
    assert not has_error(findings(row))


def test_check_files_counts_add_up_and_rejected_rows_have_reasons(tmp_path: Path) -> None:
    file, rejected = tmp_path / "rows.jsonl", tmp_path / "rejected.jsonl"
    good = [chat({"role": "user", "content": f"q{number}"}, A) for number in range(12)]
    lines = [json.dumps(row) for row in [*good, {**good[3], "id": 7}, chat(Q), chat(Q, A, Q)]]
    file.write_text("\n".join([*lines, "{oops"]), encoding="utf-8")
    report = DatasetBuilder().check_files([file], "gpt-4o-mini", rejected_to=rejected)
    assert (report.read, report.kept, report.rejected, report.duplicates) == (16, 12, 3, 1)
    assert report.tally.counts == {"last-not-assistant": 2, "nothing-to-learn": 1, "not-json": 1, "unknown-key": 1}
    kept = [json.loads(line) for line in rejected.read_text().splitlines()]
    assert [row["line"] for row in kept] == [14, 15, 16]
    assert [reason["code"] for reason in kept[0]["reasons"]] == ["last-not-assistant", "nothing-to-learn"]
    assert kept[2]["text"] == "{oops"
    assert not report.is_fit
    assert report.tokens == 12 * report.longest if report.longest else False


def test_check_files_too_few_rows_and_too_many_tokens_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps(chat({"role": "user", "content": "long " * 20_000}, A)))
    report = DatasetBuilder().check_files([file], "gpt-3.5-turbo-0125")
    assert set(report.tally.counts) == {"too-many-tokens", "too-few-rows"}
    with pytest.raises(UsageError, match="no public encoding for the model llama"):
        DatasetBuilder().check_files([file], "llama")


def test_check_files_unreadable_file_leaves_no_rejected_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('[{"messages": []}, ')
    with pytest.raises(DataError, match=r"rows\.json"):
        DatasetBuilder().check_files([file], rejected_to=tmp_path / "rejected.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.json"]


MODELS = Path("models")  # base models; none is needed to count the tokens of OpenAI's


def test_token_counts_match_openai_cookbook() -> None:
    # The example and the counts of OpenAI's cookbook, "How to count tokens with tiktoken".
    say = "New synergies will help drive top-line growth."
    row = chat({"role": "system", "name": "example_user", "content": say}, {**Q, "content": "a b c"})
    assert token_counts.texts(row, row["messages"]) == ["system", say, "example_user", "user", "a b c"]
    assert token_counts.counter("gpt-4o", MODELS)(row) == token_counts.counter("gpt-4o-mini-2024-07-18", MODELS)(row)
    assert (
        token_counts.counter("gpt-4o", MODELS)({"messages": [{"role": "user", "content": "hello world"}]})
        == 3 + 1 + 2 + 3
    )
    assert token_counts.row_limit("ft:gpt-4o-mini-2024-07-18:acme::1", MODELS) == 65_536
    assert token_counts.row_limit("gpt-3.5-turbo", MODELS) == 16_385
    assert token_counts.row_limit("llama", MODELS) is None


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["user", "assistant"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "messages role content tool_calls function name arguments id type text weight tools input output key "
                "preferred_output prompt response conversations from value instruction chosen rejected traceId events "
                "observations choices message resourceSpans attributes call_type request".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(anything)
def test_check_arbitrary_row_never_raises(value: Any) -> None:
    found = file_check.examine(json.dumps(value).encode("utf-8", "surrogatepass"))
    assert found.findings or token_counts.Meter("gpt-4o", MODELS).measure(found.learnt)


@settings(max_examples=2000, deadline=None)
@given(st.binary(max_size=200))
def test_check_arbitrary_line_never_raises(line: bytes) -> None:
    assert file_check.examine(line).findings
