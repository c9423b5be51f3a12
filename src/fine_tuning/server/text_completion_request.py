"""The parameters of a text completion; each field says whether it is supported, ignored or refused."""

from __future__ import annotations

from typing import cast

from pydantic import Field

from fine_tuning.server.api_errors import invalid
from fine_tuning.server.chat_request import BY_IDS, SEEDS, LogitBias, Stops, StreamOptions
from fine_tuning.server.request_model import (
    SAMPLING_EXTRAS,
    Number,
    SamplingExtras,
    ignored,
    refused,
    supported,
)
from fine_tuning.server.text_inputs import MAX_INPUTS, Prompts
from fine_tuning.serving.text_types import TextBody

DEFAULT_MAX_TOKENS = 16
_CHANGE_THE_LIKELIEST = ("stop", "repetition_penalty", "presence_penalty", "frequency_penalty", "logit_bias")
_PASSED_ON = (
    *("temperature", "top_p", "stop", "presence_penalty", "frequency_penalty", "logit_bias"),
    *SAMPLING_EXTRAS,
)


class TextCompletionRequest(SamplingExtras):
    """Prompts to continue, as OpenAI's API takes them."""

    model: str = Field(min_length=1, max_length=200)
    prompt: Prompts = Field(
        json_schema_extra={
            "why": "sent to the model as it is, without a chat template; token ids are the model's own; an empty one "
            "is the token that begins a text"
        }
    )
    max_tokens: int | None = supported(f"{DEFAULT_MAX_TOKENS} by default; may be 0", ge=0, le=2**31 - 1)
    temperature: Number | None = Field(default=None, ge=0, le=2)
    top_p: Number | None = Field(default=None, ge=0, le=1)
    n: int | None = Field(default=None, ge=1, le=16)
    best_of: int | None = supported("only equal to n", ge=1, le=20)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    logprobs: int | None = Field(default=None, ge=0, le=5)
    echo: bool | None = supported("with logprobs for models whose files are here, by the transformers library")
    stop: Stops | None = None
    presence_penalty: Number | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: Number | None = Field(default=None, ge=-2, le=2)
    logit_bias: LogitBias | None = supported(BY_IDS)
    seed: int | None = Field(default=None, ge=-(2**63), le=2**63 - 1)

    user: str | None = ignored("users of a key are not distinguished")
    suffix: str | None = refused("the models do not fill in the middle")

    def check(self) -> None:
        """Refuse what this server does not support, instead of ignoring it.

        Raises:
            ApiError: 400, naming the field.
        """
        self.check_refused()
        if self.best_of is not None and self.best_of != self.choices_per_prompt:
            raise invalid("best_of may only be equal to n: no choice is left out", "best_of", "unsupported_value")
        if self.stream_options is not None and not self.stream:
            raise invalid("stream_options goes with stream = true only", "stream_options")
        if len(self.prompt) * self.choices_per_prompt > MAX_INPUTS:
            raise invalid(f"there may be at most {MAX_INPUTS} choices: prompts times n", "n")

    @property
    def choices_per_prompt(self) -> int:
        """How many choices each prompt has."""
        return self.n or 1

    @property
    def limit(self) -> int:
        """Tokens to generate for each choice."""
        return DEFAULT_MAX_TOKENS if self.max_tokens is None else self.max_tokens

    @property
    def is_scored_only(self) -> bool:
        """Whether the prompts' own pass has the answer: nothing is generated, or the likeliest token."""
        if not self.echo or self.logprobs is None:
            return False
        is_greedy = self.temperature == 0 and not any(getattr(self, name) for name in _CHANGE_THE_LIKELIEST)
        return self.limit == 0 or (self.limit == 1 and is_greedy)

    def engine_request(self) -> TextBody:
        """The request for an engine, which generates at least a token."""
        body: dict[str, object] = {"prompt": self.prompt, "max_tokens": max(self.limit, 1)}
        body |= {name: value for name in _PASSED_ON if (value := getattr(self, name)) is not None}
        if self.seed is not None:
            body["seed"] = self.seed % SEEDS
        if self.choices_per_prompt > 1:
            body["n"] = self.n
        if self.logprobs is not None:
            body["logprobs"] = max(self.logprobs, 1)
        return cast("TextBody", body)
