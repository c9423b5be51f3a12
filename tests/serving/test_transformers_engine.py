from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fine_tuning.errors import DataError, NotFoundError, ProviderError, UsageError
from fine_tuning.serving.transformers_engine import TransformersEngine, until
from tests.serving.streamed import streamed
from tests.tiny_model import SENTENCES

CHATS = [[{"role": "user", "content": sentence}] for sentence in SENTENCES]
GREEDY = {"temperature": 0, "max_tokens": 12}


@pytest.fixture(scope="module")
def engine(tiny_model_dir: Path) -> Iterator[TransformersEngine]:
    with closing(TransformersEngine(tiny_model_dir, "tiny", batch_size=4, dtype="float32")) as opened:
        yield opened


def test_complete_many_answers_as_single_calls(engine: TransformersEngine) -> None:
    batch = list(engine.complete_many(CHATS, **GREEDY))
    alone = [engine.complete(chat, **GREEDY) for chat in CHATS]
    assert [answer.text for answer in batch] == [answer.text for answer in alone]
    assert [answer.prompt_tokens for answer in batch] == [answer.prompt_tokens for answer in alone]
    assert {answer.model for answer in batch} == {"tiny"}


def test_stream_pieces_join_to_the_completion(engine: TransformersEngine) -> None:
    pieces, whole = streamed(engine.stream(CHATS[0], **GREEDY))
    assert len(pieces) > 1
    assert "".join(pieces) == whole.text
    assert replace(whole, latency_ms=0) == replace(engine.complete(CHATS[0], **GREEDY), latency_ms=0)


def test_stream_closed_early_frees_the_engine(engine: TransformersEngine) -> None:
    stream = engine.stream(CHATS[0], temperature=0, max_tokens=300)
    next(stream)
    stream.close()
    assert engine.complete(CHATS[0], **GREEDY).completion_tokens == 12


def test_complete_with_seed_is_reproducible_and_keeps_the_random_state(engine: TransformersEngine) -> None:
    import torch

    def sample(seed: int) -> str:
        return engine.complete(CHATS[1], temperature=1.5, max_tokens=12, seed=seed, top_p=0.99).text

    before = torch.random.get_rng_state()
    assert sample(1) == sample(1)
    assert len({sample(seed) for seed in range(5)}) > 1
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("several", [False, True])
def test_complete_with_stop_ends_before_it(several: bool, engine: TransformersEngine) -> None:
    whole = engine.complete(CHATS[0], **GREEDY).text
    stop = whole[4:6]
    cut = engine.complete(CHATS[0], **GREEDY, stop=["never seen", stop] if several else stop)
    assert cut.text == whole[: whole.index(stop)]
    assert cut.finish_reason == "stop"
    assert "".join(engine.stream(CHATS[0], **GREEDY, stop=stop)) == cut.text


def test_complete_end_of_turn_ends_the_answer(tiny_model_dir: Path, engine: TransformersEngine, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    whole = engine.complete(CHATS[0], **GREEDY)
    ids = AutoTokenizer.from_pretrained(tiny_model_dir).encode(whole.text, add_special_tokens=False)
    copy = Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, ids[1]], "temperature": 0.6}))
    with closing(TransformersEngine(copy, "early", dtype="float32")) as early:
        answer = early.complete(CHATS[0], **GREEDY)
    assert (answer.completion_tokens, answer.finish_reason) == (2, "stop")


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-38, 1e-6, 2])
def test_complete_temperature_of_any_size_is_answered(temperature: float, engine: TransformersEngine) -> None:
    answer = engine.complete([{"role": "user", "content": "Hi"}], temperature=temperature, max_tokens=3, seed=1)
    if temperature < 1:
        assert answer.text == engine.complete([{"role": "user", "content": "Hi"}], temperature=0, max_tokens=3).text


def test_complete_joins_text_parts(engine: TransformersEngine) -> None:
    parts = [{"type": "text", "text": SENTENCES[0][:10]}, {"type": "text", "text": SENTENCES[0][10:]}]
    joined = engine.complete([{"role": "user", "content": parts}], **GREEDY)
    assert joined.text == engine.complete(CHATS[0], **GREEDY).text


def test_complete_unsupported_parameter_or_long_prompt_raises(engine: TransformersEngine) -> None:
    with pytest.raises(UsageError, match=r"does not support response_format; pip install .*\[serve\]"):
        engine.complete(CHATS[0], **GREEDY, response_format={"type": "json_object"})
    with pytest.raises(ProviderError, match=r"tiny has a context of 512 tokens, prompt and answer need \d+; shorten"):
        engine.complete(CHATS[0], temperature=0, max_tokens=600)
    with pytest.raises(ProviderError, match="shorten the prompt"):
        list(engine.stream(CHATS[0], temperature=0, max_tokens=600))


def test_complete_closed_engine_raises(tiny_model_dir: Path) -> None:
    engine = TransformersEngine(tiny_model_dir, "gone")
    engine.close()
    engine.close()
    with pytest.raises(ProviderError, match="engine of gone is closed"):
        engine.complete(CHATS[0], **GREEDY)


def test_engine_invalid_folder_raises_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="is not a model folder"):
        TransformersEngine(tmp_path, "x")


def test_engine_does_not_run_code_of_the_folder(tiny_model_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_model_dir, tmp_path / "copy"))
    settings = json.loads((copy / "config.json").read_text())
    code = {"AutoConfig": "evil.Evil", "AutoModelForCausalLM": "evil.Evil"}
    (copy / "config.json").write_text(json.dumps({**settings, "model_type": "evil", "auto_map": code}))
    (copy / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(DataError, match="does not know evil models and the code that it names is never run"):
        TransformersEngine(copy, "x")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("pieces", "stops", "expected"),
    [
        (["ab", "cd"], [], "abcd"),
        (["ab", "cd"], ["bc"], "a"),
        (["a", "b", "c"], ["abcd"], "abc"),
        (["stop at once"], ["stop"], ""),
        (["x", "y", "END", "z"], ["zz", "END"], "xy"),
        ([], ["x"], ""),
    ],
)
def test_until_finds_stop_text_across_pieces(pieces: list[str], stops: list[str], expected: str) -> None:
    assert "".join(until(pieces, stops)) == expected


def test_stream_of_several_choices_has_each_with_a_seed_of_its_own(engine: TransformersEngine) -> None:
    body: Any = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 12, "temperature": 1.0}
    texts = {0: "", 1: ""}
    *chunks, last = engine.chat_chunks({**body, "n": 2, "seed": 4})
    for chunk in chunks:
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
    settings = {"max_tokens": 12, "temperature": 1.0}
    alone = [engine.complete(body["messages"], **settings, seed=seed) for seed in (4, 5)]
    assert [*texts.values()] == [each.text for each in alone]
    assert texts[0] != texts[1]
    assert last["usage"] is not None
    assert last["usage"]["prompt_tokens"] == alone[0].prompt_tokens
    assert last["usage"]["completion_tokens"] == sum(each.completion_tokens or 0 for each in alone)
