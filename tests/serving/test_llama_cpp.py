from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fine_tuning.errors import ContextLengthError, NotFoundError, ProviderError
from fine_tuning.export.gguf import export_gguf
from fine_tuning.serving.llama_cpp_engine import LlamaCppEngine, LlamaCppOptions, open_llama_cpp
from fine_tuning.serving.transformers_engine import TransformersEngine
from tests.serving.streamed import streamed
from tests.tiny_model import SENTENCES
from tests.waiting import wait_until

CHATS = [[{"role": "user", "content": sentence}] for sentence in SENTENCES]
GREEDY = {"temperature": 0, "max_tokens": 12}


@pytest.fixture(scope="module")
def gguf(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_gguf(tiny_model_dir, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def engine(gguf: Path) -> Iterator[LlamaCppEngine]:
    with closing(open_llama_cpp(gguf, "tiny", LlamaCppOptions(context_length=256))) as opened:
        yield opened


def test_complete_answers_as_transformers(engine: LlamaCppEngine, tiny_model_dir: Path) -> None:
    with closing(TransformersEngine(tiny_model_dir, "tiny", dtype="float32")) as reference:
        expected = list(reference.complete_many(CHATS, **GREEDY))
        first_words = list(reference.complete_many(CHATS, temperature=0, max_tokens=1))
    answers = list(engine.complete_many(CHATS, **GREEDY))
    assert [answer.prompt_tokens for answer in answers] == [answer.prompt_tokens for answer in expected]
    assert [answer.completion_tokens for answer in answers] == [answer.completion_tokens for answer in expected]
    assert [answer.finish_reason for answer in answers] == [answer.finish_reason for answer in expected]
    # A letter cut in the middle is shown by transformers and left out by llama.cpp. Random weights have near ties that
    # float16 may break otherwise, so long answers may part ways; wrong rows or norms would change every first word.
    assert all(a.text.startswith(e.text.rstrip("\ufffd")) for a, e in zip(answers, first_words, strict=True))
    assert sum(a.text == e.text.rstrip("\ufffd") for a, e in zip(answers, expected, strict=True)) >= 6


def test_complete_returns_usage_and_latency(engine: LlamaCppEngine) -> None:
    answer = engine.complete(CHATS[0], **GREEDY)
    assert (answer.model, answer.completion_tokens, answer.finish_reason) == ("tiny", 12, "length")
    assert answer.latency_ms > 0
    assert answer.text


def test_stream_pieces_join_to_the_completion(engine: LlamaCppEngine) -> None:
    chat = next(chat for chat in CHATS if engine.complete(chat, **GREEDY).text.isascii())
    pieces, whole = streamed(engine.stream(chat, **GREEDY))
    assert len(pieces) > 3
    assert "".join(pieces) == whole.text
    at_once = engine.complete(chat, **GREEDY)
    assert replace(whole, latency_ms=0, usage=None) == replace(at_once, latency_ms=0, usage=None)


def test_stream_closed_early_stops_the_model(engine: LlamaCppEngine) -> None:
    stream = engine.stream(CHATS[0], temperature=0, max_tokens=200)
    next(stream)
    stream.close()
    assert threading.active_count() < 20
    assert engine.complete(CHATS[0], **GREEDY).completion_tokens == 12


def test_complete_with_seed_is_reproducible(engine: LlamaCppEngine) -> None:
    def sample(seed: int) -> str:
        return engine.complete(CHATS[1], temperature=1.5, max_tokens=12, seed=seed, top_p=0.99).text

    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(5)}) > 1


def test_complete_with_stop_ends_before_it(engine: LlamaCppEngine) -> None:
    whole = engine.complete(CHATS[0], **GREEDY).text
    cut = engine.complete(CHATS[0], **GREEDY, stop=[whole[4:6]])
    assert cut.text == whole[: whole.index(whole[4:6])]
    assert cut.finish_reason == "stop"


def test_complete_with_schema_matches_it(engine: LlamaCppEngine) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    kept = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema}}
    answer = engine.complete(CHATS[2], temperature=0, max_tokens=200, response_format=kept)
    assert isinstance(json.loads(answer.text)["ok"], bool)


def test_complete_with_schema_returns_truncated_answers(engine: LlamaCppEngine) -> None:
    strict = {
        "type": "object",
        "properties": {"place": {"type": "string", "maxLength": 12}},
        "required": ["place"],
        "additionalProperties": False,
    }
    for wanted in ({"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "p", "schema": strict}}):
        for seed in range(30):
            answer = engine.complete(CHATS[2], temperature=1, max_tokens=60, seed=seed, response_format=wanted)
            assert answer.text.startswith("{")
            assert answer.finish_reason == "length" or isinstance(json.loads(answer.text), dict)


def test_complete_refused_by_llama_cpp_raises_one_line(engine: LlamaCppEngine) -> None:
    long = [{"role": "user", "content": "word " * 2000}]
    with pytest.raises(ProviderError, match=r"the prompt is too long for tiny: .* exceeds the available context size"):
        engine.complete(long, **GREEDY)
    with pytest.raises(ProviderError, match="exceeds the available context size"):
        list(engine.stream(long, **GREEDY))
    for ask in (engine.complete, lambda *a, **k: list(engine.stream(*a, **k))):
        with pytest.raises(ProviderError, match=r"llama\.cpp with tiny"):
            ask([{"role": "user"}], **GREEDY)
    with pytest.raises(ProviderError, match="exceeds"):
        list(engine.complete_many([CHATS[0], long, CHATS[1]], **GREEDY))


@pytest.mark.parametrize("text", ["<|im_start|>" * 1_000_000, "word " * 3_000_000])
def test_prompt_of_megabytes_is_refused_before_it_is_split_into_tokens(engine: LlamaCppEngine, text: str) -> None:
    started = time.monotonic()
    with pytest.raises(ContextLengthError, match="characters are more than the 256 tokens of the context"):
        engine.complete([{"role": "user", "content": [{"type": "text", "text": text}]}], **GREEDY)
    with pytest.raises(ContextLengthError, match="too long for tiny"):
        list(engine.text_chunks({"model": "tiny", "prompt": text}))
    assert time.monotonic() - started < 10  # seconds; the markers took minutes


def test_open_same_file_twice_loads_it_once(gguf: Path) -> None:
    first, second = open_llama_cpp(gguf, "first"), open_llama_cpp(gguf, "second")
    assert first._server is second._server
    first.close()
    first.close()
    with pytest.raises(ProviderError, match="engine of first is closed"):
        first.complete(CHATS[0], **GREEDY)
    assert second.complete(CHATS[0], **GREEDY).model == "second"
    assert second._server is not None
    model = weakref.ref(second._server)
    second.close()
    assert model() is None
    with closing(open_llama_cpp(gguf, "third")) as third:
        assert third.complete(CHATS[0], **GREEDY).text


def test_engines_that_nobody_has_any_longer_free_their_model(gguf: Path) -> None:
    """A process that evaluates one model after the other holds one at a time, closed or not."""
    options = LlamaCppOptions(slots=1, context_length=64)
    engine = open_llama_cpp(gguf, "forgotten", options)
    assert engine._server is not None
    model, threads = weakref.ref(engine._server), psutil.Process().num_threads
    loaded = threads()
    engine.complete(CHATS[0], **GREEDY)
    del engine
    assert model() is None
    wait_until(lambda: threads() < loaded)


def test_open_changed_file_loads_it_again(gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf.read_bytes())
    with closing(open_llama_cpp(path, "old")) as old:
        os.utime(path, (1, 1))
        with closing(open_llama_cpp(path, "new")) as new:
            assert old._server is not new._server
        assert old.complete(CHATS[0], **GREEDY).text


def test_close_without_requests_returns(gguf: Path) -> None:
    for _ in range(10):
        open_llama_cpp(gguf, "unused", LlamaCppOptions(slots=1, context_length=64)).close()


def test_loopback_port_requires_the_key(engine: LlamaCppEngine) -> None:
    assert engine._server is not None
    address = engine._server._native.listening_address
    assert address.startswith("http://127.0.0.1:")
    for path in ("/slots", "/props", "/metrics"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address + path)
        assert refused.value.code == 401
        refused.value.close()


def test_open_missing_or_damaged_file_raises_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no GGUF file .*none\.gguf"):
        open_llama_cpp(tmp_path / "none.gguf", "x")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF and then nonsense")
    with pytest.raises(ProviderError, match=r"llama\.cpp cannot load .*bad\.gguf"):
        open_llama_cpp(tmp_path / "bad.gguf", "x")


def test_process_exit_without_close_is_clean(gguf: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom fine_tuning.serving.llama_cpp_engine import open_llama_cpp\n"
        "engine = open_llama_cpp(Path(sys.argv[1]), 'x')\n"
        "engine.complete([{'role': 'user', 'content': 'hi'}], temperature=0, max_tokens=4)\n"
    )
    command = [sys.executable, "-c", code, str(gguf)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
