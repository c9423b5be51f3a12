from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from fine_tuning.serving.embedding.embedding_models import open_embedder
from fine_tuning.serving.interruption import awaited, turn
from fine_tuning.serving.prompt_scorer import PromptScorer
from tests.tiny_encoder import make_tiny_encoder


class _LeftError(Exception):
    """Nobody waits any more."""


def _leaves_after(calls: int) -> Callable[[], None]:
    left = iter(range(calls))

    def check() -> None:
        if next(left, None) is None:
            raise _LeftError

    return check


@pytest.mark.parametrize("calls", [0, 1, 7])
def test_scorer_ends_within_a_pass_and_scores_afterwards(tiny_model_dir: Path, calls: int) -> None:
    scorer = PromptScorer(tiny_model_dir)
    expected = scorer.score(["Hello there", [5, 6]], 1)
    with pytest.raises(_LeftError):
        scorer.score(["Hello there", [5, 6]], 1, _leaves_after(calls))
    assert scorer.score(["Hello there", [5, 6]], 1) == expected


@pytest.mark.parametrize("calls", [0, 1, 7])
def test_encoder_ends_within_a_pass_and_embeds_afterwards(tmp_path: Path, calls: int) -> None:
    embedder = open_embedder(str(make_tiny_encoder(tmp_path)))
    with pytest.raises(_LeftError):
        embedder.embed(["my parcel"], _leaves_after(calls))
    assert embedder.embed(["my parcel"]).vectors.any()


def test_static_embedder_ends_between_batches_and_keeps_the_order() -> None:
    embedder = open_embedder("wordllama")
    texts = ["late", "my invoice " * 30_000, "where is it", "refund " * 40_000]
    with pytest.raises(_LeftError):
        embedder.embed(texts, _leaves_after(1))
    together = embedder.embed(texts).vectors
    for index, text in enumerate(texts):
        assert (embedder.embed([text]).vectors[0] == together[index]).all()


def test_turn_is_left_while_another_has_it() -> None:
    lock = threading.Lock()
    with lock, pytest.raises(_LeftError), turn(lock, _leaves_after(0)):
        pytest.fail("the lock was taken twice")
    with turn(lock, _leaves_after(0)):
        assert lock.locked()
    assert not lock.locked()


def test_awaited_raises_what_the_future_raises_and_leaves_one_that_runs() -> None:
    future: Future[int] = Future()
    with pytest.raises(_LeftError):
        awaited(future, _leaves_after(0))
    future.set_exception(TimeoutError("of the load itself"))
    with pytest.raises(TimeoutError, match="of the load itself"):
        awaited(future, _leaves_after(0))
