"""The fields of a row beside its conversation: read into the call, refused by name, or kept as metadata."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io.blank_text import stands_for_nothing
from fine_tuning.data_io.context_columns import is_token_ids, refuse_choices, says_premise
from fine_tuning.data_io.conversation_texts import ConversationTexts, texts
from fine_tuning.data_io.dialects import images, unread_keys
from fine_tuning.data_io.dialects.content import read_content
from fine_tuning.data_io.dialects.conversation import read_messages, with_plain_texts
from fine_tuning.data_io.dialects.history import read_history, with_history
from fine_tuning.data_io.dialects.tool_calls import tool_calls
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.key_meanings import (
    Meaning,
    is_annotation,
    is_choice,
    is_reasoning,
    may_repeat_answers,
    meaning_of,
)
from fine_tuning.data_io.messages import ContentPart, Message, Tool, content_text, length_of_request, text_of
from fine_tuning.errors import DataError

_NOTHING: tuple[object, ...] = ("", [], {}, False, None)
_SYSTEM_ROLES = {"system", "developer"}
_TURNS = {"messages", "contents", "conversations"}
_ELSEWHERE = "put it into a message, or into metadata if the model was not sent it"


class Conversation(NamedTuple):
    """What the model was sent and what it answered, and the fields that are no part of it."""

    messages: list[Message]
    tools: list[Tool] | None
    metadata: JsonObject


def read_beside(
    row: Row,
    messages: list[Message],
    tools: list[Tool] | None,
    rejected: list[Message] | None,
    read: Collection[str],
) -> Conversation:
    """The conversation with what stands beside it in its row.

    Args:
        read: fields that were read already.

    Raises:
        DataError: a field belongs to the conversation and cannot be read into it; the message names it.
    """
    others: JsonObject = {key: value for key, value in row.items() if value is not None and key not in read}
    if not others:
        return Conversation(messages, tools, {})
    if "objects" in others:
        images.refuse_boxes(parse_embedded_json(others["objects"]), (*messages, *(rejected or ())))
    kept: JsonObject = {}
    fields: dict[Meaning, JsonObject] = {}
    for key, value in others.items():
        meaning = meaning_of(key)
        # Tokens are of a prompt and its answer; those of a request are of turns before it, which would be lost.
        is_kept = is_annotation(key, value, row) or (read and is_token_ids(key, value) and not _TURNS & row.keys())
        if meaning is None or (meaning is Meaning.SEEN and is_kept):
            kept[key] = value
        elif value not in _NOTHING and not (isinstance(value, str) and stands_for_nothing(value)):
            fields.setdefault(meaning, {})[key] = value
    unread_keys.note({key: value for key, value in kept.items() if is_reasoning(key)}, (), "row")
    premises = {key: kept.pop(key) for key in [*kept] if says_premise(key, kept[key])}
    kept |= premises
    if premises or any(map(is_choice, kept)):
        request = "\n".join(content_text(each.get("content")) for each in messages[: length_of_request(messages)])
        _refuse_premises(premises, request)
        refuse_choices(kept, request)
    if not fields:
        return Conversation(messages, tools, kept)
    kept |= fields.get(Meaning.OPTION, {})
    messages = _with_history(fields.get(Meaning.HISTORY, {}), messages, rejected)
    messages = with_system(fields.get(Meaning.SYSTEM, {}), messages)
    messages = _with_images(fields, messages)
    for key, value in fields.get(Meaning.TOOLS, {}).items():
        tools = _with_tools(key, value, tools, kept)
    for key, value in fields.get(Meaning.CALLS, {}).items():
        messages = _with_calls(key, value, messages, kept)
    for key in fields.get(Meaning.MEDIA, {}):
        raise DataError(f"{key} cannot be read here; the row would lose it")
    _refuse_lost(fields.get(Meaning.SEEN, {}), messages, rejected, kept)
    return Conversation(messages, tools, kept)


def with_system(fields: Row, messages: list[Message]) -> list[Message]:
    """The conversation, after the system message that stands beside it; once, if it has it too.

    Args:
        fields: with names of system prompts; others are passed over.

    Raises:
        DataError: one holds no text, or two hold different ones.
    """
    stated = {key: value for key, value in fields.items() if value and meaning_of(key) is Meaning.SYSTEM}
    found = {key: text for key, value in stated.items() if (text := _system_text(key, value)).strip()}
    if not found:
        return messages
    system_texts = [content_text(each.get("content")) for each in messages if str(each.get("role")) in _SYSTEM_ROLES]
    left = {key: text for key, text in found.items() if not any(text.strip() in each for each in system_texts)}
    if len({text.strip() for text in left.values()}) > 1:
        raise DataError(f"{' and '.join(left)} are different system prompts; write one")
    for text in list(left.values())[:1]:
        messages = [{"role": "system", "content": text}, *messages]
    return messages


def _system_text(key: str, value: object) -> str:
    """The text of a system prompt: a text, parts, or an object that holds either, as Gemini and Anthropic have it."""
    parsed = parse_embedded_json(value)
    if is_object(parsed) and (parsed.keys() & {"parts", "content", "text"}):
        value = parsed
    if isinstance(value, str):
        return value
    given = value if is_list(value) else [value]
    if not all(is_object(each) or (isinstance(each, str) and is_list(value)) for each in given):
        raise DataError(f"{key} must be text, not {json_kind(value)}")
    stated = [{**each, "role": "system"} for each in given if is_object(each) and "type" not in each]
    found = stated if len(stated) == len(given) else [{"role": "system", "content": given}]
    contents: list[object] = [each.get("content") for each in with_plain_texts(read_messages(found, key))]
    parts = [part for each in contents for part in (each if is_list(each) else [{"type": "text", "text": each}])]
    if not all(is_object(part) and part.keys() == {"type", "text"} and isinstance(part["text"], str) for part in parts):
        raise DataError(f"{key} holds something else than text, which a system message cannot say")
    return ("\n\n" if stated else "").join(content_text(each) for each in contents)


def _with_history(fields: Row, messages: list[Message], rejected: list[Message] | None) -> list[Message]:
    for key, value in fields.items():
        turns = read_history(value)
        found = None if turns is None else with_history(turns, messages)
        if found is None and not (_texts_of(messages, rejected).has_all(value, is_copy=True) and any(texts(value))):
            if turns is None and not isinstance(value, str):
                raise DataError(f"{key} must be a list of [question, answer], or of messages")
            raise DataError(f"{key} is not part of the conversation, and would be lost; {_ELSEWHERE}")
        messages = messages if found is None else found
    return messages


def _with_images(fields: Mapping[Meaning, JsonObject], messages: list[Message]) -> list[Message]:
    given = {**fields.get(Meaning.IMAGES, {}), **_attached(fields.get(Meaning.FILES, {}))}
    if not given:
        return messages
    (key, first), *more = given.items()
    if any(_listed(each) != _listed(first) for _, each in more):
        raise DataError(f"{' and '.join(given)} are different images; put them into one list")
    return images.with_images(key, first, messages)


def _listed(value: object) -> list[object]:
    parsed = parse_embedded_json(value)
    return parsed if is_list(parsed) else [parsed]


def _attached(fields: Row) -> JsonObject:
    """The addresses of attached files, which have to be images."""
    found: JsonObject = {}
    for key, value in fields.items():
        parts = [{"type": "file", **each} if is_object(each) else each for each in _listed(value)]
        if not all(is_object(each) for each in parts):
            raise DataError(f"{key} holds names of files, whose content would be lost; {_ELSEWHERE}")
        read = read_content(parts, key, 0).parts
        found[key] = [_url(part) for part in read]
    return found


def _url(part: ContentPart) -> str:
    return part["image_url"]["url"] if "image_url" in part else ""


def _with_tools(key: str, value: object, tools: list[Tool] | None, kept: JsonObject) -> list[Tool] | None:
    parsed = parse_embedded_json(value)
    if isinstance(parsed, str) and not key.lower().rstrip().endswith("s"):
        kept[key] = value  # the name of one
        return tools
    if not is_object(parsed) and not is_list(parsed):
        kept[key] = value
        if isinstance(parsed, str):
            raise DataError(f"{key} must be a list of definitions of tools, not text")
        return tools
    try:
        found = read_tools(parsed)
    except DataError as error:
        raise DataError(str(error) if str(error).startswith(key) else f"{key}: {error}") from None
    if found is not None and tools is not None and found != tools:
        raise DataError(f"{key} are other tools than those of the row; put them into one list")
    return tools if found is None else found


def _with_calls(key: str, value: object, messages: list[Message], kept: JsonObject) -> list[Message]:
    """The conversation whose empty answer makes the calls that stand beside it."""
    parsed = parse_embedded_json(value)
    if not is_list(parsed) and not (is_object(parsed) and ("arguments" in parsed or "function" in parsed)):
        kept[key] = value  # a number of calls, or whether some are allowed
        return messages
    place = len(messages) - 1
    calls = tool_calls(parsed, place)
    last = messages[-1] if messages else None
    if calls is None or last is None or last.get("role") != "assistant":
        raise DataError(f"{key} cannot be read here; put the calls into the message that makes them")
    called = {text_of({"tool_calls": each["tool_calls"]}) for each in messages if each.get("tool_calls")}
    if text_of({"tool_calls": calls}) in called:
        return messages
    if content_text(last.get("content")).strip() or last.get("tool_calls"):
        raise DataError(f"{key} are not of the last message, which says something else; put them into their message")
    return [*messages[:-1], {**last, "content": None, "tool_calls": calls}]


def _texts_of(messages: list[Message], rejected: list[Message] | None) -> ConversationTexts:
    last = max((at for at, each in enumerate(messages) if each.get("role") != "assistant"), default=-1)
    answers = [*messages[last + 1 :], *(rejected or [])]
    request, answered = (
        [content_text(each.get("content")) for each in part] for part in (messages[: last + 1], answers)
    )
    return ConversationTexts(request, answered)


def _refuse_premises(fields: JsonObject, request: str) -> None:
    """Refuse what a question rests on and does not say, such as the schema of a database or a table."""
    request = " ".join(request.split())
    for key, value in fields.items():
        if not all(" ".join(text.split()) in request for text in texts(parse_embedded_json(value))):
            raise DataError(f"{key} is not part of the conversation, and would be lost; {_ELSEWHERE}")


def _refuse_lost(fields: Row, messages: list[Message], rejected: list[Message] | None, kept: JsonObject) -> None:
    if not fields:
        return
    conversation = _texts_of(messages, rejected)
    for key, value in fields.items():
        value = parse_embedded_json(value)
        if isinstance(value, bool | int | float):
            kept[key] = value
        elif not any(texts(value)):
            if is_list(value):
                raise DataError(f"{key} holds no text, and what it stands for would be lost; {_ELSEWHERE}")
            kept[key] = value
        elif not conversation.has_all(value, is_copy=may_repeat_answers(key)):
            raise DataError(f"{key} is not part of the conversation, and would be lost; {_ELSEWHERE}")
