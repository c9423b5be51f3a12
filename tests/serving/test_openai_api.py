from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from fine_tuning._util.hosts import Host
from fine_tuning.errors import ConfigurationError, FineTuningError, NotFoundError, ProviderError
from fine_tuning.serving.openai_engine import OpenAIEngine
from tests import wire
from tests.serving.fake_host import FakeHost
from tests.serving.streamed import streamed

CHAT = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}]


@pytest.fixture
def host() -> Iterator[FakeHost]:
    with FakeHost() as running:
        yield running


@pytest.fixture
def engine(host: FakeHost) -> Iterator[OpenAIEngine]:
    with closing(OpenAIEngine(Host(host.url, "secret"), "gpt-x", max_retries=0)) as opened:
        yield opened


def test_complete_returns_text_and_usage_of_the_host(host: FakeHost, engine: OpenAIEngine) -> None:
    answer = engine.complete(CHAT, temperature=0, max_tokens=5, seed=3, stop=["."], top_p=0.9)
    assert (answer.text, answer.model, answer.finish_reason) == ("echo hi", "gpt-x", "stop")
    assert (answer.prompt_tokens, answer.completion_tokens) == (7, 2)
    assert answer.latency_ms > 0
    (request,) = host.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == "Bearer secret"
    sampling = {"temperature": 0, "max_tokens": 5, "seed": 3, "stop": ["."], "top_p": 0.9}
    assert request.body == {"model": "gpt-x", "messages": CHAT, **sampling}


def test_complete_without_usage_has_no_token_counts() -> None:
    with FakeHost(usage=False) as host, closing(OpenAIEngine(Host(host.url, None), "m")) as engine:
        answer = engine.complete(CHAT, temperature=0, max_tokens=5)
    assert (answer.prompt_tokens, answer.completion_tokens) == (None, None)


def test_stream_yields_pieces_and_returns_the_completion(host: FakeHost, engine: OpenAIEngine) -> None:
    pieces, whole = streamed(engine.stream(CHAT, temperature=0.5, max_tokens=5))
    assert pieces == ["echo ", "hi"]
    assert host.requests[0].body["stream"] is True
    assert (whole.text, whole.prompt_tokens, whole.completion_tokens) == ("echo hi", 7, 2)


def test_stream_without_usage_has_no_token_counts() -> None:
    with FakeHost(usage=False) as host, closing(OpenAIEngine(Host(host.url, None), "m")) as engine:
        _, whole = streamed(engine.stream(CHAT, temperature=0, max_tokens=5))
    assert (whole.text, whole.prompt_tokens, whole.completion_tokens) == ("echo hi", None, None)


def test_complete_many_keeps_the_order(host: FakeHost, engine: OpenAIEngine) -> None:
    batch = [[{"role": "user", "content": str(number)}] for number in range(40)]
    answers = engine.complete_many(batch, temperature=0, max_tokens=5)
    assert [answer.text for answer in answers] == [f"echo {number}" for number in range(40)]
    assert len(host.requests) == 40


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, ConfigurationError, r"refused the API key \(401\); check OPENAI_API_KEY"),
        (403, ConfigurationError, r"refused the API key \(403\)"),
        (404, NotFoundError, r"does not know model gpt-x \(404\): the host's own words"),
        (429, ProviderError, r"no capacity or credit for model gpt-x \(429\): the host's own words"),
        (400, ProviderError, r"refused model gpt-x \(400\): the host's own words"),
        (500, ProviderError, r"refused model gpt-x \(500\): the host's own words"),
    ],
)
def test_complete_refused_by_host_raises_one_line(status: int, error: type[FineTuningError], words: str) -> None:
    host = FakeHost(status, "the host's\nown words")
    with host, closing(OpenAIEngine(Host(host.url, "k"), "gpt-x", max_retries=0)) as engine:
        with pytest.raises(error, match=words) as caught:
            engine.complete(CHAT, temperature=0, max_tokens=5)
        with pytest.raises(error, match=words):
            list(engine.stream(CHAT, temperature=0, max_tokens=5))
    assert "\n" not in str(caught.value)
    assert host.url in str(caught.value)


def test_complete_unreachable_host_raises_with_its_address() -> None:
    nowhere = closing(OpenAIEngine(Host("http://127.0.0.1:9/v1"), "m", max_retries=0))
    with (
        nowhere as engine,
        pytest.raises(ProviderError, match=r"cannot reach http://127\.0\.0\.1:9/v1 for model m; check"),
    ):
        engine.complete(CHAT, temperature=0, max_tokens=5)


@pytest.mark.parametrize("url", ["https://api.openai.com/v1", "https://eu.api.openai.com/v1"])
def test_openai_engine_without_key_names_the_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="set OPENAI_API_KEY, .* or use a local model"):
        OpenAIEngine(Host(url), "gpt-4o")


def test_host_that_answers_a_stream_with_something_else_is_an_error() -> None:
    with wire.host() as host, closing(OpenAIEngine(Host(host.url, "k"), "m")) as engine:
        host.answers["POST /chat/completions"] = (200, {"object": "chat.completion"})
        with pytest.raises(ProviderError, match="sent no stream for m"):
            list(engine.chat_chunks({"messages": [{"role": "user", "content": "Hi"}]}))
