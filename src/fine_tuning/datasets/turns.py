"""What rows of chats are compared by: the words of their prompts, and hashes of the states that a conversation had.

Messages of the system are left out of both: many rows share them. Those that differ by more than a date tell prompts
apart; a conversation goes on under another one.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, cast

from fine_tuning.data_io.equal_answers import normal_form
from fine_tuning.data_io.messages import ContentPart, Message, Tool, said_content
from fine_tuning.datasets import words
from fine_tuning.datasets.canonical_calls import call_text, json_text
from fine_tuning.datasets.reasoning_blocks import without_reasoning

Messages = Sequence[Message]
_MODULUS, _BASE = 2**61 - 1, 0x1D8E4E27C47D124F  # of the rolling hash (Karp and Rabin, 1987)
_BETWEEN_MESSAGES = "␞"
_SYSTEM = frozenset(("system", "developer"))
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    rf"(?:\b(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:\b\d{{1,2}}(?:st|nd|rd|th)? {_MONTH},? \d{{4}}"
    rf"|\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})|\b\d{{4}}[-/.]\d\d?[-/.]\d\d?|\b\d\d?[-/.]\d\d?[-/.]\d{{4}}"
    r"|(?:\b|t)\d\d?:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[ap]m\b)?(?: ?(?:z|utc|gmt|[+-]\d\d:?\d\d)\b)?"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|(?:\d+年)?\d+月\d+日",
    re.IGNORECASE,
)
_WINDOWS_LINE, _LINE = "\r\n", "\n"


class PromptWords(NamedTuple):
    """The words of a prompt.

    Attributes:
        text: words with a space between.
        last: the number of words, at the end, of the last turn: the messages after the last one of the assistant. 0
            where that is the whole prompt.
    """

    text: str
    last: int = 0


class States(NamedTuple):
    """Hashes of the states of a conversation; a state is a run of messages that ends with one of the assistant, or the
    question before the first answer, which may have been given again.

    A log of the last messages may begin with any of them: with an answer, or with the result of a tool.

    Attributes:
        whole: of all messages; 0 where there is no state.
        unasked: of the same without the last question: the messages between the last two of the assistant.
        starts: three 8-byte numbers each: an earlier state, the message that follows it, and the state without its
            last question, 0 where that is the state.
        ends: pairs of states that a log of the last messages only has: the run, and the message before it.
    """

    whole: int = 0
    unasked: int = 0
    starts: bytes = b""
    ends: bytes = b""


def texts(messages: Messages) -> list[str]:
    """The texts of messages, tool calls included."""
    found = []
    for message in messages:
        content = _compared_content(message)
        if isinstance(content, str):
            found.append(content)
        elif content:
            found += [str(part["text"]) if "text" in part else json.dumps(part, sort_keys=True) for part in content]
        if message.get("tool_calls"):
            found.append(call_text(message["tool_calls"]))
    return found


def turns(messages: Messages) -> Messages:
    """Messages of user, assistant and tools. Rows that share a system message are not duplicates."""
    return [message for message in messages if message.get("role") not in _SYSTEM]


def apart(prompt: Messages, unread: bytes = b"") -> int:
    """A key that near-duplicates have in common, however much their words are alike; 0 for nothing.

    Args:
        unread: columns that may be a part of the question; see `Examined.apart`.
    """
    system = [text for message in prompt if message.get("role") in _SYSTEM for text in texts([message])]
    words_of = [found for text in system if (found := _undated(text))]
    return hash_of("\0".join([*words_of, unread.decode()])) if words_of or unread else 0


@lru_cache(maxsize=1024)
def _undated(text: str) -> str:
    """The words of a system prompt, without the day and the time at which it was sent."""
    return words.normalised(_DATE.sub(" ", text))


def exact_prompt_words(prompt: Messages, tools: Sequence[Tool]) -> PromptWords:
    """As `prompt_words`, with all that differs between prompts: see `words.exact`; tools and system messages count."""
    found = prompt_words(prompt, is_exact=True)
    if not tools:
        return found
    return PromptWords(f"{found.text} {_BETWEEN_MESSAGES} {hash_of(json.dumps(tools, sort_keys=True)):x}", found.last)


def prompt_words(prompt: Messages, *, is_exact: bool = False) -> PromptWords:
    """A prompt's words; a hash for one with other content or without words, which only its equals have.

    Args:
        is_exact: see `words.exact`; system messages count, too.
    """
    messages = prompt if is_exact else turns(prompt)
    text = messages[0].get("content") if len(messages) == 1 and not is_exact else None
    if isinstance(text, str) and (only := words.normalised(text)):  # most rows
        return PromptWords(only)
    parts = [part for message in messages if isinstance(found := message.get("content"), list) for part in found]
    if all(part.get("type") == "text" for part in parts):
        if is_exact:
            lines = [f"{message.get('role')} {words.exact(' '.join(texts([message])))}" for message in messages]
            return PromptWords(f" {_BETWEEN_MESSAGES} ".join(lines))
        answers = [at for at, message in enumerate(messages) if message.get("role") == "assistant"]
        answered = answers[-1] + 1 if answers else 0
        last = words.normalised(" ".join(texts(messages[answered:])))
        if not answered and last:
            return PromptWords(last)
        if whole := f"{words.normalised(' '.join(texts(messages[:answered])))} {last}".strip():
            return PromptWords(whole, last.count(" ") + 1 if last else 0)
    return PromptWords(f"{hash_of(json.dumps(prompt, sort_keys=True)):x}")


def states(messages: Messages) -> States:
    """The states of a conversation."""
    kept = turns(messages)
    roles = [message.get("role") for message in kept]
    if "user" not in roles or roles[-1] != "assistant":
        return States()
    hashes = [_message_hash(message) for message in kept]
    until = [0]
    for each in hashes:
        until.append((until[-1] * _BASE + each) % _MODULUS)
    first = roles.index("assistant")
    starts, ends, power = array("Q", (until[first], hashes[first], 0) if first else ()), array("Q"), 1
    before = unasked = 0
    for at in range(first, len(kept)):
        if roles[at] == "assistant":
            unasked, before = (before * _BASE + hashes[at]) % _MODULUS, until[at + 1]
            if at + 1 < len(kept):
                starts.extend((before, hashes[at + 1], unasked))
    for at in range(len(kept) - 1, 0, -1):
        power = power * _BASE % _MODULUS
        ends.extend(((until[-1] - until[at] * power) % _MODULUS, hashes[at - 1]))
    return States(until[-1], unasked, starts.tobytes(), ends.tobytes())


def answered(messages: Messages) -> list[tuple[int, int]]:
    """The place of each answer after the first question, with the state that it ends: `whole` of its own row."""
    found, until, has_question = [], 0, False
    for at, message in enumerate(messages):
        if (role := message.get("role")) not in _SYSTEM:
            until = (until * _BASE + _message_hash(message)) % _MODULUS
            has_question = has_question or role == "user"
            if role == "assistant" and has_question:
                found.append((at, until))
    return found


def hash_of(text: str) -> int:
    """Eight bytes of a hash; never 0, which stands for nothing."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") or 1


def _message_hash(message: Message) -> int:
    """A hash of what a message says, which stays the same when an agent writes its history anew.

    Reasoning before an answer counts only where nothing comes after it.
    """
    content, calls, role = _compared_content(message), message.get("tool_calls"), message.get("role")
    if isinstance(content, str) and not calls:
        shown = json_text(content, is_timeless=True) if role == "tool" else content
        if role == "assistant":
            shown = without_reasoning(content) or content
    else:
        kept = [each for each in texts([{"role": message["role"], "content": content}]) if each.strip()]
        if role == "assistant":
            kept = [each for text in kept if (each := without_reasoning(text).strip())] or ([] if calls else kept)
        shown = "\0".join([*kept, call_text(calls, is_timeless=True)] if calls else kept)
    text = f"{role}\0{shown.replace(_WINDOWS_LINE, _LINE).strip()}"
    return hash_of(normal_form(text)) % _MODULUS or 1


def _compared_content(message: Message) -> str | list[ContentPart] | None:
    return cast("str | list[ContentPart] | None", said_content(message))
