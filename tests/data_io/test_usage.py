"""Tokens of calls in the words of every vendor."""

from __future__ import annotations

from typing import Any

import pytest

from fine_tuning.data_io.usage import usage_of

PARTS = {"prompt_tokens": 1000, "completion_tokens": 50, "cached_tokens": 900}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 50,
                "total_tokens": 1050,
                "prompt_tokens_details": {"cached_tokens": 900, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            {**PARTS, "reasoning_tokens": 40},
        ),
        (
            {
                "input_tokens": 1000,
                "output_tokens": 50,
                "total_tokens": 1050,
                "input_tokens_details": {"cached_tokens": 900},
                "output_tokens_details": {"reasoning_tokens": 40},
            },
            {**PARTS, "reasoning_tokens": 40},
        ),
        ({"input_tokens": 100, "output_tokens": 50, "cache_read_input_tokens": 900}, PARTS),  # Anthropic
        *(
            (
                {"input_tokens": 9, "output_tokens": 5, "service_tier": "standard", **more},
                {"prompt_tokens": 9, "completion_tokens": 5, "service_tier": tier},
            )
            for more, tier in (
                ({"server_tool_use": {"web_search_requests": 0}, "inference_geo": "global"}, "standard"),
                ({"server_tool_use": {"web_search_requests": 3}}, "server tools"),
                ({"speed": "fast"}, "fast"),
                ({"inference_geo": "us"}, "us"),
            )
        ),
        *(
            (
                {"prompt_tokens": 9, "completion_tokens": 5, "cost": 0.5, **more},
                {"prompt_tokens": 9, "completion_tokens": 5, **({} if usd is None else {"charged_usd": usd})},
            )
            for more, usd in (  # of OpenRouter
                ({}, 0.5),
                ({"cost_details": {"upstream_inference_cost": 2.0}}, 0.5),
                ({"is_byok": True, "cost_details": {"upstream_inference_cost": 2.0}}, 2.5),
                ({"is_byok": True}, None),
                ({"cost": -1}, None),
                ({"cost": {"total_cost": 1}}, None),
            )
        ),
        (PARTS, PARTS),
        ({**PARTS, "cache_write_tokens": 40}, {**PARTS, "cache_write_tokens": 40}),
        (
            {
                "promptTokenCount": 1000,
                "toolUsePromptTokenCount": 500,
                "candidatesTokenCount": 5,
                "totalTokenCount": 1505,
            },
            {"prompt_tokens": 1500, "completion_tokens": 5},
        ),
        (
            {
                "input_tokens": 60,
                "output_tokens": 50,
                "cache_read_input_tokens": 900,
                "cache_creation_input_tokens": 40,
                "service_tier": "batch",
            },
            {**PARTS, "cache_write_tokens": 40, "service_tier": "batch"},
        ),
        (
            {
                "input_tokens": 960,
                "output_tokens": 50,
                "cache_creation_input_tokens": 40,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 30},
            },
            {
                "prompt_tokens": 1000,
                "completion_tokens": 50,
                "cache_write_tokens": 40,
                "cache_write_1h_tokens": 30,
            },
        ),
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 50,
                "prompt_tokens_details": {"audio_tokens": 20},
                "completion_tokens_details": {"audio_tokens": 40},
            },
            {"prompt_tokens": 1000, "completion_tokens": 50, "input_audio_tokens": 20, "output_audio_tokens": 40},
        ),
        (
            {
                "promptTokenCount": 1000,
                "candidatesTokenCount": 50,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 980},
                    {"modality": "AUDIO", "tokenCount": 20},
                ],
            },
            {"prompt_tokens": 1000, "completion_tokens": 50, "input_audio_tokens": 20},
        ),
        ({"prompt_tokens": 1000, "total_tokens": 1000}, {"prompt_tokens": 1000, "completion_tokens": 0}),  # embeddings
        ({"inputTokens": 100, "outputTokens": 50, "cacheReadInputTokens": 900, "totalTokens": 1050}, PARTS),  # Bedrock
        (
            {"prompt_tokens": 1000, "completion_tokens": 50, "cache_read_input_tokens": 900, "total_tokens": 1050},
            PARTS,  # LiteLLM
        ),
        (
            {
                "promptTokenCount": 1000,
                "candidatesTokenCount": 10,
                "totalTokenCount": 1050,
                "cachedContentTokenCount": 900,
                "thoughtsTokenCount": 40,
            },
            {**PARTS, "reasoning_tokens": 40},
        ),
        (
            {
                "input_tokens": 1000,
                "output_tokens": 50,
                "total_tokens": 1050,
                "input_token_details": {"cache_read": 900},
                "output_token_details": {"reasoning": 40},
            },
            {**PARTS, "reasoning_tokens": 40},  # LangSmith
        ),
        ({"inputTokens": 1000, "outputTokens": 50, "cachedInputTokens": 900}, PARTS),  # Vercel's AI SDK
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 10,
                "total_tokens": 1050,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            {"prompt_tokens": 1000, "completion_tokens": 50, "reasoning_tokens": 40},  # xAI
        ),
        ({"input": 100, "output": 50, "input_cached_tokens": 900, "total": 1050}, PARTS),  # Langfuse
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None}, None),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": "x"}}, None),
    ],
)
def test_usage_of_any_vendor_is_openais(given: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert usage_of(given) == (expected or {"prompt_tokens": 5, "completion_tokens": 2})


def test_usage_of_service_tier_beside_the_usage() -> None:
    found = usage_of({"prompt_tokens": 5, "completion_tokens": 2}, "flex")
    assert found == {"prompt_tokens": 5, "completion_tokens": 2, "service_tier": "flex"}
    assert usage_of({"prompt_tokens": 5}, 7) == {"prompt_tokens": 5, "completion_tokens": None}
    assert usage_of({}, "flex") is None
