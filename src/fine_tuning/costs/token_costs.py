"""What tokens cost by a price per million."""

from __future__ import annotations

from fine_tuning.data_io.usage import Usage
from fine_tuning.settings import TokenPrice


def is_countable(usage: Usage) -> bool:
    """Whether both sums are known, and no part is larger than its sum."""
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    if prompt is None or completion is None:
        return False
    cached, written = usage.get("cached_tokens", 0), usage.get("cache_write_tokens", 0)
    reasoning = usage.get("reasoning_tokens", 0)
    return min(prompt, completion, cached, written, reasoning) >= 0 and (
        cached + written <= prompt and reasoning <= completion
    )


def cost_of(price: TokenPrice, usage: Usage) -> float | None:
    """US dollars of a call whose tokens are countable; None where input or output has no price."""
    if price.input is None or price.output is None:
        return None
    prompt, completion = usage["prompt_tokens"] or 0, usage["completion_tokens"] or 0
    cached, written = usage.get("cached_tokens", 0), usage.get("cache_write_tokens", 0)
    reasoning = usage.get("reasoning_tokens", 0)
    parts = (
        (prompt - cached - written, price.input),
        (cached, price.input if price.cached_input is None else price.cached_input),
        (written, price.input if price.cache_write is None else price.cache_write),
        (completion - reasoning, price.output),
        (reasoning, price.output if price.reasoning is None else price.reasoning),
    )
    return sum(tokens * usd for tokens, usd in parts) / 1e6
