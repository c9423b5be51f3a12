"""What hosts charge. What has no known price is None, never free."""

from __future__ import annotations

import re
from math import nan

from fine_tuning.encodings import base_of, encoding_of

# US dollars per million training tokens for supervised fine-tuning, from OpenAI's price page, as of 2026-08.
TRAINING_PRICES_AS_OF = "2026-08"
TRAINING_USD_PER_MILLION_TOKENS = {
    "gpt-4.1": 25.00,
    "gpt-4.1-mini": 5.00,
    "gpt-4.1-nano": 1.50,
    "gpt-4o": 25.00,
    "gpt-4o-mini": 3.00,
    "gpt-3.5-turbo": 8.00,
    "davinci-002": 6.00,
    "babbage-002": 0.40,
}
_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4})$")


def training_price(model: str) -> float:
    """US dollars per million training tokens of an OpenAI base model (dated names too); nan where unknown."""
    return TRAINING_USD_PER_MILLION_TOKENS.get(_DATED.sub("", base_of(model)), nan)


def call_price(model: str, prompt_tokens: int | None, completion_tokens: int | None) -> float | None:
    """US dollars for one call by the price data of genai-prices; None where model or tokens are unknown."""
    if prompt_tokens is None or completion_tokens is None:
        return None
    from genai_prices import Usage, calc_price  # a sixth of a second to import

    try:
        usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        return float(calc_price(usage, model_ref=model).total_price)
    except LookupError:
        return None


def text_price(model: str, prompt: str, response: str) -> float | None:
    """US dollars for a call with these texts, tokens counted by OpenAI's encoding; None for a model of another host."""
    encoding = encoding_of(model)
    if encoding is None:
        return None
    return call_price(model, *(len(encoding.encode_ordinary(text)) for text in (prompt, response)))
