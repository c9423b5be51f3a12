from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fine_tuning.errors import ProviderError
from fine_tuning.server.loaded_models import Engines, Served
from fine_tuning.server.shared_loads import SharedLoads
from fine_tuning.serving.interruption import unchecked
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.settings import Settings


class _LeftError(Exception):
    """Nobody waits any more."""


def _leave() -> None:
    raise _LeftError


@pytest.fixture
def loads() -> Iterator[SharedLoads]:
    made = SharedLoads()
    yield made
    made.close()


def _waiting_for(event: threading.Event, done: list[str]) -> Callable[[], None]:
    def load() -> None:
        event.wait()
        done.append("loaded")

    return load


def test_wait_shares_a_load_that_goes_on_when_one_leaves(loads: SharedLoads) -> None:
    event, done = threading.Event(), []
    load = _waiting_for(event, done)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(loads.wait, "model", load, unchecked) for _ in range(3)]
        with pytest.raises(_LeftError):
            loads.wait("model", load, _leave)
        event.set()
        assert [each.result() for each in waiting] == [None] * 3
    assert done == ["loaded"]


def test_wait_for_a_failed_load_raises_and_the_next_one_tries_again(loads: SharedLoads) -> None:
    def fail() -> None:
        raise ProviderError("cannot be loaded")

    done: list[str] = []
    with pytest.raises(ProviderError, match="cannot be loaded"):
        loads.wait("model", fail, unchecked)
    loads.wait("model", lambda: done.append("loaded"), unchecked)
    assert done == ["loaded"]


def test_engines_load_a_model_once_for_all_who_wait(tmp_path: Path, tiny_model_dir: Path) -> None:
    engines, served = Engines(Settings(home=tmp_path)), Served(LOCAL, str(tiny_model_dir))

    def answer(_: int) -> str:
        with engines.use(served) as engine:
            messages = [{"role": "user", "content": "Hello"}]
            return engine.complete(messages, temperature=0, max_tokens=4).text

    try:
        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(answer, range(4)))) == 1
        assert len(engines.loaded()) == 1
    finally:
        engines.close()
