"""A conversation in any vendor's words, as OpenAI's messages: the one form in which calls are stored and used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, cast

from fine_tuning.data_io.broken_json import ANY_JSON, refuse_broken_json, why_no_json
from fine_tuning.data_io.dialects import found_by_host, hosted_items, message_keys
from fine_tuning.data_io.dialects.calls_beside import CALL_KEYS, calls_beside, together
from fine_tuning.data_io.dialects.content import has_result, is_canonical, kind_of, read_content
from fine_tuning.data_io.dialects.images import with_images
from fine_tuning.data_io.dialects.marked_calls import has_mark, marked_calls, text_of_call
from fine_tuning.data_io.dialects.quoted_calls import quoted_call
from fine_tuning.data_io.dialects.result_content import result_content
from fine_tuning.data_io.dialects.tool_calls import NAME_KEYS, calls_of, is_made, made_id, tool_calls
from fine_tuning.data_io.dialects.tool_results import Result, Unanswered, has_failed, tagged_results
from fine_tuning.data_io.dialects.ui_messages import turns_of
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    flag_or_value,
    is_list,
    is_object,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message, ToolCall
from fine_tuning.errors import DataError

ROLES = {
    **dict.fromkeys(("user", "human", "prompter", "customer"), "user"),
    **dict.fromkeys(("assistant", "ai", "gpt", "model", "bot", "chatbot", "chatgpt", "bing", "bard"), "assistant"),
    "system": "system",
    "developer": "developer",
    **dict.fromkeys(("tool", "function", "observation", "function_response", "ipython", "tool_response"), "tool"),
    **dict.fromkeys(("function-response", "tool-response"), "tool"),
    **dict.fromkeys(("function_call", "tool_call", "function-call"), "call"),  # a message that is a call alone
}
_CLASS = re.compile(r"(?<=\w)Message(?:Chunk)?$")  # of LangChain's messages
_CALLS_ALONE = {"role", "content", "tool_calls"}
_KNOWN = {"system", "developer", "user", "assistant"}
_SPEAKER_KEYS = ("role", "from", "type", "speaker")
_SPEAKERS = frozenset(_SPEAKER_KEYS)
_CONTENT_KEYS = ("content", "value", "parts", "text")
_KEPT = ("name", "weight", "refusal")


_AS_WRITTEN: ContextVar[bool] = ContextVar("as_written", default=False)


@contextmanager
def texts_as_written() -> Iterator[None]:
    """Leave marks of templates in texts, while this is open: in a live call they are no calls and no results.

    Readers of messages are called at the bottom of every format, as for `unread_keys.noted`.
    """
    token = _AS_WRITTEN.set(True)
    try:
        yield
    finally:
        _AS_WRITTEN.reset(token)


def role_of(speaker: object) -> str | None:
    """The role of who speaks, also by LangChain's names of messages, such as `AIMessageChunk`; None for others."""
    return None if speaker is None else ROLES.get(_CLASS.sub("", str(speaker)).lower())


def read_messages(given: object, label: str) -> list[Message]:
    """Messages of any dialect as OpenAI's: roles, parts, calls with ids and JSON text, a message for each result.

    A message that cannot be understood is left as it is, for `chat_checks` to say what is wrong with it.

    Args:
        given: a list of messages, one message, or a text of the user.
        label: of the list, for messages: `messages`, `input`.

    Raises:
        DataError: it is none of these, or has content that is neither text nor an image, such as audio.
    """
    given = parse_embedded_json(given)
    if isinstance(given, str):
        refuse_broken_json(given, label)
        return [{"role": "user", "content": given}]
    if is_object(given):
        given = [given]
    if not is_list(given) or not all(map(is_object, given)):
        raise DataError(f"{label} must be a list of objects")
    messages = cast("list[JsonObject]", given)
    plain = [_plain_message(each) for each in messages]
    if None not in plain:
        return cast("list[Message]", plain)
    reader = _Reader(label)
    for place, (message, each) in enumerate(zip(plain, messages, strict=True)):
        reader.add(each, f"{label}[{place}]", message)
    reader.answer_calls()
    return reader.messages


def read_answer(given: object, label: str) -> list[Message]:
    """As `read_messages`, for what a model answered: a text is the assistant's, and so is a message without a role."""
    if isinstance(given, str):
        refuse_broken_json(given, label)
        return [{"role": "assistant", "content": given}]
    found = [given] if is_object(given) else given
    if is_list(found):
        found = [
            {"role": "assistant", **each} if is_object(each) and _SPEAKERS.isdisjoint(each) else each for each in found
        ]
    return read_messages(found, label)


def with_plain_texts(messages: list[Message]) -> list[Message]:
    """The messages, each whose content is one part of text as that text: some vendors write no other."""
    return [
        cast("Message", {**each, "content": _plain(each["content"])}) if "content" in each else each
        for each in messages
    ]


def _plain(content: object) -> object:
    only = content[0] if is_list(content) and len(content) == 1 else None
    return (
        only["text"] if is_object(only) and only.get("type") == "text" and only.keys() == {"type", "text"} else content
    )


def _plain_message(given: JsonObject) -> Message | None:
    """A message that is a role and a text alone, as most are; None for others."""
    if len(given) != 2:
        return None
    is_ours = "role" in given
    role, content = (given["role"], given.get("content")) if is_ours else (given.get("from"), given.get("value"))
    if not isinstance(role, str) or not isinstance(content, str) or (has_mark(content) and not _AS_WRITTEN.get()):
        return None
    if is_ours:
        return cast("Message", given) if role in _KNOWN else None
    known = ROLES.get(role)
    return {"role": known, "content": content} if known in _KNOWN else None


class _Waiting(NamedTuple):
    """A result of a tool, the message that it is in, and the other fields of that message."""

    result: Result
    where: str
    others: Row


class _Reader:
    """Reads messages one after the other: results belong to the calls before them.

    Results wait until all of a turn are there, since those that do not say which call they answer are matched together.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._unanswered = Unanswered()
        self._results: list[_Waiting] = []
        self.messages: list[Message] = []

    def add(self, given: JsonObject, where: str, plain: Message | None = None) -> None:
        """Add the message or messages that `given` is.

        Args:
            plain: the message, where `given` is a role and a text alone.
        """
        if plain is not None:
            self._append(plain)
            return
        given = _unwrapped(given)
        if "role" not in given and (items := hosted_items.items_of(given, where)) is not None:
            for item in items:
                self.add(item, where, _plain_message(item))
            return
        speaker = next((given[key] for key in _SPEAKER_KEYS if isinstance(given.get(key), str)), None)
        if "role" not in given and speaker == "function_call_output":  # an item of OpenAI's Responses
            speaker = "tool"
        role = role_of(speaker)
        if "role" not in given and speaker == "message":
            role = "assistant"
        if role is None:
            self._append(cast("Message", given))
        elif role == "tool":
            self._add_results(given, where)
        elif role == "call":
            self._add_call(given, where)
        else:
            for turn in turns_of(given):
                self._add_turn(turn, role, where)

    def _append(self, message: Message) -> None:
        self.answer_calls()
        self.messages.append(message)
        self._unanswered.add(message)

    def _add_call(self, given: JsonObject, where: str) -> None:
        self.answer_calls()
        value = given if "name" in given else first_value(given, *_CONTENT_KEYS)
        value = (quoted_call(value) or value) if isinstance(value, str) else value
        calls = tool_calls({**value, "type": None} if is_object(value) else value, len(self.messages))
        if calls is None:
            refuse_broken_json(value, where, ANY_JSON)
            raise DataError(f"{where} must be JSON with name and arguments of the call")
        if (own := given.get("tool_call_id")) and len(calls) == 1 and is_made(calls[0]["id"]):  # beside the text
            calls = [{**calls[0], "id": str(own)}]
        if given.get("type") == "function_call" or self._has_open_calls():  # parallel calls are items of their own
            self._join_calls(calls)
        else:
            self._append({"role": "assistant", "content": None, "tool_calls": calls})

    def _has_open_calls(self) -> bool:
        """Whether the last message has calls, and no result yet."""
        return bool(self.messages) and not self._results and bool(calls_of(self.messages[-1]))

    def _join_calls(self, calls: list[ToolCall]) -> None:
        """Add calls to the last message of the assistant, where there is one."""
        last = self.messages[-1] if self.messages else None
        if last is None or last.get("role") != "assistant":
            self._append({"role": "assistant", "content": None, "tool_calls": calls})
            return
        before, place = calls_of(last), len(self.messages)
        calls = [
            cast("ToolCall", {**call, "id": made_id(place, len(before) + at)}) if is_made(call["id"]) else call
            for at, call in enumerate(calls)
        ]
        # The message may be a part of the row, which stays as it is.
        together: Message = {"content": None, **last, "tool_calls": [*before, *calls]}
        self.messages[-1] = together
        self._unanswered.join(calls)

    def _add_results(self, given: JsonObject, where: str) -> None:
        content = next((given[key] for key in (*_CONTENT_KEYS, "output") if given.get(key) is not None), "")
        own = first_value(given, "tool_call_id", "toolCallId", "tool_use_id", "call_id")
        named = first_value(given, *NAME_KEYS)
        name = named if isinstance(named, str) else None
        if is_list(content) and has_result(content):
            read = read_content(content, where, len(self.messages))
            if read.parts or read.calls:
                raise DataError(f"{where} has more than results of tools, which a message of that role cannot say")
            self._results += [_Waiting(result, where, {}) for result in read.results]
            return
        is_marked = isinstance(content, str) and own is None and not _AS_WRITTEN.get()
        tagged = tagged_results(str(content)) if is_marked else None
        message_keys.note_unread_of_result(given, _READ_OF_RESULTS)
        message_keys.note_learnt(given, "tool")
        others = {key: given[key] for key in ("name",) if given.get(key) is not None}
        texts: list[object] = [*tagged] if tagged else [content]
        for each in texts:
            result = Result(None if own is None else str(own), name, each, has_failed(given))
            self._results.append(_Waiting(result, where, others))

    def answer_calls(self) -> None:
        """Add a message for each result that waits, each with the id of its call."""
        if not self._results:
            return
        waiting, self._results = self._results, []
        results = [each.result for each in waiting]
        if (shared := self._unanswered.of_all(results)) is not None:
            results, waiting = shared, waiting * len(shared)
        for result, call_id, (_, where, others) in zip(results, self._unanswered.take(results), waiting, strict=True):
            if call_id is None:
                raise DataError(f"{where} answers a tool call that {self._why_no_call()}")
            content = result_content(result, where)
            message = {"role": "tool", "tool_call_id": call_id, "content": content, **others}
            self.messages.append(cast("Message", message))

    def _why_no_call(self) -> str:
        """Why a result has no call: the text before it may hold one between marks, whose JSON is broken."""
        content = self.messages[-1].get("content") if self.messages else None
        written = text_of_call(content) if isinstance(content, str) else None
        return (
            "does not exist" if written is None else f"{why_no_json(written)} (between the marks in the answer before)"
        )

    def _add_turn(self, given: JsonObject, role: str, where: str) -> None:
        """Add a message of the system, the user or the assistant, and the results in it."""
        if role == "assistant":
            self.answer_calls()  # their messages come before it, and its place is in the ids of its calls
        message, results = self._turn(given, role, where)
        has_more = not results or message["content"] is not None or "tool_calls" in message
        if has_more and role == "assistant":
            if message.keys() == _CALLS_ALONE and message["content"] is None and self._has_open_calls():
                self._join_calls(calls_of(cast("Message", message)))
            else:
                self._append(cast("Message", message))
        self._results += [_Waiting(result, where, {}) for result in results]  # before what the user says beside them
        if has_more and role != "assistant":
            self._append(cast("Message", message))

    def _turn(self, given: JsonObject, role: str, where: str) -> tuple[JsonObject, list[Result]]:
        found_by_host.refuse_cited(given, where)
        if role == "assistant":
            found_by_host.refuse_found_in_message(given, where)
        content = written = _content(given)
        place = len(self.messages)
        calls: Sequence[object] = calls_beside(given, place, where)
        refusal: str | None = None
        results: list[Result] = []
        is_part = is_object(content) and kind_of(content) is not None
        if is_part or (is_list(content) and not is_canonical(content)):
            read = read_content(content if is_list(content) else [content], where, place)
            content, results, refusal = read.value(), read.results, read.refusal
            calls = together(calls, read.calls, where) if calls and read.calls else calls or read.calls
        elif not isinstance(content, str) or _AS_WRITTEN.get():
            pass
        elif role == "assistant" and not calls:
            tagged = marked_calls(content, place)
            content, calls = (content, ()) if tagged is None else (tagged[0], tagged[1])
        elif role == "user" and len(self._unanswered):
            results = [Result(None, None, text) for text in tagged_results(content) or ()]
            content = None if results else content
        message: JsonObject = {"role": role, "content": content}
        if refusal is not None:
            message["refusal"] = refusal
        message.update({key: given[key] for key in _KEPT if given.get(key) is not None})
        flag = next((given[key] for key in message_keys.FLAGS if given.get(key) is not None), None)
        if role == "assistant" and (flag is not None or "weight" in message):
            learnt = int(flag) if isinstance(flag, bool) else flag
            message["weight"] = flag_or_value(message.get("weight", learnt))
        if role != "assistant":
            message.pop("weight", None)
            message_keys.note_learnt(given, role)
        own = {"images": images} if role == "user" and (images := given.get("images")) else {}  # as Ollama has them
        message.update(message_keys.unknown(given, _READ | own.keys()))
        # A second text beside the content is no other one for marks that were read out of the content.
        message_keys.note_unread(given, _READ | own.keys(), written if isinstance(written, str) else content)
        if own:
            message = dict(with_images(f"{where}.images", own["images"], [cast("Message", message)])[0])
        if calls:
            message.update(tool_calls=list(calls), content=content or None)
        return message, results


def _content(given: Row) -> object:
    """The content under any of its names; null where it says so, and nothing else says more."""
    found = [given[key] for key in _CONTENT_KEYS if given.get(key) is not None]
    if "content" in given and given["content"] is None and found in ([], [""]):
        return None
    return found[0] if found else None


_READ = frozenset((*_SPEAKER_KEYS, *_CONTENT_KEYS, *_KEPT, *message_keys.FLAGS, *CALL_KEYS, "additional_kwargs"))
_READ_OF_RESULTS = _READ | {*NAME_KEYS, "output", "tool_call_id", "toolCallId", "tool_use_id", "call_id"}


def _unwrapped(given: JsonObject) -> JsonObject:
    """The message inside LangChain's and other wrappers, without the nulls of a table."""
    kwargs = given.get("kwargs")
    if given.get("type") == "constructor" and is_object(kwargs):
        names = given.get("id")
        kind = _CLASS.sub("", str(names[-1] if is_list(names) and names else "")).lower()
        given = {**kwargs, "type": kind}
    elif is_object(data := given.get("data")) and "content" in data and "role" not in given:
        given = {**data, "type": given.get("type")}
    elif is_object(message := given.get("message")) and "role" in message and "role" not in given:
        given = message
    return {key: value for key, value in given.items() if value is not None or key == "content"}
