"""Which formats a row may have by the names of its fields: most are ruled out before they look at the row itself."""

from __future__ import annotations

import re
from collections.abc import Collection

_OF_EXCHANGES = "response|response_body|responseBody|full_response|output|completion|answer"
_FIELDS = {  # of which every row of the format has one; formats that are not named here may have any
    name: re.compile(fields)
    for name, fields in {
        "litellm": "call_type|standard_logging_object",
        "langsmith": "run_type",
        "helicone": "request_body|signed_body_url|signed_body_content|raw_request_response_body",
        "portkey": "request|response",
        "opentelemetry": r"resourceSpans|resourceLogs|batches|traceID|trace|span_kind"
        r"|attributes(?:\..*)?|span_attributes|SpanAttributes",
        "langfuse": "observations|input",
        "batch": "custom_id|key|metadata",
        "bedrock-log": "schemaType|modelInput",
        "openai-responses": _OF_EXCHANGES,
        "gemini-log": _OF_EXCHANGES,
        "anthropic": _OF_EXCHANGES,
        "openai-log": _OF_EXCHANGES,
        "stored-completion": "choices|request",
        "open-webui": "data|chat|history|messages",
        "google-adk": "events|author",
        "chatgpt": "mapping",
        "cohere": "message|request",
        "langsmith-dataset": "inputs",
        "toolace": "system",
        "sharegpt": "conversations|conversation",
        "bedrock": "schemaVersion",
        "ai-sdk": "messages",
        "openai": "messages",
        "gemini": "contents",
        "alpaca": "instruction",
        "glaive": "sample|chat",
        "oasst": "message_tree_id|message_id",
        "xlam": "query",
        "squad": "answers",
        "chat-text": "text|prompt|content|conversation",
        "prompt-response": "prompt",
    }.items()
}


def may_be(name: str, fields: Collection[str]) -> bool:
    """Whether a row with these fields may be of a format, given its name."""
    telling = _FIELDS.get(name)
    return telling is None or any(telling.fullmatch(field) for field in fields)
