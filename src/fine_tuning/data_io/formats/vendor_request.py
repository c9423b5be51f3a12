"""Requests to models as vendors' APIs take them: OpenAI's two, Anthropic's Messages, Bedrock's Converse, Gemini's.

Sources: https://platform.openai.com/docs/api-reference/responses/create,
https://docs.anthropic.com/en/api/messages,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fine_tuning.data_io.beside import read_beside
from fine_tuning.data_io.dialects.conversation import read_messages, with_plain_texts
from fine_tuning.data_io.dialects.found_by_host import refuse_searched
from fine_tuning.data_io.dialects.hosted_items import with_listed_tools
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.json_values import JsonObject, Row, first_value, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.data_io.request_options import request_options, with_extra_body
from fine_tuning.errors import DataError

_SYSTEM_KEYS = ("system", "instructions", "systemInstruction", "system_instruction")
_CONVERSATION_KEYS = ("messages", "contents", "input", "input_messages")
_TOOL_CONFIGS = ("toolConfig", "tool_config")  # in Gemini's requests the choice, in Bedrock's the tools
_CACHED = "what is cached is with the host; log it with the request"
_SEARCHED = "what the host has found there is not in the text"
_TEMPLATE = "prompt_template"  # the id, version and variables of a prompt that the host has
_ONLY_THE_HOST_HAS = {
    "previous_response_id": "the turns before it are in another response; log the whole input",
    "conversation": "its earlier turns are with the host; log the whole input",
    "prompt": "its text is with the host; log the whole input",
    "cachedContent": _CACHED,
    "cached_content": _CACHED,
    "data_sources": _SEARCHED,
    "dataSources": _SEARCHED,
}


@dataclass(frozen=True)
class Request:
    """What a model was sent.

    Attributes:
        read: the fields of the request that hold it.
        options: on which the answer depends, as `request_options` has them.
    """

    messages: list[Message]
    tools: list[Tool] | None = None
    read: frozenset[str] = frozenset()
    options: JsonObject = field(default_factory=dict)


def is_request(value: object) -> bool:
    """Whether a parsed value holds a conversation as one of the APIs takes it."""
    if not is_object(value):
        return False
    contents = parse_embedded_json(value.get("contents"))
    is_one = is_object(contents) and "parts" in contents
    return is_one or is_list(contents) or is_list(parse_embedded_json(value.get("messages")))


def is_responses_request(value: object) -> bool:
    """Whether a parsed value is a request of OpenAI's Responses API."""
    if not is_object(value) or "messages" in value or "contents" in value:
        return False
    return isinstance(value.get("input"), str | list) and ("model" in value or "instructions" in value)


def read_request(given: Row, response: Row | None = None) -> Request:
    """The conversation and the tools of a logged request, with what else of it the model was sent.

    Args:
        response: to it, in which a host may have listed the tools of a server.

    Raises:
        DataError: it is malformed, a part of it is with the host only, or a field cannot be read into the conversation;
            the message names the field.
    """
    given = _with_template(_with_config(given), response or {})
    found = read_conversation(given, response)
    others = read_beside(given, found.messages, found.tools, None, found.read)
    return replace(found, messages=others.messages, tools=others.tools)


def _with_config(given: Row) -> Row:
    """A request with the fields that SDKs keep together, where the API has them beside the others."""
    given = with_extra_body(given)
    config = parse_embedded_json(given.get("config"))
    return {**config, **given} if "contents" in given and is_object(config) else given


def _with_template(given: Row, response: Row) -> Row:
    """A request to OpenAI's Responses with the text of its prompt template, which the response repeats."""
    instructions, template = response.get("instructions"), parse_embedded_json(given.get("prompt"))
    if not instructions or not is_object(template):
        return given
    return {**given, "instructions": instructions, "prompt": None, _TEMPLATE: template}


def read_conversation(given: Row, response: Row | None = None) -> Request:
    """As `read_request`, without the fields that no vendor's API has, for a row that is a request itself."""
    given = _with_config(given)
    key = next((key for key in _CONVERSATION_KEYS if given.get(key) not in (None, "", [])), None)
    _refuse_hosted(given)
    if key is None:
        raise DataError("the request's messages are missing; log them with the response")
    conversation = parse_embedded_json(given[key])
    if key == "contents" and is_object(conversation):  # which Google's APIs take for a list of one
        conversation = [conversation]
    if key == "contents" and is_list(conversation):  # whose role may be missing; then it is the user's
        conversation = [{"role": "user", **each} if is_object(each) else each for each in conversation]
    messages = with_plain_texts(read_messages(conversation, key))
    system_key = next((each for each in _SYSTEM_KEYS if given.get(each)), key)
    system = _system(given.get(system_key)) if system_key != key else []
    if messages[: len(system)] != system:
        messages = [*system, *messages]
    tools_key = "functions" if given.get("functions") and not given.get("tools") else "tools"
    tools = read_tools(_tools(given, tools_key, conversation, response or {}))
    options = request_options(given)
    if template := given.get(_TEMPLATE):
        options[_TEMPLATE] = template
    return Request(messages, tools, frozenset((key, system_key, tools_key, "config", *_TOOL_CONFIGS)), options)


def _refuse_hosted(given: Row) -> None:
    if given.get("raw") is True:
        raise DataError("the request is raw: its prompt has the marks of a chat template; write them as messages")
    refuse_searched(given)
    if _ONLY_THE_HOST_HAS.keys().isdisjoint(given):
        return
    for key, advice in _ONLY_THE_HOST_HAS.items():
        value = given.get(key)
        if value and not (key == "prompt" and isinstance(value, str)):
            raise DataError(f"the request has {key}: {advice}")


def _system(given: object) -> list[Message]:
    """The system message beside the conversation: a text, blocks, or an object with parts; or messages of any role."""
    value = parse_embedded_json(given)
    if is_list(value) and value and all(is_object(each) and "role" in each for each in value):
        return with_plain_texts(read_messages(value, "instructions"))
    stated: JsonObject = dict(value) if is_object(value) else {"content": value}
    messages = with_plain_texts(read_messages([{**stated, "role": "system"}], "system"))
    return [message for message in messages if message.get("content")]


def _tools(given: Row, key: str, conversation: object, response: Row) -> object:
    config = first_value(given, *_TOOL_CONFIGS)
    if is_object(config) and is_list(config.get("tools")):
        return config["tools"]
    tools = parse_embedded_json(given.get(key))
    return with_listed_tools(tools, conversation, response.get("output"))
