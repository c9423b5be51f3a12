"""Ollama's own API: its streams of JSON lines, and its chats and generated texts in the words of OpenAI's chat API.

Sources: https://docs.ollama.com/api/chat, https://docs.ollama.com/api/generate
"""

from __future__ import annotations

from collections.abc import Sequence

from fine_tuning.data_io.finish_reasons import BROKEN_OFF
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty

CHAT = "chat.completion"
_TEXTS = ("content", "thinking")
_OF_GENERATION = frozenset(
    "model prompt system suffix images template context raw format options stream think keep_alive logprobs "
    "top_logprobs".split()
)


def is_native(body: Row) -> bool:
    """Whether a response, or a piece of one, is of this API."""
    has_text = is_object(body.get("message")) or isinstance(body.get("response"), str)
    return isinstance(body.get("done"), bool) and has_text and "choices" not in body


def joined(events: Sequence[JsonObject]) -> JsonObject:
    """The response that the lines of a stream make; an empty object if they are of another stream."""
    if not events or not is_native(events[0]):
        return {}
    response: JsonObject = {"done_reason": BROKEN_OFF}
    message: JsonObject = {"role": "assistant"}
    text: str | None = None
    for event in events:
        response |= event
        if isinstance(piece := event.get("response"), str):
            text = f"{text or ''}{piece}"
        _extend(message, object_or_empty(event.get("message")))
    if events[-1].get("done"):
        response["done_reason"] = events[-1].get("done_reason") or "stop"
    return {**response, "done": True, **({"message": message} if text is None else {"response": text})}


def _extend(message: JsonObject, piece: Row) -> None:
    for key in _TEXTS:
        if isinstance(more := piece.get(key), str):
            message[key] = f"{message.get(key) or ''}{more}"
    if is_list(calls := piece.get("tool_calls")):
        before = message.get("tool_calls")
        message["tool_calls"] = [*(before if is_list(before) else []), *calls]


def as_completion(body: Row) -> JsonObject:
    """A response in the words of OpenAI's chat API; another one as it is."""
    if not is_native(body):
        return dict(body)
    given = object_or_empty(body.get("message")) or {"content": body.get("response")}
    message = {"role": "assistant", **{key: value for key, value in given.items() if value}}
    usage = {"prompt_tokens": body.get("prompt_eval_count"), "completion_tokens": body.get("eval_count")}
    facts = {key: body[key] for key in ("model", "created_at") if body.get(key)}
    choice = {"index": 0, "message": message, "finish_reason": body.get("done_reason") or "stop"}
    return {**facts, "object": CHAT, "choices": [choice], "usage": usage}


def as_chat(request: Row) -> JsonObject:
    """A request for a generated text as one for a chat; another one as it is.

    What it has beside its prompt, such as the text behind the answer, stays, for `vendor_request` to read or to refuse.
    """
    prompt = request.get("prompt")
    if not isinstance(prompt, str) or not request.keys() <= _OF_GENERATION:
        return dict(request)
    others = {key: value for key, value in request.items() if key not in {"prompt", "template"}}
    return {**others, "messages": [{"role": "user", "content": prompt}]}
