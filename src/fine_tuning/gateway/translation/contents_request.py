"""A request to Gemini's generateContent, whose fields may be written in either case, and whose stream is in its path.

Source: https://protobuf.dev/programming-guides/json/ (names of fields).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fine_tuning.data_io.dialects.tool_definitions import in_lower_case
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty
from fine_tuning.errors import DataError
from fine_tuning.gateway.upstreams import PUBLIC

_CONFIG, _SCHEMA, _THINKING = "generationConfig", "responseSchema", "thinkingConfig"
_UNDERSCORE = re.compile(r"_([a-z])")


def contents_fields(body: Row, *, is_streamed: bool) -> JsonObject:
    """The fields as the reference writes them, with the `stream` that other APIs have in the body."""
    found = _in_camel_case(body)
    if is_object(given := found.get(_CONFIG)):
        config = _in_camel_case(given)
        schema = {_SCHEMA: in_lower_case(config[_SCHEMA])} if _SCHEMA in config else {}
        thinking = {_THINKING: _in_camel_case(each)} if is_object(each := config.get(_THINKING)) else {}
        found[_CONFIG] = {**config, **schema, **thinking}
    for name in ("contents", "tools"):
        if is_object(only := found.get(name)):  # a list of one
            found[name] = [only]
    if is_list(tools := found.get("tools")):
        found["tools"] = [_in_camel_case(each) if is_object(each) else each for each in tools]
    return {**found, "stream": is_streamed}


def check_addresses(messages: Sequence[Row]) -> None:
    """Check that any vendor can read the images of a conversation.

    Raises:
        DataError: one is a file that was uploaded to Gemini's host, or is in its vendor's storage.
    """
    for message in messages:
        content = message.get("content")
        for part in map(object_or_empty, content if is_list(content) else []):
            address = str(object_or_empty(part.get("image_url")).get("url", "data:"))
            if not address.startswith(("data:", "http://", "https://")) or address.startswith(PUBLIC["gemini"]):
                raise DataError(f"the file {address} cannot be read by other hosts; send its content as inlineData")


def _in_camel_case(fields: Row) -> JsonObject:
    return {_UNDERSCORE.sub(lambda found: found[1].upper(), key): value for key, value in fields.items()}
