"""Any host that speaks OpenAI's chat API: OpenAI itself, vLLM, Ollama, this project's server elsewhere."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from fine_tuning._util import hosts
from fine_tuning.errors import ProviderError
from fine_tuning.serving.chat_wire import text_of
from fine_tuning.serving.engine import Completion, Messages, in_order


class OpenAIEngine:
    """An `Engine` over the official client.

    Args:
        base_url: the host's address with its version ("http://localhost:8000/v1"); OPENAI_BASE_URL, else OpenAI, if
            None.
        api_key: the host's key, OPENAI_API_KEY if None; hosts other than OpenAI may need none.
        model: the model's name at the host.
        workers: requests that `complete_many` has under way at once.
        timeout: seconds to wait for an answer.
        max_retries: how often a failed connection, a 429 or a 5xx is tried again, with growing pauses.

    Raises:
        ConfigurationError: no key for OpenAI.
    """

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        model: str,
        *,
        workers: int = 8,
        timeout: float = 120.0,
        max_retries: int = 2,
    ) -> None:
        self.model = model
        self._url = hosts.address(base_url)
        self._hosted = "api.openai.com" in self._url
        self._workers = workers
        options: dict[str, Any] = {"timeout": timeout, "max_retries": max_retries}
        self._client = hosts.make_client(api_key, base_url, **options)
        self._async_client = hosts.make_async_client(api_key, base_url, **options)

    def complete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any) -> Completion:
        """Answer one conversation. See `Engine`; also raises ConfigurationError for a key that is refused."""
        started = time.perf_counter()
        with self._one_line():
            reply = self._client.chat.completions.create(**self._body(messages, temperature, max_tokens, params))
        return self._completion(reply, started)

    async def acomplete(self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any) -> Completion:
        """As `complete`, for callers that run an event loop."""
        started = time.perf_counter()
        with self._one_line():
            body = self._body(messages, temperature, max_tokens, params)
            reply = await self._async_client.chat.completions.create(**body)
        return self._completion(reply, started)

    def stream(
        self, messages: Messages, *, temperature: float, max_tokens: int, **params: Any
    ) -> Generator[str, None, Completion]:
        """Answer one conversation piece by piece. See `Engine`."""
        body = self._body(messages, temperature, max_tokens, params)
        return (yield from text_of(self.chat_pieces(body), self.model))

    def complete_many(
        self, batch: Sequence[Messages], *, temperature: float, max_tokens: int, **params: Any
    ) -> Iterator[Completion]:
        """Answer many conversations in order, `workers` at once. See `Engine`."""
        answer = partial(self.complete, temperature=temperature, max_tokens=max_tokens, **params)
        return in_order(answer, batch, self._workers)

    def chat_pieces(self, body: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
        """Hand a request on. See `Engine`."""
        wanted: dict[str, Any] = {**body, "model": self.model, "stream": True}
        with (
            self._one_line(),
            self._client.chat.completions.create(**wanted, stream_options={"include_usage": True}) as chunks,
        ):
            for chunk in chunks:
                yield dict(chunk.model_dump(mode="json", exclude_unset=True))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    async def aclose(self) -> None:
        """Close the connections, those of `acomplete` included."""
        self._client.close()
        await self._async_client.close()

    def _body(self, messages: Messages, temperature: float, max_tokens: int, params: dict[str, Any]) -> dict[str, Any]:
        """The request; OpenAI's newer models know the limit by its newer name only, other hosts often by the older."""
        limit = "max_completion_tokens" if self._hosted else "max_tokens"
        plain = [dict(message) for message in messages]
        return {"model": self.model, "messages": plain, "temperature": temperature, limit: max_tokens, **params}

    def _completion(self, reply: Any, started: float) -> Completion:
        if not reply.choices:
            raise ProviderError(f"{self._url} sent an answer without choices for {self.model}")
        return Completion(
            text=reply.choices[0].message.content or "",
            model=self.model,
            prompt_tokens=reply.usage.prompt_tokens if reply.usage else None,
            completion_tokens=reply.usage.completion_tokens if reply.usage else None,
            latency_ms=(time.perf_counter() - started) * 1000,
            finish_reason=reply.choices[0].finish_reason,
        )

    def _one_line(self) -> AbstractContextManager[None]:
        return hosts.translated_errors(self._url, f"model {self.model}")
