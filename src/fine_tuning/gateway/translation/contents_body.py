"""A call as a request to Gemini's generateContent.

Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/function-calling,
https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator, Mapping

from fine_tuning.data_io.json_values import JsonObject, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.messages import Message, Tool, content_text
from fine_tuning.gateway.translation.canonical_request import CanonicalRequest, untranslatable
from fine_tuning.gateway.translation.turns import Image, Turn, arguments, divided, parts

_NAMES = {
    "max_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_WITHOUT_SIGNATURES = re.compile(r"(?:models/)?gemini-[12][.-]")
_SIGNATURE = "skip_thought_signature_validator"
"""What later models take in place of the signature of a call, which no other wire has a place for."""


def contents_body(request: CanonicalRequest, model: str) -> JsonObject:
    """The body of the request; model and stream are in its path.

    Raises:
        GatewayError: 400, the API cannot express it.
    """
    system, turns = divided(request.messages)
    signature: JsonObject = {} if _WITHOUT_SIGNATURES.match(model) else {"thoughtSignature": _SIGNATURE}
    body: JsonObject = {
        "contents": [
            {"role": "model" if turn.is_model else "user", "parts": list(_parts(turn, _calls(before), signature))}
            for before, turn in zip([None, *turns], turns, strict=False)
        ]
    }
    if system:
        body["systemInstruction"] = {"parts": [{"text": each} for each in system]}
    if config := _config(request):
        body["generationConfig"] = config
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_tool(each) for each in request.tools]}]
        body["toolConfig"] = {"functionCallingConfig": _choice(request)}
    return body


def _config(request: CanonicalRequest) -> JsonObject:
    found: JsonObject = {_NAMES[name]: value for name, value in request.settings.items() if name in _NAMES}
    if (effort := request.settings.get("effort")) is not None:
        found["thinkingConfig"] = {"thinkingLevel": effort}
    if request.form is not None:
        found["responseMimeType"] = "application/json"
        if (schema := object_or_empty(request.form.get("json_schema")).get("schema")) is not None:
            found["responseJsonSchema"] = schema
    return found


def _calls(turn: Turn | None) -> dict[str, str]:
    """The names of the functions that a turn calls, by the ids of the calls, in their order."""
    messages = () if turn is None else turn.messages
    return {call["id"]: call["function"]["name"] for _, each in messages for call in each.get("tool_calls") or ()}


def _parts(turn: Turn, calls: Mapping[str, str], signature: JsonObject) -> Iterator[JsonObject]:
    yield from _results(turn, calls)
    for place, message in turn.messages:
        if message["role"] == "tool":
            continue
        for part in parts(message):
            yield {"text": part} if isinstance(part, str) else _image(part)
        for number, call in enumerate(message.get("tool_calls") or ()):
            called: JsonObject = {"name": call["function"]["name"], "args": arguments(call, place)}
            yield {"functionCall": called, **(signature if number == 0 else {})}


def _image(image: Image) -> JsonObject:
    if image.data is not None:
        return {"inlineData": {"mimeType": image.media_type, "data": image.data}}
    kind = mimetypes.guess_type(image.address.partition("?")[0])[0]
    return {"fileData": {"fileUri": image.address, **({"mimeType": kind} if kind else {})}}


def _results(turn: Turn, calls: Mapping[str, str]) -> Iterator[JsonObject]:
    """The results of functions in the order of their calls, by which they are known, before all else of the turn.

    Raises:
        GatewayError: 400, one is of no call of the turn before, or two are of the same.
    """
    found: dict[str, JsonObject] = {}
    for place, message in turn.messages:
        if message["role"] == "tool":
            call_id = message.get("tool_call_id") or ""
            if call_id not in calls or call_id in found:
                where = f"messages[{place}]"
                raise untranslatable(f"{where}: it is the one result of no call in the message before", where)
            found[call_id] = {"name": calls[call_id], "response": _response(message)}
    for call_id in calls:
        if call_id in found:
            yield {"functionResponse": found[call_id]}


def _response(message: Message) -> JsonObject:
    """The result of a function, which must be an object: any other is the `output` of one."""
    text = content_text(message.get("content"))
    found = parse_embedded_json(text)
    return found if is_object(found) else {"output": text}


def _tool(tool: Tool) -> JsonObject:
    function = tool["function"]
    found: JsonObject = {
        "name": function["name"],
        "description": function.get("description"),
        "parametersJsonSchema": function.get("parameters"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _choice(request: CanonicalRequest) -> JsonObject:
    mode, name, is_parallel = request.choice
    if not is_parallel and mode != "none":
        raise untranslatable("parallel calls of tools cannot be turned off in Gemini's API", "parallel_tool_calls")
    if name is not None:
        return {"mode": "ANY", "allowedFunctionNames": [name]}
    is_strict = any(each["function"].get("strict") for each in request.tools)
    return {"mode": "VALIDATED" if mode == "auto" and is_strict else _MODES[mode]}
