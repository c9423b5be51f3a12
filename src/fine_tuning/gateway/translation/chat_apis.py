"""The APIs for chats: which one a call is of, and which one an upstream speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, unquote

from fine_tuning.gateway.upstreams import Upstream, Wire

ChatApi = Literal["chat", "responses", "messages", "contents"]
"""OpenAI's chat completions and Responses, Anthropic's Messages, Gemini's generateContent."""

NAMES: Mapping[ChatApi, str] = {
    "chat": "OpenAI's chat completions",
    "responses": "OpenAI's Responses",
    "messages": "Anthropic's Messages",
    "contents": "Gemini's generateContent",
}
_ENDS: Mapping[str, ChatApi] = {"/chat/completions": "chat", "/responses": "responses", "/messages": "messages"}
_WHOLE, _STREAMED, _COUNTING = ":generateContent", ":streamGenerateContent", ":countTokens"
_MODELS = "/models/"  # in a path of Gemini's, before the name of the model and the method
_OF_WIRE: Mapping[Wire, ChatApi] = {"openai": "chat", "anthropic": "messages", "gemini": "contents"}
_WIRES: Mapping[ChatApi, Wire] = {
    "chat": "openai",
    "responses": "openai",
    "messages": "anthropic",
    "contents": "gemini",
}


def api_of_path(path: str) -> ChatApi | None:
    """The API of a call by its path; None for other calls, such as embeddings."""
    if path.endswith((_WHOLE, _STREAMED)):
        return "contents"
    return next((api for end, api in _ENDS.items() if path.endswith(end)), None)


def model_in_path(path: str) -> str | None:
    """The model that a path of Gemini's API names; None for other paths."""
    if not path.endswith((_WHOLE, _STREAMED, _COUNTING)) or _MODELS not in path:
        return None
    return unquote(path.partition(_MODELS)[2].rpartition(":")[0]) or None


def with_model_in_path(path: str, model: str) -> str:
    """A path with another model, where it is one of Gemini's API that names one."""
    if model_in_path(path) is None:
        return path
    before, mark, rest = path.partition(_MODELS)
    return f"{before}{mark}{quote(model.removeprefix('models/'), safe='/')}:{rest.rpartition(':')[2]}"


def is_streamed_path(path: str) -> bool:
    """Whether a path of Gemini's API asks for an answer in pieces."""
    return path.endswith(_STREAMED)


def api_to_ask(upstream: Upstream, own: ChatApi | None, wire: Wire) -> ChatApi | None:
    """The API for which a call has to be translated; None where the upstream takes it as it is.

    Args:
        own: the API of the call.
        wire: of the call.
    """
    if upstream.vendor is not None:
        return "chat"  # always: nothing but what is known here goes to a vendor's SDK
    if upstream.wire is None or (upstream.wire == wire and not (upstream.has_only_chat and own == "responses")):
        return None
    return _OF_WIRE[upstream.wire]


def wire_of_api(api: ChatApi) -> Wire:
    """The wire that the errors of an application's API have."""
    return _WIRES[api]


def path_of(api: ChatApi, model: str, *, is_streamed: bool) -> str:
    """The path of a call at its upstream, with its query."""
    if api == "contents":
        name = quote(model if "/" in model else f"models/{model}", safe="/")
        return f"/v1beta/{name}:streamGenerateContent?alt=sse" if is_streamed else f"/v1beta/{name}:generateContent"
    return "/v1/messages" if api == "messages" else "/v1/chat/completions"
