"""What follows an answered call: its price, its entry in the cost ledger, and the answer as users get it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.messages import ToolCall
from fine_tuning.serving.engine import Completion
from fine_tuning.serving.model_resolution import LOCAL, Target
from fine_tuning.settings import Settings
from fine_tuning.store import costs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.costs import NewCostEvent

MS_PER_HOUR = 3.6e6


class AnswerUsage(TypedDict):
    """Token counts; None where the engine does not report them."""

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None


class TrialSample(TypedDict):
    """The sample of an A/B test that a call became."""

    test_id: str
    arm: str
    sample_id: str


class Answer(TypedDict):
    """The answer to a call.

    `content` is empty where the model calls tools and says nothing; `tool_calls` is empty where it calls none.
    `version` is that of a registered model; `latency_ms` is in milliseconds, `cost` in US dollars; None is unknown.
    """

    content: str
    tool_calls: Sequence[ToolCall]
    model: str
    version: int | None
    provider: str
    usage: AnswerUsage
    latency_ms: float
    cost: float | None
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
    prompt, generated = completion.prompt_tokens, completion.completion_tokens
    total = None if prompt is None or generated is None else prompt + generated
    return {
        "content": completion.text,
        "tool_calls": completion.tool_calls,
        "model": model,
        "version": target.version,
        "provider": target.provider,
        "usage": {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": total},
        "latency_ms": completion.latency_ms,
        "cost": call_cost(target, completion, settings),
        "finish_reason": completion.finish_reason,
        "experiment": None,
    }


def call_cost(target: Target, completion: Completion, settings: Settings) -> float | None:
    """US dollars of a call: by the host's token prices, or by the hourly cost of this machine; None if unknown."""
    if target.provider != LOCAL:
        return PriceList(settings.prices).call_price(
            target.model, completion.prompt_tokens, completion.completion_tokens
        )
    hourly = settings.machine_usd_per_hour
    return None if hourly is None else completion.latency_ms / MS_PER_HOUR * hourly


def record_cost(tx: Transaction, purpose: str, target: Target, answer: Answer) -> None:
    """Add a call to the cost ledger, under the registered name of its model."""
    event: NewCostEvent = {
        "kind": purpose,
        "model_name": target.name or answer["model"],
        "tokens": answer["usage"]["total_tokens"],
        "cost": answer["cost"],
        "is_fine_tuned": target.fine_tuned,
        "metadata": {"latency_ms": answer["latency_ms"], "version": target.version},
    }
    costs.add(tx, event)
