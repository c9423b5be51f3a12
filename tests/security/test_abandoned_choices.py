"""Choices that nobody waits for any more: they stop with the client, and with a choice that failed."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any, cast

import pytest

from fine_tuning.errors import ProviderError
from fine_tuning.server.api_errors import ApiError
from fine_tuning.server.chat_request import ChatRequest
from fine_tuning.server.routes.chat import _choices
from fine_tuning.serving.chat_types import ChatBody, Chunk
from fine_tuning.serving.engine import Engine

ASKED = ChatRequest.model_validate({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "n": 4})


class Endless:
    """An engine whose answers have no end, but for one that may fail; `stopped` counts those that were closed."""

    def __init__(self, *, fails: bool) -> None:
        self._fails, self._lock, self._begun = fails, threading.Lock(), 0
        self.stopped = 0
        self._all = threading.Barrier(4)

    def chat_chunks(self, _: ChatBody) -> Generator[Chunk, None, None]:
        with self._lock:
            self._begun += 1
            is_last = self._begun == 4
        self._all.wait(30)
        if is_last and self._fails:
            raise ProviderError("out of order")
        try:
            while True:
                yield {"choices": []}
        finally:
            with self._lock:
                self.stopped += 1


@pytest.mark.parametrize(("fails", "error"), [(True, ProviderError), (False, ApiError)])
def test_choices_stop_with_one_that_failed_and_with_the_client(fails: bool, error: type[Exception]) -> None:
    engine: Any = Endless(fails=fails)
    with pytest.raises(error) as raised:
        _choices(cast("Engine", engine), ASKED, lambda: not fails)
    assert engine.stopped == 4 - fails
    assert fails or getattr(raised.value, "status", None) == 499
