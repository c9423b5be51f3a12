"""Responses of status 200 that answer no chat: what a host sends that fails after it said that all is well, or in front
of which another program answers.
"""

from __future__ import annotations

from fine_tuning.data_io.finish_reasons import BROKEN_OFF, reason_in
from fine_tuning.data_io.formats import event_stream
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, object_or_empty, parse_embedded_json
from fine_tuning.errors import DataError
from fine_tuning.gateway.content_encodings import GarbledBodyError, decoded
from fine_tuning.gateway.translation.chat_apis import api_of_path


def answer_of(response: str | None) -> JsonObject:
    """A response, where it is an object or the events of one; else an empty one."""
    found = parse_embedded_json(response)
    if isinstance(found, str) or is_list(found):  # Gemini streams a list where nobody asks for events
        found = event_stream.joined(found)
    return dict(object_or_empty(found))


def is_broken(path: str, answered: Row) -> bool:
    """Whether a chat has no answer in its response: no object, an error, or a stream without its end. Other calls, such
    as for speech, may have anything.
    """
    if api_of_path(path) is None:
        return False
    has_error = bool(answered.get("error")) or answered.get("type") == "error"
    return not answered or has_error or reason_in(answered) == BROKEN_OFF


def is_broken_body(path: str, raw: bytes, encodings: str) -> bool:
    """The same of a response as it came; one in an encoding that is not read here may be whole."""
    try:
        text = decoded(raw, encodings).decode(errors="replace")
    except GarbledBodyError:
        return True
    except DataError:
        return False
    return is_broken(path, answer_of(text))
