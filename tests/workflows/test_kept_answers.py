"""Answers kept from an earlier run, of a host that no longer says who answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows.evaluation_questions import Question
from fine_tuning.workflows.predict import CallOptions, predict
from tests import wire


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[wire.Host]:
    with wire.host() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


def answers(host: wire.Host, text: str, model: str, questions: int = 3) -> tuple[list[str | None], int]:
    """What the host's answers are taken to be, and the number of calls for it."""
    reply: dict[str, Any] = wire.completion(text, model)
    host.answers["POST /chat/completions"] = (200, {**reply, "model": model, "system_fingerprint": None})
    before = len(host.requests)
    asked = [Question([{"role": "user", "content": f"q{number}"}], "x") for number in range(questions)]
    found = predict("prod", asked, CallOptions(9), workspace=open_workspace())
    return [each.text for each in found], len(host.requests) - before


def test_answers_of_a_host_that_no_longer_names_its_model_are_asked_again(
    host: wire.Host, caplog: pytest.LogCaptureFixture
) -> None:
    assert answers(host, "old", "house-1") == (["old"] * 3, 3)
    assert answers(host, "new", "") == (["new"] * 3, 4)
    assert "the host no longer says which model answers: 3 kept predictions are asked again" in caplog.text
    assert answers(host, "newer", "") == (["new"] * 3, 0)  # of these it never said


def test_answer_to_a_new_question_without_a_model_tells_it_too(host: wire.Host) -> None:
    answers(host, "old", "house-1")
    assert answers(host, "new", "", questions=4) == (["new"] * 4, 4)


def test_answers_stay_where_nobody_answers(host: wire.Host) -> None:
    answers(host, "old", "house-1")
    host.answers["POST /chat/completions"] = (401, {"error": {"message": "no such key"}})
    asked = [Question([{"role": "user", "content": f"q{number}"}], "x") for number in range(3)]
    assert [each.text for each in predict("prod", asked, CallOptions(9), workspace=open_workspace())] == ["old"] * 3
