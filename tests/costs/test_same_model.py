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
