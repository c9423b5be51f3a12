"""What follows an answered call: its price, its entry in the cost ledger, and the answer as users get it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TypedDict

from fine_tuning.costs.prices import PriceList
from fine_tuning.costs.published_prices import CallPrice
from fine_tuning.data_io.messages import ToolCall
from fine_tuning.data_io.usage import Usage
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.model_resolution import LOCAL, Target
from fine_tuning.settings import Settings
from fine_tuning.store import costs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.costs import NewCostEvent

_log = logging.getLogger(__name__)
MS_PER_HOUR = 3.6e6


class AnswerUsage(TypedDict):
    """Token counts; None where the engine does not report them.

    `cached_tokens` are the part of the prompt that the host read from a cache, `reasoning_tokens` the part of the
    completion that was reasoning.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None


class TrialSample(TypedDict):
    """The sample of an A/B test that a call became."""

    test_id: str
    arm: str
    sample_id: str


class Answer(TypedDict):
    """The answer to a call.

    `content` is empty where the model calls tools and says nothing; `tool_calls` is empty where it calls none.
    `version` is that of a registered model; `latency_ms` is in milliseconds, `cost` in US dollars; None is unknown.
    `cost_note` says what the cost assumes, or why it is unknown; `service_tier` is that of the host. `served_by` is the
    model and fingerprint that the host reports.
    """

    content: str
    tool_calls: Sequence[ToolCall]
    model: str
    version: int | None
    provider: str
    usage: AnswerUsage
    latency_ms: float
    cost: float | None
    cost_note: str | None
    service_tier: str | None
    served_by: str | None
    finish_reason: str | None
    experiment: TrialSample | None


class LLMConfig(TypedDict):
    """The model in use and the defaults of its calls."""

    model: str
    provider: str
    provider_model: str
    version: int | None
    default_temperature: float
    default_max_tokens: int


def answer_of(target: Target, model: str, completion: Completion, settings: Settings) -> Answer:
    """The answer to a call of `model`, with its price."""
    usage, price = _usage(completion), call_cost(target, completion, settings)
    prompt, generated = usage["prompt_tokens"], usage["completion_tokens"]
    is_known = completion.usage is not None
    return {
        "content": completion.text,
        "tool_calls": completion.tool_calls,
        "model": model,
        "version": target.version,
        "provider": target.provider,
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": generated,
            "total_tokens": None if prompt is None or generated is None else prompt + generated,
            "cached_tokens": usage.get("cached_tokens", 0) if is_known else None,
            "reasoning_tokens": usage.get("reasoning_tokens", 0) if is_known else None,
        },
        "latency_ms": completion.latency_ms,
        "cost": price.usd,
        "cost_note": price.note,
        "service_tier": usage.get("service_tier"),
        "served_by": completion.served_by,
        "finish_reason": completion.finish_reason,
        "experiment": None,
    }


def _usage(completion: Completion) -> Usage:
    if completion.usage is not None:
        return completion.usage
    return {"prompt_tokens": completion.prompt_tokens, "completion_tokens": completion.completion_tokens}


def call_cost(target: Target, completion: Completion, settings: Settings) -> CallPrice:
    """The price of a call: by the host's token prices, or by the hourly cost of this machine."""
    if completion.price_of is not None:
        target = Target(*completion.price_of)
    if target.provider != LOCAL:
        return _price_at_host(target, completion, settings)
    return machine_price(completion.latency_ms, settings.machine_usd_per_hour)


def machine_price(milliseconds: float, usd_per_hour: float | None) -> CallPrice:
    """The price of this machine's time."""
    if usd_per_hour is None:
        return CallPrice(None, "this machine has no price; set FINE_TUNING_MACHINE_USD_PER_HOUR")
    return CallPrice(milliseconds / MS_PER_HOUR * usd_per_hour)


def _price_at_host(target: Target, completion: Completion, settings: Settings) -> CallPrice:
    try:
        return PriceList(settings.prices).price_of(target.model, _usage(completion), target.provider)
    except Exception as error:  # noqa: BLE001 - the answer is paid: no defect of its price may lose it
        _log.exception("a call of %s at %s cannot be priced", target.model, target.provider)
        return CallPrice(None, f"the price cannot be computed: {type(error).__name__}: {error}")


def ledger_name(target: Target, model: str) -> str:
    """The name that a call is recorded under: the registered one of its model, else the one that was asked for."""
    return target.name or model


def record_cost(tx: Transaction, purpose: str, target: Target, answer: Answer, notes: Mapping[str, str]) -> None:
    """Add a call to the cost ledger, with what its price follows from.

    Args:
        notes: what else is known of it: `about`, the model that it grades an answer of; `experiment` and `arm`.
    """
    usage = answer["usage"]
    event: NewCostEvent = {
        "kind": purpose,
        "model_name": ledger_name(target, answer["model"]),
        "tokens": usage["total_tokens"],
        "cost": answer["cost"],
        "is_fine_tuned": target.fine_tuned,
        "metadata": {
            "latency_ms": answer["latency_ms"],
            "version": target.version,
            "provider": target.provider,
            "usage": dict(usage),
            "service_tier": answer["service_tier"],
            "cost_note": answer["cost_note"],
            **notes,
        },
    }
    costs.add(tx, event)
