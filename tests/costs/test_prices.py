"""Prices by provider, prefix and tier; what is assumed; the user's own."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.usage import Usage
from fine_tuning.settings import Price

OPENAI = "https://api.openai.com/v1"
GEMINI = "https://generativelanguage.googleapis.com"
SPOKEN: Usage = {"prompt_tokens": 1000, "completion_tokens": 100}
HERE = "http://127.0.0.1:8741/v1"
USAGE: Usage = {"prompt_tokens": 10_000, "completion_tokens": 500, "cached_tokens": 9_000, "reasoning_tokens": 400}


def usd(model: str, host: str | None = OPENAI, tier: str | None = None, **own: dict[str, Any]) -> float | None:
    prices = PriceList({name.replace("__", "/"): Price(**price) for name, price in own.items()})
    return prices.price_of(model, {**USAGE, "service_tier": tier} if tier else USAGE, host).usd


@pytest.mark.parametrize(
    ("model", "tier", "expected"),
    [
        ("gpt-4o", None, 0.01875),
        ("gpt-4o", "default", 0.01875),
        ("gpt-4o-2024-08-06", "auto", 0.01875),
        ("gpt-4o", "batch", 0.015),  # half of 10,000 at $2.50 and 500 at $10: batches have no discount for its cache
        ("gpt-4o", "flex", None),  # it has no such tier
        ("gpt-4o", "priority", None),
        ("gpt-4o", "scale", None),
        ("gpt-5", None, 0.007375),
        ("gpt-5-2025-08-07", "flex", 0.0036875),
        ("gpt-5", "batch", 0.0036875),
        ("gpt-5-chat-latest", "flex", None),
        ("o3", "flex", 0.00525),
        ("o4-mini-2025-04-16", "flex", 0.0028875),
        ("o3-mini", "flex", None),
        ("ft:gpt-4o-mini-2024-07-18:o:s:i", None, 0.00225),
        ("ft:gpt-4o-mini-2024-07-18:o:s:i:ckpt-step-9", None, 0.00225),
        ("ft:gpt-4o-mini-2024-07-18:o:s:i", "batch", None),
        ("llama3.2", None, None),
        ("gpt-oss-20b", None, None),
    ],
)
def test_price_of_openai_by_model_and_tier(model: str, tier: str | None, expected: float | None) -> None:
    assert usd(model, tier=tier) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("model", "host", "usage", "expected"),
    [
        (
            "claude-sonnet-4-5",
            "https://api.anthropic.com",
            {"prompt_tokens": 1000, "completion_tokens": 0, "cache_write_tokens": 1000, "cache_write_1h_tokens": 1000},
            0.006,
        ),
        ("gpt-audio", OPENAI, {**SPOKEN, "output_audio_tokens": 90}, 0.00836),
        ("gpt-4o-audio-preview", OPENAI, {**SPOKEN, "output_audio_tokens": 90}, None),  # listed with its text alone
        ("gemini-2.5-flash", GEMINI, {**SPOKEN, "input_audio_tokens": 500}, 0.0009),
        ("gemini-2.0-flash-lite", GEMINI, {**SPOKEN, "input_audio_tokens": 500}, 0.000105),
    ],
)
def test_price_of_tokens_that_are_dearer_than_others(
    model: str, host: str, usage: Usage, expected: float | None
) -> None:
    assert PriceList({}).price_of(model, usage, host).usd == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    "host",
    [
        *(HERE, "http://localhost:11434/v1", "https://llm.internal/v1", "http://[::1]:8000/v1"),
        *("https://api.openai.com.example.com/v1", "https://example.com/api.openai.com/v1"),
        *("https://notapi.openai.com.example/v1", "https://api.mistral.ai.example.com/v1"),
    ],
)
@pytest.mark.parametrize(
    "model", ["gpt-4o", "openai/gpt-4o", "ft:gpt-4o-mini-2024-07-18:o:s:i", "mistral-small-latest"]
)
def test_price_of_other_host_is_unknown_and_says_so(host: str, model: str) -> None:
    found = PriceList({}).price_of(model, USAGE, host)
    assert found.usd is None
    assert "has no published prices; set them with FINE_TUNING_PRICES" in str(found.note)
    assert str(PriceList({}).training_price("gpt-4o-mini", host)) == "nan"


@pytest.mark.parametrize(
    ("host", "own", "expected"),
    [
        ("https://openrouter.ai/api/v1", {}, 0.0042),
        ("https://openrouter.ai/api/v1", {"openai/gpt-4o": {"input": 1.0, "output": 1.0}}, 0.0105),
        (OPENAI, {}, 0.01875),  # whose answers say no price
    ],
)
def test_price_that_a_router_says_it_charged_counts_before_its_list(
    host: str, own: dict[str, Any], expected: float
) -> None:
    prices = {name: Price(**each) for name, each in own.items()}
    usage: Usage = {**USAGE, "charged_usd": 0.0042}
    assert PriceList(prices).price_of("openai/gpt-4o", usage, host).usd == pytest.approx(expected)


@pytest.mark.parametrize(
    ("model", "expected", "assumed"),
    [
        ("gpt-4o", 0.01875, "openai itself answered, as the name gpt-4o suggests"),
        ("openai/gpt-4o", 0.01875, "openai itself answered, as the prefix of openai/gpt-4o says"),
        ("OpenAI/gpt-4o-2024-08-06", 0.01875, "openai itself"),
        ("openai:gpt-4o", 0.01875, "openai itself"),
        ("azure/gpt-4o", 0.01875, "the deployment has the name of its model"),
        ("openrouter/openai/gpt-4o", 0.01875, "openrouter itself answered"),
        ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", 0.003125, "aws itself"),
        ("bedrock/us-east-1/anthropic.claude-3-haiku-20240307-v1:0", 0.003125, "aws itself"),
        ("anthropic.claude-3-haiku-20240307-v1:0", 0.003125, "Amazon Bedrock answered"),
        ("vertex_ai/claude-sonnet-4@20250514", 0.0132, "google itself"),
        ("models/gemini-2.5-flash", 0.00182, "google itself"),
        ("openai/ft:gpt-4o-mini-2024-07-18:o::i", 0.00225, "openai itself"),
        ("groq/openai/gpt-oss-20b", 0.0005625, "groq itself"),
    ],
)
def test_price_of_name_alone_states_what_is_assumed(model: str, expected: float, assumed: str) -> None:
    found = PriceList({}).price_of(model, USAGE)
    assert found.usd == pytest.approx(expected)
    assert found.note is not None
    assert found.note.startswith("assumed: ")
    assert assumed in found.note


@pytest.mark.parametrize(
    "model",
    [
        *(
            "azure/eu/gpt-4o",
            "azure/our-chat",
            "openrouter/openai/gpt-4o:free",
            "openrouter/gpt-4o",
            "hosted_vllm/gpt-4o",
        ),
        *("ollama/gpt-oss:20b", "gpt-oss:20b", "openai/gpt-oss-20b", "deepseek-r1:8b", "mistral:7b", "llama3.2"),
        *("meta-llama/Llama-3.1-8B-Instruct", "mistralai/Mistral-7B-Instruct-v0.3", "deepseek-ai/DeepSeek-R1"),
        *("my-gpt-4o-clone", "gpt-4o-support", "litellm_proxy/gpt-4o", "models/gpt-4o", "openai/", "/gpt-4o"),
        *("github-copilot/gpt-4o", "ft:gpt-4-0613:o::i", "vertex_ai/gpt-4o", "anthropic/gpt-4o"),
    ],
)
def test_price_of_name_that_no_list_has_is_unknown(model: str) -> None:
    found = PriceList({}).price_of(model, USAGE)
    assert found.usd is None
    assert found.note


def test_price_of_recognised_host_is_that_of_its_own_list() -> None:
    assert usd("openai/gpt-4o", "https://openrouter.ai/api/v1") == pytest.approx(0.01875)
    assert usd("gpt-4o", "https://openrouter.ai/api/v1") is None
    assert usd("gpt-4o", "https://eu.api.openai.com/v1") == pytest.approx(0.01875)
    assert usd("openai/gpt-oss-20b", "https://api.groq.com/openai/v1") == pytest.approx(0.0005625)
    haiku = (1000 * 0.25 + 9000 * 0.03 + 500 * 1.25) / 1e6
    assert usd("claude-3-haiku-20240307", "https://api.anthropic.com/v1", "batch") == pytest.approx(haiku / 2)
    azure = PriceList({}).price_of("gpt-4o", USAGE, "https://x.openai.azure.com/openai/v1")
    assert azure.usd == pytest.approx(0.01875)
    assert "the deployment has the name of its model" in str(azure.note)


def test_price_of_own_price_most_specific_first() -> None:
    everywhere = {"gpt-4o": {"input": 1, "cached_input": 0.5, "output": 2, "reasoning": 3}}
    cost = (1000 * 1 + 9000 * 0.5 + 100 * 2 + 400 * 3) / 1e6
    for model, host in (("gpt-4o", OPENAI), ("gpt-4o", HERE), ("openai/gpt-4o", None), ("gpt-4o-2024-08-06", HERE)):
        assert usd(model, host, **everywhere) == pytest.approx(cost)
    free = {"127.0.0.1:8741__*": {"input": 0, "output": 0}}
    assert usd("gpt-4o", HERE, **everywhere, **free) == 0
    assert usd("gpt-4o", OPENAI, **everywhere, **free) == pytest.approx(cost)
    exact = {"http:____127.0.0.1:8741__v1__gpt-4o": {"input": 10, "output": 0}}
    assert usd("gpt-4o", HERE, **everywhere, **free, **exact) == pytest.approx(0.1)
    assert usd("gpt-4o", "https://x.openai.azure.com", **{"azure__*": {"input": 4, "output": 0}}) == 0.04
    assert usd("gpt-4o", HERE, **{"gpt-4o": {"input": 1}}) is None


@pytest.mark.parametrize(
    ("model", "key", "is_of"),
    [
        ("bedrock/us.anthropic.claude-3-haiku-20240307-v1:0", "bedrock/*", True),
        ("us.anthropic.claude-3-haiku-20240307-v1:0", "bedrock/anthropic.claude-3-haiku-20240307-v1:0", True),
        ("eu.anthropic.claude-3-haiku-20240307-v1:0", "Claude-3-Haiku", True),
        ("vertex_ai/gemini-2.5-flash", "vertex_ai/*", True),
        ("gemini-2.5-flash", "gemini/gemini-2.5-flash", True),
        ("vertex_ai/claude-sonnet-4@20250514", "claude-sonnet-4", True),
        ("azure_ai/gpt-4o-2024-08-06", "azure_ai/gpt-4o", True),
        ("xai/grok-3-latest", "grok-3", True),
        ("openrouter/openai/gpt-4o:free", "openai/gpt-4o", False),  # which costs something else
        ("gpt-4o-2024-08-06", "gpt-4o-2024-11-20", False),
        ("gpt-4o-mini", "gpt-4o", False),
    ],
)
def test_price_of_own_key_is_found_however_a_cloud_writes_it(model: str, key: str, *, is_of: bool) -> None:
    own = PriceList({key: Price(input=100, output=1000)})
    assert (own.call_price(model, 10_000, 1_000) == pytest.approx(2.0)) is is_of


def test_price_of_own_tiers_and_missing_ones() -> None:
    own = {
        "gpt-4o": {"input": 4, "output": 4, "batch": {"input": 2, "output": 2}, "priority": {"input": 8, "output": 8}}
    }
    assert usd("gpt-4o", tier="batch", **own) == pytest.approx(0.021)
    assert usd("gpt-4o", tier="priority", **own) == pytest.approx(0.084)
    assert usd("gpt-4o", tier="flex", **own) is None
    prices = PriceList({name: Price(**price) for name, price in own.items()})
    assert "cost what input costs" in str(prices.price_of("gpt-4o", USAGE, OPENAI).note)
    assert "in the service tier flex" in str(prices.price_of("gpt-4o", {**USAGE, "service_tier": "flex"}, OPENAI).note)


def test_price_of_host_that_passes_calls_on_is_its_providers() -> None:
    assert usd("gpt-4o", HERE, **{"127.0.0.1:8741__*": {"provider": "openai"}}) == pytest.approx(0.01875)
    assert usd("gpt-4o", HERE, **{"127.0.0.1__*": {"provider": "openai"}}) == pytest.approx(0.01875)
    by_prefix = {"127.0.0.1__*": {"provider": "prefix"}}
    assert usd("openai/gpt-4o", HERE, **by_prefix) == pytest.approx(0.01875)
    assert usd("gpt-4o", HERE, **by_prefix) is None
    trained = PriceList({"127.0.0.1/*": Price(provider="openai")})
    assert trained.training_price("gpt-4o-mini-2024-07-18", HERE) == 3.0
    assert trained.training_price("openai/gpt-4o-mini") == 3.0
    assert PriceList({"gpt-4o-mini": Price(input=1)}).training_prices()["gpt-4o-mini"] == 3.0  # not set is as published


@pytest.mark.parametrize(
    "wrong",
    [
        *({"prompt_tokens": None}, {"completion_tokens": None}, {"cached_tokens": 10_001}, {"reasoning_tokens": 501}),
        *({"cached_tokens": -1}, {"cached_tokens": 9_000, "cache_write_tokens": 2_000}),
    ],
)
def test_price_of_impossible_tokens_is_unknown(wrong: dict[str, Any]) -> None:
    usage: Any = {**USAGE, **wrong}
    found = PriceList({}).price_of("gpt-4o", usage, OPENAI)
    assert found.usd is None
    assert "tokens" in str(found.note)


@pytest.mark.parametrize(
    "model",
    [
        "deepseek-r1-distill-qwen-7b",
        "DeepSeek-R1-Distill-Llama-70B",
        "gpt-oss-20b",
        "mistral-7b-instruct",
        "mixtral-8x7b-instruct",
        "ministral-8b-instruct-2410",
        "mistral-nemo-instruct-2407",
        "gemma-3-27b-it",
        "deepseek-coder-6.7b-instruct",
        "llama-3.1-8b-instruct",
    ],
)
def test_open_weights_have_no_price_unless_a_host_is_known(model: str) -> None:
    found = PriceList({}).price_of(model, {"prompt_tokens": 1000, "completion_tokens": 1000})
    assert (found.usd, "does not say who bills it" in str(found.note)) == (None, True)
    own = PriceList({model: Price(input=1.0, output=2.0)})
    assert own.call_price(model, 1000, 1000) == pytest.approx(0.003)


@pytest.mark.parametrize(
    "model",
    ["deepseek-chat", "open-mistral-7b", "ministral-8b-latest", "gemini-1.5-flash-8b", "gpt-3.5-turbo-instruct"],
)
def test_names_that_a_provider_gives_its_own_service_have_its_price(model: str) -> None:
    assert PriceList({}).call_price(model, 1000, 1000)
