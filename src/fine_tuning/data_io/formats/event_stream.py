"""A response that was logged as the events of its stream: a list, the text of server-sent events, or JSON lines.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from fine_tuning.data_io.formats import anthropic_stream, bedrock_stream, gemini_stream, ollama, openai_stream
from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, parse_embedded_json

_KEYS = ("streamed_data", "chunks", "events", "stream")  # under which loggers keep nothing but the events
_IS_STREAM = re.compile(r"\s*(?:data|event|id|retry)?:.*?\bdata:|\s*data:", re.DOTALL)
_LINE_END = re.compile(r"\r\n|\n|\r")  # no other character that Unicode counts among them
_BLANK = re.compile(rf"(?>{_LINE_END.pattern}){{2,}}")  # \r\n is one of them, and not two
_DONE = "[DONE]"
_JOINERS = (
    *(openai_stream.joined_chunks, openai_stream.joined_response, anthropic_stream.joined, gemini_stream.joined),
    *(bedrock_stream.joined, ollama.joined),
)


def joined(response: object) -> object:
    """The response that the events of a stream make; one that is no stream as it is.

    A stream without its end is of an answer that was broken off, and its finish reason is `error`. It is read up to the
    first event that is no JSON.
    """
    events = _events(response)
    if not events:
        return response
    if len(events) == 1 and is_object(events[0].get("error")):  # the host failed before it answered
        return events[0]
    return next((found for joiner in _JOINERS if (found := joiner(events))), response)


def _events(response: object) -> list[JsonObject]:
    if is_object(response):
        key = next((key for key in _KEYS if response.get(key) and len(response) == 1), None)
        return [] if key is None else _events(parse_embedded_json(response[key]))
    if is_list(response) and response and all(isinstance(each, str) for each in response):
        texts = [str(each) for each in response]
        response = "\n\n".join(text if _IS_STREAM.match(text) else f"data: {text}" for text in texts)
    if isinstance(response, str):
        return list(_events_in(response) if _IS_STREAM.match(response[:500]) else _json_lines(response))
    return [each for each in response if is_object(each)] if is_list(response) else []


def _events_in(text: str) -> Iterator[JsonObject]:
    for block in _BLANK.split(text.strip("\ufeff \r\n")):
        for event in events_of(block):
            if event is None:
                return
            yield event


def _json_lines(text: str) -> Iterator[JsonObject]:
    """The objects of JSON lines, as Ollama streams them; none of another text, and none of one object alone."""
    if not text.lstrip().startswith("{") or "\n" not in text.strip():
        return
    for line in _LINE_END.split(text):
        if line.strip():
            event = _parsed(line)
            if event is None:
                return
            yield event


def events_of(block: str) -> Iterator[JsonObject | None]:
    """The events in a block between empty lines; None for no JSON.

    There is one, or one a line, as logs without the empty lines have them.
    """
    lines = [line[5:].strip() for line in _LINE_END.split(block) if line.startswith("data:")]
    whole = _parsed("\n".join(lines))
    for event in [whole] if whole is not None or len(lines) < 2 else map(_parsed, lines):
        if lines and event != {}:
            yield event


def _parsed(text: str) -> JsonObject | None:
    """An event; an empty one for the mark of the end, None for no JSON."""
    if text.strip() == _DONE:
        return {}
    try:
        event: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return event if is_object(event) else None
