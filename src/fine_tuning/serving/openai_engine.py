"""Any host that speaks OpenAI's chat API: OpenAI itself, vLLM, Ollama, this project's server elsewhere."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

from fine_tuning._util.hosts import Host
from fine_tuning.data_io.dialects.tool_calls import tool_calls
from fine_tuning.data_io.messages import content_text
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import ProviderError
from fine_tuning.serving.chat_types import ChatBody, Chunk, Messages
from fine_tuning.serving.chat_wire import text_from_chunks
from fine_tuning.serving.engine import DEFAULT_CONCURRENCY, Completion, in_order
from fine_tuning.serving.hosted_replies import ChatPiece, ChatReply, TextPiece
from fine_tuning.serving.text_types import TextBody, TextChoice, TextChunk, newer_logprobs
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.jobs.hosted_objects import Kind, checked

if TYPE_CHECKING:
    from openai import BadRequestError

_log = logging.getLogger(__name__)
MAX_RETRIES = 2


class OpenAIEngine:
    """An `Engine` over the official client.

    Args:
        host: its address and key.
        model: the model's name at the host.
        concurrency: requests that `complete_many` sends at once.
        timeout: seconds to wait for an answer.
        max_retries: of a failed connection, a 429 or a 5xx, with growing pauses.

    Raises:
        ConfigurationError: no key for OpenAI.
    """

    def __init__(
        self,
        host: Host,
        model: str,
        *,
        concurrency: int = DEFAULT_CONCURRENCY,
        timeout: float = 120.0,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        self.model = model
        self._host = host
        self._concurrency = concurrency
        self._client = host.client(timeout=timeout, max_retries=max_retries)
        self._has_temperature = True  # until the model refuses it, as those do that reason

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: object) -> Completion:
        """Answer one conversation. See `Engine`; also raises ConfigurationError for a key that is refused."""
        from openai import BadRequestError

        started = time.perf_counter()
        with self._translated_errors():
            body = self._body(messages, temperature, max_tokens, params)
            try:
                reply = self._client.chat.completions.create(**body)
            except BadRequestError as error:
                reply = self._client.chat.completions.create(**self._without_temperature(body, error))
        return self.completion_of(reply, _ms_since(started), params.get("service_tier"))

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: object
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        body = cast("ChatBody", self._body(messages, temperature, max_tokens, params))
        return (yield from text_from_chunks(self.chat_chunks(body), self.model, params.get("service_tier")))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: object
    ) -> Iterator[Completion]:
        """Answer many conversations in order, `concurrency` at once. See `Engine`."""

        def answer(messages: Messages) -> Completion:
            return self.complete(messages, temperature=temperature, max_tokens=max_tokens, **params)

        return in_order(answer, batch, self._concurrency)

    def chat_chunks(self, body: ChatBody) -> Generator[Chunk, None, None]:
        """Send a request to the host as it is. See `Engine`."""
        request: JsonColumn = {**body, "model": self.model}
        with (
            self._translated_errors(),
            self._client.chat.completions.create(
                **request, stream=True, stream_options={"include_usage": True}
            ) as chunks,
        ):
            has_begun = False
            for chunk in chunks:
                has_begun = True
                yield cast("Chunk", self._checked(ChatPiece, chunk).chunk())
            if not has_begun:  # as of a host that answers in one piece
                raise ProviderError(f"{self._host.url} sent no stream for {self.model}")

    def text_chunks(self, body: TextBody) -> Generator[TextChunk, None, None]:
        """Send prompts to the host as they are. See `Engine`."""
        request: JsonColumn = {**body, "model": self.model}
        with (
            self._translated_errors(),
            self._client.completions.create(**request, stream=True, stream_options={"include_usage": True}) as chunks,
        ):
            for chunk in chunks:
                found = self._checked(TextPiece, chunk).model_dump(mode="json", exclude_unset=True)
                choices = [
                    {**each, "logprobs": newer_logprobs(each.get("logprobs"))} for each in found.get("choices", ())
                ]
                yield {"choices": cast("list[TextChoice]", choices), "usage": found.get("usage")}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def body_of(self, messages: Messages, params: JsonColumn) -> JsonColumn:
        """The request that `complete` sends with these parameters, as a line of a batch has it."""
        more = {name: value for name, value in params.items() if name not in ("temperature", "max_tokens")}
        return self._body(messages, params["temperature"], params["max_tokens"], more)

    def _body(self, messages: Messages, temperature: float, max_tokens: int, params: JsonColumn) -> JsonColumn:
        """The request; OpenAI's newer models need the newer name of the limit, other hosts often the older."""
        limit = "max_completion_tokens" if self._host.is_openai else "max_tokens"
        plain = [dict(message) for message in messages]
        chosen = {"temperature": temperature} if self._has_temperature else {}
        return {"model": self.model, "messages": plain, **chosen, limit: max_tokens, **params}

    def _without_temperature(self, body: JsonColumn, error: BadRequestError) -> JsonColumn:
        """A request that was refused for its temperature, without it; from then on none has one.

        Raises:
            BadRequestError: it was refused for something else.
        """
        if error.param != "temperature" or "temperature" not in body:
            raise error
        if self._has_temperature:
            _log.warning("%s chooses its temperature itself: answers may differ from call to call", self.model)
        self._has_temperature = False
        return {name: value for name, value in body.items() if name != "temperature"}

    def completion_of(self, given: object, latency_ms: float, tier: object = None) -> Completion:
        """The answer in a response, the SDK's or its JSON; a host that does not state the service tier is taken to
        use `tier`.

        Raises:
            ProviderError: it has none.
        """
        reply = self._checked(ChatReply, given)
        first = reply.choices[0]
        usage = usage_of(reply.usage, reply.service_tier or tier)
        return Completion(
            text=content_text(first.message.content),
            model=self.model,
            prompt_tokens=usage["prompt_tokens"] if usage else None,
            completion_tokens=usage["completion_tokens"] if usage else None,
            latency_ms=latency_ms,
            finish_reason=first.finish_reason,
            tool_calls=tool_calls(first.message.tool_calls or [], 0) or [],
            usage=usage,
            served_by=reply.served_by,
            logprobs=reply.logprobs,
            refusal=refusal if isinstance(refusal := first.message.refusal, str) and refusal.strip() else None,
        )

    def _checked(self, kind: type[Kind], given: object) -> Kind:
        return checked(kind, given, f"{self._host.url}, answer of {self.model}")

    def _translated_errors(self) -> AbstractContextManager[None]:
        return self._host.translated_errors(f"model {self.model}")


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
