"""What every engine does alike, for each of them, and the order of concurrent calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fine_tuning._util.hosts import Host
from fine_tuning.export.gguf import export_gguf
from fine_tuning.serving.chat_types import ChatBody
from fine_tuning.serving.engine import Engine, in_order
from fine_tuning.serving.llama_cpp_engine import LlamaCppOptions, open_llama_cpp
from fine_tuning.serving.openai_engine import OpenAIEngine
from fine_tuning.serving.transformers_engine import TransformersEngine
from tests.serving.fake_host import FakeHost
from tests.serving.streamed import streamed
from tests.tiny_model import SENTENCES

CHATS = [[{"role": "user", "content": sentence}] for sentence in SENTENCES[:4]]
GREEDY = {"temperature": 0, "max_tokens": 12}


def host_engine(tiny_model_dir: Path, folder: Path) -> Iterator[Engine]:
    with FakeHost() as host, closing(OpenAIEngine(Host(host.url, "secret"), "tiny")) as opened:
        yield opened


def llama_cpp(tiny_model_dir: Path, folder: Path) -> Iterator[Engine]:
    gguf = export_gguf(tiny_model_dir, folder / "tiny.gguf")
    with closing(open_llama_cpp(gguf, "tiny", LlamaCppOptions(context_length=256))) as opened:
        yield opened


def transformers(tiny_model_dir: Path, folder: Path) -> Iterator[Engine]:
    with closing(TransformersEngine(tiny_model_dir, "tiny", dtype="float32")) as opened:
        yield opened


Opening = Callable[[Path, Path], Iterator[Engine]]


@pytest.fixture(scope="module", params=[host_engine, llama_cpp, transformers], ids=lambda opening: opening.__name__)
def engine(
    request: pytest.FixtureRequest, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Each engine; add a new one to `params`."""
    opening: Opening = request.param
    yield from opening(tiny_model_dir, tmp_path_factory.mktemp("engine"))


def test_engine_complete_fills_the_completion(engine: Engine) -> None:
    answer = engine.complete(CHATS[0], **GREEDY)
    assert answer.text
    assert answer.model == "tiny"
    assert answer.latency_ms > 0
    assert answer.prompt_tokens is not None
    assert 0 < (answer.completion_tokens or 0) <= 12
    assert answer.finish_reason in {"stop", "length"}
    assert list(answer.tool_calls) == []


def test_engine_stream_pieces_join_to_the_completion(engine: Engine) -> None:
    pieces, whole = streamed(engine.stream(CHATS[0], **GREEDY))
    alone = engine.complete(CHATS[0], **GREEDY)
    assert len(pieces) > 1
    assert "".join(pieces) == whole.text == alone.text
    assert (whole.model, whole.completion_tokens) == (alone.model, alone.completion_tokens)


def test_engine_stream_closed_early_answers_the_next_call(engine: Engine) -> None:
    stream = engine.stream(CHATS[0], temperature=0, max_tokens=200)
    next(stream)
    stream.close()
    assert engine.complete(CHATS[0], **GREEDY).text


def test_engine_complete_many_answers_in_order(engine: Engine) -> None:
    answers = list(engine.complete_many(CHATS, **GREEDY))
    assert [answer.text for answer in answers] == [engine.complete(chat, **GREEDY).text for chat in CHATS]
    assert list(engine.complete_many([], **GREEDY)) == []


def test_engine_chat_chunks_end_with_the_usage(engine: Engine) -> None:
    body: ChatBody = {"messages": CHATS[0], "temperature": 0, "max_tokens": 12}
    chunks = list(engine.chat_chunks(body))
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    expected = engine.complete(CHATS[0], **GREEDY)
    assert "".join(delta.get("content") or "" for delta in deltas) == expected.text
    usage = chunks[-1].get("usage")
    assert usage is not None
    assert usage["completion_tokens"] == expected.completion_tokens


def test_in_order_keeps_the_order() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    assert list(in_order(slow_first, range(50), 4)) == [number * number for number in range(50)]
    assert list(in_order(slow_first, [], 4)) == []


def test_in_order_runs_concurrently() -> None:
    together = threading.Barrier(4, timeout=5)
    assert sorted(in_order(lambda _: together.wait(), range(4), 4)) == [0, 1, 2, 3]


def test_in_order_failure_is_raised_in_place_and_cancels_the_rest() -> None:
    called: list[int] = []

    def fail_at_three(number: int) -> int:
        called.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    results = in_order(fail_at_three, range(1000), 2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert len(called) < 50


def test_in_order_closed_early_starts_no_more_calls() -> None:
    called: list[int] = []
    results = in_order(called.append, range(1000), 2)
    next(results)
    results.close()
    assert len(called) < 50
