"""A call of the spool as what is stored of it: its facts, its price, and its example where it is a whole chat."""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning.data_io.json_values import (
    JsonObject,
    first_value,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message, messages_of_example
from fine_tuning.data_io.sources.raw_row import RawRow, to_json_bytes
from fine_tuning.data_io.usage import usage_of
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.imported_costs import PricedCall, cost_event
from fine_tuning.distillation.row_reader import Import
from fine_tuning.gateway.answer_forms import is_in_form
from fine_tuning.gateway.broken_answers import answer_of, is_broken
from fine_tuning.gateway.call_prices import CallPrices
from fine_tuning.gateway.capture_policy import CapturePolicy
from fine_tuning.gateway.exchanges import CACHE
from fine_tuning.gateway.spooled_calls import SpooledCall
from fine_tuning.gateway.translation.chat_apis import api_of_path
from fine_tuning.store.column_types import storable_parts
from fine_tuning.store.records.costs import NewCostEvent
from fine_tuning.store.records.examples import NewExample
from fine_tuning.store.records.gateway_calls import GatewayCall, Role

OK = range(200, 300)
_MAX_NAME, _MAX_REASON = 200, 200  # characters
_NOT_DRAWN = "it is not in the sample"
SHADOW: Role = "shadow"
_QUESTIONS = {"messages", "prompt", "contents"}  # fields of requests for chats, beside `input` of the Responses
_METADATA = "metadata"
_OWN = "of_application"  # where what it knows of its call is no verdict on the answer, as it may be in a log
_USAGES = ("usage", "usageMetadata", "usage_metadata")


class CallRecords(NamedTuple):
    """What is stored of a call; None where it is no example, or has no tokens to pay for.

    Attributes:
        message: the answer of a whole chat, without what is private.
        waited: seconds from the client's request to the start of the call, where it is a later try.
        address: of the upstream.
    """

    call: GatewayCall
    example: NewExample | None
    cost: NewCostEvent | None
    message: Message | None
    waited: float
    address: str


def records_of(call: SpooledCall, prices: CallPrices, policy: CapturePolicy | None = None) -> CallRecords:
    """What is stored of a call."""
    facts, policy = call.facts, policy or CapturePolicy()
    request, response, route = call.body(), answer_of(call.response), facts.get("route")
    chat, reason = _example(call, request) if route or policy.has_drawn(call) else (None, _NOT_DRAWN)
    if chat is not None:
        chat = policy.masked(chat)
    example, why = (None, reason) if chat is None else _captured(call, chat, policy)
    model = _model(call, request, response)
    usage = usage_of(first_value(response, *_USAGES), response.get("service_tier")) or usage_of(facts.get("usage"))
    cost = None
    if usage is not None and model is not None and not is_from_cache(call):
        priced = PricedCall(model, usage, facts["address"], call.started_at)
        cost = cost_event(priced, prices.of(priced, facts["seconds"]), {"call": facts["id"]})
    message = None if chat is None else messages_of_example(chat)[-1]
    record: GatewayCall = {
        "id": facts["id"],
        "project": facts["project"],
        "upstream": facts["upstream"],
        "path": policy.text(facts["path"])[:_MAX_NAME],
        "model": model,
        "status": facts["status"],
        "is_whole": facts["is_whole"] and not _is_broken(call, response),
        "is_delivered": facts["is_delivered"],
        "seconds": facts["seconds"],
        "first_byte_seconds": facts["first_byte"],
        "prompt_tokens": None if usage is None else usage["prompt_tokens"],
        "completion_tokens": None if usage is None else usage["completion_tokens"],
        "cost": None if cost is None else cost["cost"],
        "unit": _unit(call, policy),
        "conversation": _name(call, "conversation", policy),
        "metadata": policy.metadata(_metadata(call)),
        "example_id": None if example is None else example["id"],
        "not_captured": None if why is None else policy.text(why)[:_MAX_REASON],
        "started_at": call.started_at,
        "own_id": _name(call, "id", policy),
        "bytes": len((call.request or "").encode()) + len((call.response or "").encode()),
        "route": None if route is None else route["name"],
        "revision": None if route is None else route["revision"],
        "target": None if route is None else route["target"],
        "role": None if route is None else route["role"],
        "pair_id": None if route is None else route["pair_id"],
        "arm": None if route is None else route["arm"],
        "is_cancelled": None if route is None else facts.get("is_cancelled", False),
        "was_slower": None if route is None else facts.get("was_slower", False),
        "is_in_form": None if message is None or route is None else is_in_form(request, message),
        "answer": None if message is None or route is None or route["role"] != SHADOW else {**message},
    }
    waited = 0.0 if route is None else route["waited"]
    return CallRecords(record, example, cost, message, waited, facts["address"])


def is_from_cache(call: SpooledCall) -> bool:
    """Whether no model was asked."""
    route = call.facts.get("route")
    return route is not None and route["role"] == CACHE


def _captured(call: SpooledCall, chat: NewExample, policy: CapturePolicy) -> tuple[NewExample | None, str | None]:
    """The example that a chat becomes, or why it becomes none."""
    route = call.facts.get("route")
    if route is not None and route["role"] == SHADOW:
        return None, "it was asked in shadow"
    if is_from_cache(call):
        return None, "it was answered from the cache"
    return (chat, None) if policy.has_drawn(call) else (None, _NOT_DRAWN)


def _is_broken(call: SpooledCall, answered: JsonObject) -> bool:
    """Whether a response of success is no answer; one that was not kept may be."""
    if call.response is None:
        return call.is_garbled
    return call.facts["status"] in OK and is_broken(call.facts["path"], answered)


def _example(call: SpooledCall, request: JsonObject) -> tuple[NewExample | None, str | None]:
    """The example that a call is, or why it is none."""
    facts = call.facts
    if call.problem is not None:
        return None, call.problem
    if facts["status"] not in OK:
        return None, "the call failed"
    if call.request is None or call.response is None:
        lacked = "the server had no memory left to keep the call"
        return None, lacked if facts.get("lacked_memory") else "the call is too large to be kept"
    if not facts["is_whole"]:
        return None, "the response broke off"
    request = {**object_or_empty(storable_parts(request))}  # a text that was cut may end in half a character
    own = {**object_or_empty(request.get(_METADATA)), **_metadata(call)}
    row = {
        "model": call.model_of_path(),
        "domain": call.tags.get("domain") or own.get("domain"),
        "task_type": call.tags.get("task") or own.get("task_type"),
        "created_at": facts["started_at"],
        "request": {key: value for key, value in request.items() if key != _METADATA},
        "response": call.response,
        _METADATA: {_OWN: own, **_grouping(call), **_route(call), "call": facts["id"]},
    }
    kept = {key: value for key, value in row.items() if value is not None}
    reading = Import(Defaults(provider=facts["address"], project=facts["project"]))
    found = reading.calls([RawRow("gateway", 1, to_json_bytes(kept))])
    if not found:
        return None, _why_not(call, reading.report, request)
    example = found[0].better
    read = {key: value for key, value in example["metadata"].items() if key != _OWN}
    return {**example, "metadata": {**object_or_empty(example["metadata"].get(_OWN)), **read}}, None


def _why_not(call: SpooledCall, report: ImportReport, request: JsonObject) -> str:
    if report.rejected and not request.keys() & _QUESTIONS and api_of_path(call.facts["path"]) is None:
        return "it is no chat"
    if report.rejected:
        return report.rejected[0]["reason"]
    return f"it is no chat ({', '.join(report.unread)})" if report.unread else "it is no chat"


def _model(call: SpooledCall, request: JsonObject, response: JsonObject) -> str | None:
    found = first_value(response, "model", "modelVersion") or request.get("model") or call.model_of_path()
    return found[:_MAX_NAME] if isinstance(found, str) else None


def _tag(call: SpooledCall, name: str) -> str | None:
    found = call.tags.get(name, "").strip()
    return found[:_MAX_NAME] or None


def _name(call: SpooledCall, tag: str, policy: CapturePolicy) -> str | None:
    found = _tag(call, tag)
    return None if found is None else policy.name(found)


def _unit(call: SpooledCall, policy: CapturePolicy) -> str | None:
    """Who asked: the header x-ft-unit, else what the route found in the body."""
    route = call.facts.get("route")
    found = route["unit"] if route is not None else None
    return _name(call, "unit", policy) or (None if found is None else policy.name(found[:_MAX_NAME]))


def _grouping(call: SpooledCall) -> dict[str, str]:
    """What tells which calls belong together, under the names that data sets know."""
    names = {"unit": "user_id", "conversation": "conversation_id"}
    return {known: tag for name, known in names.items() if (tag := _tag(call, name)) is not None}


def _route(call: SpooledCall) -> dict[str, str]:
    """The route that was asked, by which data sets find its calls."""
    route = call.facts.get("route")
    return {} if route is None else {"route": route["name"]}


def _metadata(call: SpooledCall) -> JsonObject:
    """The header x-ft-metadata: an object of JSON, else a note."""
    text = call.tags.get("metadata")
    found = parse_embedded_json(text) if text else {}
    return dict(found) if is_object(found) else {"note": text}
