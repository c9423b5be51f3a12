"""Adapters of one model take turns: together with their own, in the order they came, each with the slot it had."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from fine_tuning.export.gguf_adapter import kept_gguf_adapter
from fine_tuning.export.kept_gguf import kept_gguf
from fine_tuning.serving.adapter_turns import AdapterTurns, LeftError
from fine_tuning.serving.llama_cpp_engine import LlamaCppOptions, open_llama_cpp
from tests.serving.test_shared_base import make_adapter  # noqa: F401 - a fixture

# PEFT asks transformers for a property by its older name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


class Requests:
    """Requests of adapters, each in a thread of its own, that hold their turn until they are told to end."""

    def __init__(self, turns: AdapterTurns) -> None:
        self._turns = turns
        self._ends: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self.running: list[str] = []
        self.slots: dict[str, int | None] = {}

    def begin(self, name: str, adapter: str) -> None:
        self._ends[name] = threading.Event()
        self._threads.append(threading.Thread(target=self._run, args=(name, adapter)))
        before = len(self._turns._waiting) + len(self.running)
        self._threads[-1].start()
        wait_for(lambda: len(self._turns._waiting) + len(self.running) > before)

    def _run(self, name: str, adapter: str) -> None:
        with self._turns.taken(adapter) as slot:
            self.slots[name] = slot
            self.running.append(name)
            assert self._ends[name].wait(30)
            self.running.remove(name)

    def end(self, name: str) -> None:
        self._ends[name].set()
        wait_for(lambda: name not in self.running)

    def join(self) -> None:
        for each in self._ends.values():
            each.set()
        for thread in self._threads:
            thread.join(30)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def requests(slots: int = 4) -> Iterator[Requests]:
    found = Requests(AdapterTurns(slots))
    try:
        yield found
    finally:
        found.join()


def test_requests_of_an_adapter_run_together_and_others_come_in_their_order() -> None:
    with requests() as found:
        for name, adapter in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("c1", "c"), ("b2", "b")):
            found.begin(name, adapter)
        assert sorted(found.running) == ["a1", "a2"]  # a3 came after b1, which would wait for ever behind such
        found.end("a1")
        assert found.running == ["a2"]
        found.end("a2")
        wait_for(lambda: sorted(found.running) == ["b1", "b2"])
        found.end("b1")
        found.end("b2")
        wait_for(lambda: found.running == ["a3"])
        found.end("a3")
        wait_for(lambda: found.running == ["c1"])


def test_adapter_gets_the_slot_that_it_had_as_long_as_there_are_enough() -> None:
    with requests(slots=2) as found:
        for number, adapter in enumerate("abab"):
            found.begin(f"{adapter}{number}", adapter)
            found.end(f"{adapter}{number}")
        assert found.slots == {"a0": None, "b1": 1, "a2": 0, "b3": 1}  # with one adapter any slot is as good
        found.begin("c4", "c")
        assert found.slots["c4"] == 0  # a's, which was used before b's
        found.begin("c5", "c")
        found.begin("c6", "c")
        assert (found.slots["c5"], found.slots["c6"]) == (1, None)  # llama.cpp's own queue takes the third


def test_request_that_has_left_takes_no_turn() -> None:
    turns, left = AdapterTurns(2), threading.Event()

    def late() -> None:
        with turns.taken("b", left.is_set):
            pytest.fail("it has left")

    with ThreadPoolExecutor(1) as pool, turns.taken("a"):
        waiting = pool.submit(late)
        wait_for(lambda: bool(turns._waiting))
        left.set()
        with pytest.raises(LeftError):
            waiting.result(30)
        with turns.taken("a"):  # nobody waits any more
            pass


def test_clients_of_different_adapters_are_answered_equally_often(
    tiny_model_dir: Path,
    make_adapter: Callable[[int], tuple[Path, Path]],  # noqa: F811
) -> None:
    gguf = kept_gguf(tiny_model_dir)
    assert gguf is not None
    adapters = tuple(kept_gguf_adapter(make_adapter(seed)[0], tiny_model_dir) for seed in (11, 12, 13, 14))
    engine = open_llama_cpp(gguf, "m", LlamaCppOptions(slots=4, threads=1, adapters=adapters))
    answered = [0] * len(adapters)
    message = [{"role": "user", "content": "What is the capital of France?"}]

    def keep_asking(index: int) -> None:
        adapted = engine.adapted(index, "m")
        while max(answered) < 12:
            adapted.complete(message, temperature=0, max_tokens=64, ignore_eos=True)
            answered[index] += 1

    with ThreadPoolExecutor(len(adapters)) as pool:
        list(pool.map(keep_asking, range(len(adapters))))
    engine.close()
    assert min(answered) >= 10  # two of them had one answer each where llama.cpp chose
