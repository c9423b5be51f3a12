"""LLMService: call a model by its registered name, wherever it runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fine_tuning import checks, hosts
from fine_tuning.base_models import catalogue
from fine_tuning.costs import prices
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.importer import check_rating
from fine_tuning.errors import ConfigurationError, FineTuningError, NotFoundError, UsageError
from fine_tuning.export.gguf import kept_gguf
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.local import open_local
from fine_tuning.serving.openai_api import OpenAIEngine
from fine_tuning.serving.targets import LOCAL, Target, find_target
from fine_tuning.settings import get_settings
from fine_tuning.store import costs
from fine_tuning.store.database import open_database

Messages = Sequence[Mapping[str, Any]]
PURPOSES = ("inference", "evaluation")
_log = logging.getLogger(__name__)


class LLMService:
    """Answers with the model that the registry has deployed under a name.

    The name is looked up at every call, so that a deployment or rollback takes effect at once. A name is, in this
    order: a registered model (its deployed version) or `<name>-v<version>`; a model that a local job made; a base
    model of the catalogue or a local folder; else whatever the host at `base_url` knows it as.

    Args:
        base_url: host for names that are not known here; OPENAI_BASE_URL by default, else OpenAI.
        api_key: OPENAI_API_KEY by default.
        capture: store every answered call as a captured example with this rating (1 to 5); None captures nothing.
        domain, task_type: of captured examples.
        record_costs: keep every call in the cost ledger.
        purpose: what the ledger calls them: "inference", or "evaluation" for calls that only test a model.

    Raises:
        UsageError: the rating or purpose is none, or the model's name is empty.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        model: str = catalogue.DEFAULT_BASE_MODEL,
        default_temperature: float = 0.7,
        default_max_tokens: int = 1000,
        *,
        capture: int | None = None,
        domain: str = "general",
        task_type: str = "chat",
        record_costs: bool = True,
        purpose: str = "inference",
    ) -> None:
        if capture is not None:
            check_rating(capture)
        for label, value in (("domain", domain), ("task_type", task_type)):
            checks.name(label, value)
        checks.one_of("purpose", purpose, PURPOSES)
        self.default_temperature = default_temperature
        self.default_max_tokens = default_max_tokens
        self._base_url = base_url
        self._api_key = api_key
        self._capture = capture
        self._domain, self._task_type = domain, task_type
        self._record_costs = record_costs
        self._purpose = purpose
        self._database = open_database()
        self._engines: dict[Target, Engine] = {}
        self.set_model(model)

    def set_model(self, model: str) -> None:
        """Choose another model by name.

        Raises:
            UsageError: the name is empty.
        """
        self._model = checks.name("model", model)

    def get_model(self) -> str:
        """The name in force."""
        return self._model

    def is_local(self) -> bool:
        """Whether the model runs on this machine."""
        return self._target().provider == LOCAL

    def get_config(self) -> dict[str, Any]:
        """model, provider, provider_model, version, default_temperature, default_max_tokens; never the key."""
        target = self._target()
        return {
            "model": self._model,
            "provider": target.provider,
            "provider_model": target.model,
            "version": target.version,
            "default_temperature": self.default_temperature,
            "default_max_tokens": self.default_max_tokens,
        }

    def complete(
        self,
        prompt: str | Messages,
        temperature: float | None = None,
        max_tokens: int | None = None,
        system_prompt: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """One answer.

        Args:
            prompt: the user's text, or chat messages.
            temperature: 0 is greedy; `default_temperature` if None.
            max_tokens: of the answer; `default_max_tokens` if None.
            kwargs: passed to the engine: stop, seed, top_p, response_format and others that it knows.

        Returns:
            content, model, version (of a registered model, else None), provider, usage (prompt_tokens,
            completion_tokens, total_tokens; None where unknown), latency_ms, cost (US dollars; None where unknown),
            finish_reason.

        Raises:
            NotFoundError: the model is not known, here or to the host.
            ProviderError, ConfigurationError: the host refuses, fails or cannot be reached.
        """
        messages, options = _messages(prompt, system_prompt), self._options(temperature, max_tokens)
        target = self._target()
        completion = self._engine(target).complete(messages, **options, **kwargs)
        return self._answered(target, messages, completion)

    def complete_many(
        self,
        prompts: Sequence[str | Messages],
        temperature: float | None = None,
        max_tokens: int | None = None,
        system_prompt: str | None = None,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """Answers in the order of the prompts, worked on at once where the engine can; else as `complete`."""
        batch, options = (
            [_messages(prompt, system_prompt) for prompt in prompts],
            self._options(temperature, max_tokens),
        )
        target = self._target()
        answers = self._engine(target).complete_many(batch, **options, **kwargs)
        for messages, completion in zip(batch, answers, strict=True):
            yield self._answered(target, messages, completion)

    async def complete_async(self, prompt: str | Messages, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """As `complete`, without blocking the event loop."""
        return await asyncio.to_thread(self.complete, prompt, *args, **kwargs)

    def complete_streaming(
        self,
        prompt: str | Messages,
        temperature: float | None = None,
        max_tokens: int | None = None,
        system_prompt: str | None = None,
        **kwargs: Any,
    ) -> Iterator[str]:
        """The answer piece by piece, as it is made."""
        messages, options = _messages(prompt, system_prompt), self._options(temperature, max_tokens)
        target = self._target()
        pieces = self._engine(target).stream(messages, **options, **kwargs)
        started = time.perf_counter()
        text = []
        for piece in pieces:
            text.append(piece)
            yield piece
        milliseconds = (time.perf_counter() - started) * 1000
        self._answered(target, messages, Completion("".join(text), target.model, None, None, milliseconds, None))

    def close(self) -> None:
        """Free the engines; the next call opens them again."""
        for engine in self._engines.values():
            engine.close()
        self._engines.clear()

    def _options(self, temperature: float | None, max_tokens: int | None) -> dict[str, Any]:
        chosen = self.default_temperature if temperature is None else temperature
        limit = self.default_max_tokens if max_tokens is None else max_tokens
        checks.count("max_tokens", limit, 1)
        warmth = checks.amount("temperature", chosen)
        if warmth is None or warmth > 2:
            raise UsageError(f"temperature must be between 0 and 2, not {chosen}")
        return {"temperature": warmth, "max_tokens": limit}

    def _target(self) -> Target:
        with self._database.read() as tx:
            found = find_target(tx, self._model)
        if found is not None:
            return found
        url = hosts.address(self._base_url)
        # A name such as org/model is a hub's as well as a host's: a host that was chosen is asked.
        is_here = catalogue.is_embedded(self._model) or Path(self._model).is_dir()
        host_chosen = self._base_url is not None or (url != hosts.OPENAI_URL and not is_here)
        if catalogue.is_known(self._model) and not host_chosen:
            return Target(LOCAL, self._model)
        return Target(url, self._model)

    def _engine(self, target: Target) -> Engine:
        if target not in self._engines:
            self._engines[target] = self._open(target)
        return self._engines[target]

    def _open(self, target: Target) -> Engine:
        if target.provider != LOCAL:
            return self._open_host(target)
        folder = Path(target.model)
        if not folder.is_dir() and (folder.is_absolute() or not catalogue.is_known(target.model)):
            raise NotFoundError(f"the files of {self._model} are gone: {folder}; train it again or deploy another")
        if not folder.is_absolute():
            folder = catalogue.resolve(target.model, get_settings().folder("models")).path
        return open_local(folder, self._model, kept_gguf(folder))

    def _open_host(self, target: Target) -> OpenAIEngine:
        try:
            return OpenAIEngine(base_url=target.provider, api_key=self._api_key, model=target.model)
        except ConfigurationError as error:
            if target.name is not None:
                raise
            raise ConfigurationError(f"no model {self._model} in this workspace, and no host to ask: {error}") from None

    def _answered(self, target: Target, messages: Messages, completion: Completion) -> dict[str, Any]:
        used = (completion.prompt_tokens, completion.completion_tokens)
        total = None if used[0] is None or used[1] is None else used[0] + used[1]
        cost = self._cost(target, completion)
        if self._record_costs:
            event = {
                "kind": self._purpose,
                "model_name": target.name or self._model,
                "tokens": total,
                "cost": cost,
                "is_fine_tuned": target.fine_tuned,
                "metadata": {"latency_ms": completion.latency_ms, "version": target.version},
            }
            with self._database.write() as tx:
                costs.add(tx, event)
        if self._capture is not None:
            self._keep(messages, completion.text, self._capture)
        return {
            "content": completion.text,
            "model": self._model,
            "version": target.version,
            "provider": target.provider,
            "usage": {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": total},
            "latency_ms": completion.latency_ms,
            "cost": cost,
            "finish_reason": completion.finish_reason,
        }

    def _keep(self, messages: Messages, answer: str, rating: int) -> None:
        """Capture a call; one that cannot be captured (an empty answer, no user message) is still an answer."""
        conversation = [*messages, {"role": "assistant", "content": answer}]
        try:
            DistillationDataCollector().capture_conversation(
                conversation, self._domain, self._task_type, rating, model_used=self._model
            )
        except FineTuningError as error:
            _log.warning("call of %s not captured: %s", self._model, error)

    @staticmethod
    def _cost(target: Target, completion: Completion) -> float | None:
        if target.provider != LOCAL:
            return prices.call_price(target.model, completion.prompt_tokens, completion.completion_tokens)
        rate = get_settings().machine_usd_per_hour
        return None if rate is None else completion.latency_ms / 3.6e6 * rate


def _messages(prompt: str | Messages, system_prompt: str | None) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    if isinstance(prompt, str):
        if not prompt.strip():
            raise UsageError("prompt must not be empty")
        return [*system, {"role": "user", "content": prompt}]
    if not prompt or not all(isinstance(m, Mapping) and isinstance(m.get("role"), str) for m in prompt):
        raise UsageError("prompt must be text, or chat messages that each have a role and content")
    return [*system, *(dict(message) for message in prompt)]
