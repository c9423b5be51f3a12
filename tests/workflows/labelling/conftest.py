"""A teacher's host: it has prices, remembers what was paid, and may refuse, fail or break off."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import wire

PRICES = {"big": {"input": 10.0, "output": 100.0}, "judge": {"input": 1.0, "output": 10.0}}
USD_PER_CALL = (5 * 10 + 3 * 100) / 1e6  # of `big`, by the tokens that `wire.completion` states


@dataclass
class Teacher:
    """What the host was asked by question, and how it answers."""

    host: wire.Host
    answer: Callable[[str, int], Any]
    asked: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: wire.Request) -> Any:
        """The response to a chat request."""
        question = request.body["messages"][-1]["content"]
        with self.lock:
            self.asked[question] += 1
            number = self.asked[question]
        found = self.answer(question, number)
        return found if isinstance(found, tuple) else (200, wire.completion(found, request.body["model"]))


@pytest.fixture
def teacher(host: wire.Host, monkeypatch: pytest.MonkeyPatch) -> Teacher:
    """A host with the model `big`, which answers with the question in capitals."""
    found = Teacher(host, lambda question, _: question.upper())
    host.answers["POST /chat/completions"] = found.reply
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps(PRICES))
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    return found


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    """A file of forty questions."""
    path = tmp_path / "prompts.jsonl"
    rng = random.Random(4)
    lines = [
        json.dumps({"prompt": f"question {at} about {rng.randrange(10**6)}", "domain": "shop"}) for at in range(40)
    ]
    path.write_text("\n".join(lines))
    return path
