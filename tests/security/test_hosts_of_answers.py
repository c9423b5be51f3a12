"""Hosts whose answers are none, or without end: one line, what was paid stays counted, and nothing is bought twice."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import LLMService
from fine_tuning._util import bounded_http
from fine_tuning._util.hosts import Host
from fine_tuning.errors import ProviderError
from fine_tuning.serving.openai_engine import OpenAIEngine
from tests import wire
from tests.security.lying_host import LyingHost, Reply, as_json, lying_host

CHAT = "/chat/completions"
GOOD = wire.completion("fine", "big")


def answered(**changes: Any) -> dict[str, Any]:
    """An answer of which a field of its only choice, or of its message, is another."""
    (choice,) = GOOD["choices"]
    message = {name: changes.pop(name) for name in ("content", "tool_calls") if name in changes}
    return GOOD | {"choices": [choice | {"message": choice["message"] | message} | changes]}


NO_ANSWERS: dict[str, Any] = {
    "no choices": GOOD | {"choices": []},
    "choices are a number": GOOD | {"choices": 5},
    "choices are text": GOOD | {"choices": "abc"},
    "a choice is none": GOOD | {"choices": [None]},
    "a choice is a number": GOOD | {"choices": [5]},
    "no message": GOOD | {"choices": [{"index": 0}]},
    "the message is text": GOOD | {"choices": [{"message": "hi"}]},
    "the content is a number": answered(content=5),
    "the content is an object": answered(content={"a": 1}),
    "calls are text": answered(content=None, tool_calls="abc"),
    "a call is a number": answered(content=None, tool_calls=[5]),
    "the reason is an object": answered(finish_reason={}),
}
ODD_USAGE: dict[str, Any] = {
    "text": "many",
    "a list": [1],
    "negative": {"prompt_tokens": -5, "completion_tokens": -3},
    "huge": {"prompt_tokens": 10**30, "completion_tokens": 10**400},
    "texts": {"prompt_tokens": "5", "completion_tokens": "3"},
    "truths": {"prompt_tokens": True, "completion_tokens": True},
    "not finite": {"prompt_tokens": float("nan"), "completion_tokens": float("inf")},
    "details are text": {"prompt_tokens": None, "completion_tokens": 10**20, "prompt_tokens_details": "x"},
}


@pytest.fixture
def liar(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> Iterator[LyingHost]:
    with lying_host() as found:
        monkeypatch.setenv("OPENAI_BASE_URL", found.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps({"big": {"input": 10.0, "output": 100.0}}))
        yield found


@pytest.fixture
def question(tmp_path: Path) -> Path:
    path = tmp_path / "p.txt"
    path.write_text("What?\n")
    return path


def labelled(cli: Any, file: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    code, out, err = cli("label", str(file), "--teacher", "big", "--json", *more)
    assert "Traceback" not in err
    return code, json.loads(out) if out else {}, err


@pytest.mark.parametrize("reply", NO_ANSWERS.values(), ids=[*NO_ANSWERS])
def test_answer_that_is_none_is_one_line_and_counts_as_paid(
    liar: LyingHost, cli: Any, question: Path, reply: Any
) -> None:
    liar.replies[CHAT] = lambda _: as_json(reply)
    with pytest.raises(ProviderError):
        LLMService(model="big").complete("What?")
    liar.asked.clear()
    for _ in range(2):
        code, found, _err = labelled(cli, question)
        assert (code, found["labelled"], found["unknown"]) == (1, 0, 1)
        assert found["spent"] > 0
    assert len(liar.asked) == 1, "what may be paid is not asked for again"


@pytest.mark.parametrize("usage", ODD_USAGE.values(), ids=[*ODD_USAGE])
def test_odd_usage_is_an_answer_of_unknown_cost(liar: LyingHost, cli: Any, question: Path, usage: Any) -> None:
    odd = GOOD | {"usage": usage, "model": 5, "system_fingerprint": {}, "service_tier": ["x"]}
    liar.replies[CHAT] = lambda _: as_json(odd)
    code, found, _ = labelled(cli, question)
    assert (code, found["labelled"], found["spent"]) == (0, 1, None)
    answer = LLMService(model="big").complete("What?")
    assert (answer["content"], answer["cost"], answer["usage"]["total_tokens"]) == ("fine", None, None)


TEXTS = {
    "nested": "[" * 100_000,
    "nested inputs": '{"messages":' + "[" * 100_000,
    "digits": "9" * 5000,
    "half a character": '{"messages": ["\ud800"]}',
    "controls": "a\x00b\x1b[2J",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=[*TEXTS])
def test_hostile_texts_are_answers_like_others(liar: LyingHost, cli: Any, tmp_path: Path, text: str) -> None:
    liar.replies[CHAT] = lambda _: as_json(answered(content=text))
    (tmp_path / "p.txt").write_text("What?\n")
    code, found, err = labelled(cli, tmp_path / "p.txt", "--samples", "2")
    assert (code, found["labelled"]) == (0, 1), err
    code, out, err = cli("synthesise", str(tmp_path / "p.txt"), "--teacher", "big", "--count", "1")
    assert ("Traceback" in err, "\x1b" in out + err) == (False, False)
    assert "new examples" in out


def test_refusals_of_unknown_price_are_not_free(liar: LyingHost, cli: Any, question: Path) -> None:
    liar.replies[CHAT] = lambda _: as_json(answered(content="I cannot help with that.") | {"usage": None})
    for _ in range(2):
        code, found, _err = labelled(cli, question)
        assert (code, found["labelled"], found["defects"], found["spent"]) == (0, 0, {"refusals": 1}, None)
    code, out, _ = cli("synthesise", str(question), "--teacher", "big", "--count", "1", "--json")
    assert (code, json.loads(out)["spent"]) == (1, None)


def test_reply_with_more_inputs_than_were_asked_for_is_cut(liar: LyingHost, cli: Any, question: Path) -> None:
    texts = [f"{at} {at * 7919 % 1000003}" for at in range(50_000)]
    liar.replies[CHAT] = lambda _: as_json(answered(content=json.dumps({"messages": texts})))
    code, out, _ = cli(
        "synthesise", str(question), "--teacher", "big", "--count", "3", "--inputs-per-call", "3", "--json"
    )
    assert (code, json.loads(out)["written"] <= 12) in {(0, True), (1, True)}


@pytest.mark.parametrize("wait", ["inf", "1e300", "nan", "-5", "soon", "9" * 400])
def test_wait_without_end_is_none(liar: LyingHost, cli: Any, question: Path, wait: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("fine_tuning.workflows.labelling.call_failures.LONGEST_WAIT", 0.01)
    replies = iter([Reply([b"{}"], 429, {"Retry-After": wait}), as_json(GOOD)])
    liar.replies[CHAT] = lambda _: next(replies)
    code, found, err = labelled(cli, question)
    assert (code, found["labelled"]) == (0, 1), err


def test_long_error_of_a_host_is_cut(liar: LyingHost, cli: Any, question: Path) -> None:
    liar.replies[CHAT] = lambda _: as_json({"error": {"message": "no\x1b " * 100_000}}, 400)
    code, out, err = cli("label", str(question), "--teacher", "big")
    assert (code, len(out + err) < 3_000, "\x1b" in out + err) == (1, True, False)


EVENTS: dict[str, list[bytes]] = {
    "no JSON": [b"data: {\n\n"],
    "nested": [b"data: " + b"[" * 200_000 + b"\n\n"],
    "a number": [b"data: 5\n\n"],
    "choices are text": [b'data: {"choices": "abc"}\n\n'],
    "a choice is a number": [b'data: {"choices": [5]}\n\n'],
    "the delta is text": [b'data: {"choices": [{"index": 0, "delta": "abc"}]}\n\n'],
    "the content is a number": [b'data: {"choices": [{"index": 0, "delta": {"content": 5}}]}\n\n'],
    "calls are text": [b'data: {"choices": [{"index": 0, "delta": {"tool_calls": "x"}}]}\n\n'],
    "no UTF-8": [b"data: \xff\n\n"],
    "nothing": [],
}


def streamed(host: LyingHost) -> Iterator[str]:
    engine = OpenAIEngine(Host(host.url, "sk-secret"), "big", max_retries=0)
    try:
        yield from engine.stream([{"role": "user", "content": "What?"}], temperature=0.0, max_tokens=5)
    finally:
        engine.close()


@pytest.mark.parametrize("pieces", EVENTS.values(), ids=[*EVENTS])
def test_stream_of_no_answer_is_one_line(liar: LyingHost, pieces: list[bytes]) -> None:
    liar.replies[CHAT] = lambda _: Reply(pieces, headers={"Content-Type": "text/event-stream"})
    with pytest.raises(ProviderError) as found:
        list(streamed(liar))
    assert len(str(found.value)) < 1_000


ENDLESS = [b'data: {"choices": [{"index": 0, "delta": {"content": "' + b"x" * 65536 + b'"}}]}\n\n', b"x" * 65536]


@pytest.mark.parametrize("piece", ENDLESS, ids=["events", "a line"])
def test_stream_without_end_ends(liar: LyingHost, piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_http, "MAX_STREAM_BYTES", 4 << 20)
    headers = {"Content-Type": "text/event-stream"}
    liar.replies[CHAT] = lambda _: Reply(itertools.repeat(piece), headers=headers)
    with pytest.raises(ProviderError, match="sends more than 4 MiB in an answer"):
        list(streamed(liar))


def test_stream_without_places_and_deltas_is_read(liar: LyingHost) -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}  # as Gemini's hosts send it
    chunks = [{"choices": [{"finish_reason": None}]}, {"choices": [{"delta": {"tool_calls": [call, call]}}]}]
    events = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks]
    liar.replies[CHAT] = lambda _: Reply(events, headers={"Content-Type": "text/event-stream"})
    assert list(streamed(liar)) == []


BATCH = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "created_at": 1,
    "input_file_id": "file-1",
    "status": "completed",
    "output_file_id": "out",
}


class Batches:
    """A host of batches: what it says of one, and its output, of which `line` makes the line of a call."""

    def __init__(self, host: LyingHost) -> None:
        self.batch: dict[str, Any] = dict(BATCH)
        self.line: Any = lambda name: json.dumps(line(name)).encode()
        self.more: Iterable[bytes] = ()
        host.replies |= {
            "/files": lambda _: as_json(wire.file(id="file-1", purpose="batch")),
            "/batches": self.create,
            "/batches/batch_1": lambda _: as_json(self.batch),
            "/files/out/content": lambda _: Reply(
                itertools.chain((self.line(each) + b"\n" for each in self.names), self.more)
            ),
        }
        self.host, self.made = host, 0

    @property
    def names(self) -> list[str]:
        """Of the calls of the last upload."""
        uploads = [body for path, body in self.host.bodies if path == "/files"]
        return [each.decode() for each in re.findall(rb'"custom_id": "([^"]+)"', uploads[-1])]

    def create(self, _path: str) -> Reply:
        self.made += 1
        return as_json(BATCH)


def line(name: str, text: str = "fine") -> dict[str, Any]:
    body = wire.completion(text, "big")
    return {"custom_id": name, "response": {"status_code": 200, "body": body}, "error": None}


@pytest.fixture
def batches(liar: LyingHost) -> Batches:
    return Batches(liar)


LINES: dict[str, Any] = {
    "no JSON": lambda _: b'{"custom',
    "nested": lambda _: b"[" * 100_000,
    "a number": lambda _: b"5",
    "no UTF-8": lambda _: b"\xff",
    "the body is text": lambda name: json.dumps(line(name) | {"response": {"status_code": 200, "body": "x"}}).encode(),
    "no choices": lambda name: json.dumps(line(name) | {"response": {"status_code": 200, "body": {}}}).encode(),
}


@pytest.mark.parametrize("made", LINES.values(), ids=[*LINES])
def test_batch_with_a_line_that_is_no_answer_is_not_bought_twice(
    batches: Batches, cli: Any, tmp_path: Path, made: Any
) -> None:
    (tmp_path / "p.txt").write_text("first\nsecond\n")
    good = batches.line
    batches.line = lambda name: made(name) if name == batches.names[0] else good(name)
    for _ in range(2):
        code, found, _err = labelled(cli, tmp_path / "p.txt", "--batch")
        assert (code, found["labelled"], found["unknown"], batches.made) == (1, 1, 1, 1)
    batches.line = good
    code, found, _ = labelled(cli, tmp_path / "p.txt", "--batch", "--repeat-unknown")
    assert (code, found["labelled"], batches.made) == (0, 2, 2)


def test_batch_whose_texts_hold_other_ends_of_lines_is_read(batches: Batches, cli: Any, question: Path) -> None:
    batches.line = lambda name: json.dumps(line(name, "a\u2028b\x85c"), ensure_ascii=False).encode()
    code, found, _ = labelled(cli, question, "--batch")
    assert (code, found["labelled"]) == (0, 1)


def test_output_of_a_batch_that_is_longer_than_a_response_is_read(
    batches: Batches, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "MAX_BYTES", 1 << 14)
    (tmp_path / "p.txt").write_text("".join(f"question {at}\n" for at in range(50)))
    code, found, err = labelled(cli, tmp_path / "p.txt", "--batch")
    assert (code, found["labelled"]) == (0, 50), err


@pytest.mark.parametrize("piece", [b"\n", b"{}\n" * 1000, b"x" * 65536], ids=["empty lines", "lines", "a line"])
def test_output_of_a_batch_without_end_ends(
    batches: Batches, cli: Any, question: Path, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_http, "MAX_BYTES", 1 << 20)
    batches.more = itertools.repeat(piece)
    code, _, err = labelled(cli, question, "--batch")
    assert (code, "more lines" in err or "a line of more" in err) == (1, True), err
    batches.more = ()
    code, found, _ = labelled(cli, question, "--batch")
    assert (code, found["labelled"], batches.made) == (0, 1, 1)


ODD_BATCHES: list[dict[str, Any]] = [
    *({"id": value} for value in ("", ".", "..", None, 5, {}, "x" * 1000, "a\x00b")),
    *({"status": value} for value in (None, 5, [], {})),
    *({"output_file_id": value} for value in (5, "", "..", {}, "x" * 1000)),
    *({"request_counts": value} for value in (5, "x", {"completed": "x"}, {"completed": -1}, {"failed": 10**30})),
]


@pytest.mark.parametrize("odd", ODD_BATCHES, ids=lambda value: json.dumps(value)[:40])
def test_odd_batch_is_one_line_and_taken_up_again(batches: Batches, cli: Any, question: Path, odd: Any) -> None:
    batches.batch |= odd
    code, found, err = labelled(cli, question, "--batch")
    assert (code, found, len(err.splitlines()) <= 2) == (1, {}, True), err
    batches.batch = dict(BATCH)
    code, found, err = labelled(cli, question, "--batch")
    assert (code, found["labelled"], batches.made) == (0, 1, 1), err


@pytest.mark.parametrize("errors", [5, "x", {"data": 5}, {"data": [5]}, {"data": [{"message": "no\x1b" * 10_000}]}])
def test_odd_reason_of_a_failed_batch_is_told(batches: Batches, cli: Any, question: Path, errors: Any) -> None:
    batches.batch |= {"status": "failed", "output_file_id": None, "errors": errors}
    code, out, err = cli("label", str(question), "--teacher", "big", "--batch")
    assert (code, "batch_1 has failed" in out, "\x1b" in out + err, len(out) < 3_000) == (1, True, False, True)
