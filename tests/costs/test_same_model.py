"""One model under the names of hosts, routers, clouds and dates."""

from __future__ import annotations

import pytest

from fine_tuning._util.same_model import is_same


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("gpt-4o", "openai/gpt-4o", True),
        ("gpt-4o", "azure/gpt-4o", True),
        ("gpt-4o", "models/gpt-4o", True),
        ("gpt-4o", "openrouter/openai/gpt-4o-2024-08-06", True),
        ("gpt-4o", "openai:GPT-4o", True),
        ("gpt-3.5-turbo", "azure/gpt-35-turbo-0125", True),
        ("claude-3-haiku", "bedrock/us.anthropic.claude-3-haiku-20240307-v1:0", True),
        ("claude-3-haiku-20240307", "vertex_ai/claude-3-haiku@20240307", True),
        ("gemini-1.5-pro", "models/gemini-1.5-pro-002", True),
        ("ft:gpt-4o-mini:o::x", "openai/ft:gpt-4o-mini:o::x", True),
        ("openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5", True),
        ("anthropic/claude-4.5-sonnet", "claude-sonnet-4-5-20250929", True),
        ("anthropic/claude-3.5-sonnet:beta", "claude-3-5-sonnet-20241022", True),
        ("openai/gpt-4o:free", "gpt-4o", True),
        ("openai/gpt-4o:nitro", "gpt-4o", True),
        ("openrouter/openai/gpt-4o-2024-08-06:extended", "gpt-4o", True),
        ("openai/gpt-4o:floor", "gpt-4o:online", True),
        ("meta-llama/llama-3.1-8b-instruct:free", "accounts/fireworks/models/llama-v3p1-8b-instruct", True),
        ("llama3.1:latest", "llama3.1", True),
        ("ollama/llama3.1:latest", "llama3.1", True),
        ("vertex_ai/claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet-20241022", True),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-sonnet-20241022", True),
        ("vertex_ai/claude-3-5-sonnet-v2@20241022", "us.anthropic.claude-3-5-sonnet-20241022-v2:0", True),
        ("google/gemini-2.5-flash", "gemini-2.5-flash-preview-05-20", True),
        ("gemini-2.5-flash-preview-09-2025", "gemini/gemini-2.5-flash", True),
        ("command-r-08-2024", "command-r", True),
        ("cohere/command-r-plus-08-2024", "command-r-plus", True),
        ("gpt-4o ", " gpt-4o", True),
        ("gpt-4.1", "gpt-4-1", True),
        ("gpt-4o:free", "gpt-4o-mini:free", False),
        ("llama3.1:8b", "llama3.1:70b", False),
        ("llama3.1:8b", "llama3.1", False),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite", False),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite-preview-06-17", False),
        ("gemini-2.5-flash-preview-04-17", "gemini-2.5-flash-preview-05-20", False),
        ("gemini-2.5-flash-preview-tts", "gemini-2.5-flash", False),
        ("claude-3-5-sonnet", "claude-3-7-sonnet", False),
        ("anthropic/claude-3.5-sonnet", "anthropic/claude-3.5-haiku", False),
        ("claude-sonnet-4", "claude-sonnet-4.5", False),
        ("claude-3-5-sonnet-20240620", "vertex_ai/claude-3-5-sonnet-v2@20241022", False),
        ("command-r", "command-r-plus-08-2024", False),
        ("o1", "o1-preview", False),
        ("gpt-4-turbo", "gpt-4-turbo-preview", False),
        ("qwen2.5:7b", "qwen2:5.7b", False),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06", False),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o", "gpt-4.1", False),
        ("gpt-4o-mini", "ft:gpt-4o-mini:o::x", False),
        ("ft:gpt-4o-mini:o::x", "ft:gpt-4o-mini:o::y", False),
        ("llama3.2:3b", "ollama/llama3.2:1b", False),
        ("inbox-v1", "inbox-v2", False),
        ("inbox", "acme/inbox-v1", False),
    ],
)
def test_is_same_by_name(one: str, other: str, expected: bool) -> None:
    assert is_same(one, other) is is_same(other, one) is expected
    assert is_same(one, one)
