"""LLMService: call a model by its registered name, wherever it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from fine_tuning._util import checks, hosts
from fine_tuning.ab_testing import ABTestFramework
from fine_tuning.base_models import catalogue
from fine_tuning.costs.prices import PriceList
from fine_tuning.distillation import DistillationDataCollector
from fine_tuning.distillation.ratings import check_rating
from fine_tuning.errors import ConfigurationError, FineTuningError, NotFoundError, UsageError
from fine_tuning.export.gguf import kept_gguf
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.engine_choice import open_local
from fine_tuning.serving.model_resolution import LOCAL, Target, find_target
from fine_tuning.serving.openai_engine import OpenAIEngine
from fine_tuning.store import costs
from fine_tuning.store.records import NewCostEvent
from fine_tuning.store.workspace import Workspace, open_workspace

Messages = Sequence[Mapping[str, Any]]
PURPOSES = costs.CALL_KINDS
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
        purpose: what the ledger calls them: "inference", "evaluation" (calls that only test a model) or "judge".
        experiment: the id of a running A/B test, by which each call goes to one of its two models and is recorded as a
            sample; a unit that takes no part gets `model`, as does every call after its end, unless it was one that
            promotes by itself and did.

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
        experiment: str | None = None,
        workspace: Workspace | None = None,
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
        self._experiment = experiment
        self._workspace = workspace or open_workspace()
        self._database = self._workspace.database
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
        return self._target(self._model).provider == LOCAL

    def get_config(self) -> dict[str, Any]:
        """model, provider, provider_model, version, default_temperature, default_max_tokens; never the key."""
        target = self._target(self._model)
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
        *,
        unit_id: str | None = None,
        reference: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """One answer.

        Args:
            prompt: the user's text, or chat messages.
            temperature: 0 is greedy; `default_temperature` if None.
            max_tokens: of the answer; `default_max_tokens` if None.
            unit_id: who asks (a user, a conversation): sees the same model of an experiment every time.
            reference: the right answer, for an experiment, where it is known; else `ABTestFramework.record_outcome`.
            kwargs: passed to the engine: stop, seed, top_p, response_format and others that it knows.

        Returns:
            content, model, version (of a registered model, else None), provider, usage (prompt_tokens,
            completion_tokens, total_tokens; None where unknown), latency_ms, cost (US dollars; None where unknown),
            finish_reason; experiment (test_id, arm, sample_id), None where the call belongs to none.

        Raises:
            NotFoundError: the model is not known, here or to the host; or there is no such experiment.
            ProviderError, ConfigurationError: the host refuses, fails or cannot be reached.
        """
        messages, options = _messages(prompt, system_prompt), self._options(temperature, max_tokens)
        trial = None if self._experiment is None else _Trial.of(self._workspace, self._experiment, unit_id)
        model = self._model_outside() if trial is None else trial.model
        with nullcontext() if trial is None else trial.failures_recorded():
            target = self._target(model)
            completion = self._engine(target, model).complete(messages, **options, **kwargs)
        answer = self._answered(target, messages, completion, model)
        return answer if trial is None else answer | {"experiment": trial.record(answer, reference)}

    def complete_many(
        self,
        prompts: Sequence[str | Messages],
        temperature: float | None = None,
        max_tokens: int | None = None,
        system_prompt: str | None = None,
        **kwargs: Any,
    ) -> Iterator[dict[str, Any]]:
        """Answers in the order of the prompts, worked on at once where the engine can; else as `complete`.

        Raises:
            UsageError: the service belongs to an experiment.
        """
        batch, options = (
            [_messages(prompt, system_prompt) for prompt in prompts],
            self._options(temperature, max_tokens),
        )
        self._outside_experiment()
        target = self._target(self._model)
        answers = self._engine(target, self._model).complete_many(batch, **options, **kwargs)
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
    ) -> Generator[str, None, dict[str, Any]]:
        """The answer piece by piece, as it is made. The generator returns what `complete` returns.

        Raises:
            UsageError: the service belongs to an experiment.
        """
        messages, options = _messages(prompt, system_prompt), self._options(temperature, max_tokens)
        self._outside_experiment()
        target = self._target(self._model)
        completion = yield from self._engine(target, self._model).stream(messages, **options, **kwargs)
        return self._answered(target, messages, completion)

    def _model_outside(self) -> str:
        """The model of a call that belongs to no test: once a test has promoted a model by itself, that one."""
        if self._experiment is None:
            return self._model
        return ABTestFramework(workspace=self._workspace).promoted(self._experiment) or self._model

    def _outside_experiment(self) -> None:
        if self._experiment is not None:
            raise UsageError(f"calls of the experiment {self._experiment} go one by one, through complete")

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

    def _target(self, model: str) -> Target:
        with self._database.read() as tx:
            found = find_target(tx, model)
        if found is not None:
            return found
        url = hosts.address(self._base_url)
        # A name such as org/model is a hub's as well as a host's: a host that was chosen is asked.
        is_here = catalogue.is_embedded(model) or Path(model).is_dir()
        host_chosen = self._base_url is not None or (url != hosts.OPENAI_URL and not is_here)
        if catalogue.is_known(model) and not host_chosen:
            return Target(LOCAL, model)
        return Target(url, model)

    def _engine(self, target: Target, model: str) -> Engine:
        if target not in self._engines:
            self._engines[target] = self._open(target, model)
        return self._engines[target]

    def _open(self, target: Target, model: str) -> Engine:
        if target.provider != LOCAL:
            return self._open_host(target, model)
        folder = Path(target.model)
        if not folder.is_dir() and (folder.is_absolute() or not catalogue.is_known(target.model)):
            raise NotFoundError(f"the files of {model} are gone: {folder}; train it again or deploy another")
        if not folder.is_absolute():
            folder = catalogue.resolve(target.model, self._workspace.folder("models")).path
        return open_local(folder, model, kept_gguf(folder))

    def _open_host(self, target: Target, model: str) -> OpenAIEngine:
        try:
            return OpenAIEngine(base_url=target.provider, api_key=self._api_key, model=target.model)
        except ConfigurationError as error:
            if target.name is not None:
                raise
            raise ConfigurationError(f"no model {model} in this workspace, and no host to ask: {error}") from None

    def _answered(
        self, target: Target, messages: Messages, completion: Completion, model: str | None = None
    ) -> dict[str, Any]:
        model = model or self._model
        used = (completion.prompt_tokens, completion.completion_tokens)
        total = None if used[0] is None or used[1] is None else used[0] + used[1]
        cost = self._cost(target, completion)
        if self._record_costs:
            event: NewCostEvent = {
                "kind": self._purpose,
                "model_name": target.name or model,
                "tokens": total,
                "cost": cost,
                "is_fine_tuned": target.fine_tuned,
                "metadata": {"latency_ms": completion.latency_ms, "version": target.version},
            }
            with self._database.write() as tx:
                costs.add(tx, event)
        if self._capture is not None:
            self._keep(messages, completion.text, self._capture, model)
        return {
            "content": completion.text,
            "model": model,
            "version": target.version,
            "provider": target.provider,
            "usage": {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": total},
            "latency_ms": completion.latency_ms,
            "cost": cost,
            "finish_reason": completion.finish_reason,
            "experiment": None,
        }

    def _keep(self, messages: Messages, answer: str, rating: int, model: str) -> None:
        """Capture a call; one that cannot be captured (an empty answer, no user message) is still an answer."""
        conversation = [*messages, {"role": "assistant", "content": answer}]
        try:
            DistillationDataCollector(workspace=self._workspace).capture_conversation(
                conversation, self._domain, self._task_type, rating, model_used=model
            )
        except FineTuningError as error:
            _log.warning("call of %s not captured: %s", model, error)

    def _cost(self, target: Target, completion: Completion) -> float | None:
        if target.provider != LOCAL:
            prices = PriceList(self._workspace.settings.prices)
            return prices.call_price(target.model, completion.prompt_tokens, completion.completion_tokens)
        rate = self._workspace.settings.machine_usd_per_hour
        return None if rate is None else completion.latency_ms / 3.6e6 * rate


class _Trial(NamedTuple):
    """A call that belongs to an A/B test: which arm it goes to, and the sample it becomes."""

    framework: ABTestFramework
    test_id: str
    arm: str
    model: str
    sample_id: str
    unit_id: str | None

    @classmethod
    def of(cls, workspace: Workspace, test_id: str, unit_id: str | None) -> _Trial | None:
        """The arm of a unit, or of nobody in particular; None where it takes no part."""
        framework, sample_id = ABTestFramework(workspace=workspace), uuid4().hex
        chosen = framework.choose(test_id, unit_id or sample_id)
        return None if chosen is None else cls(framework, test_id, *chosen, sample_id, unit_id)

    @contextmanager
    def failures_recorded(self) -> Iterator[None]:
        """A call that fails is a sample too."""
        try:
            yield
        except FineTuningError as error:
            self._record(error=str(error))
            raise

    def record(self, answer: Mapping[str, Any], reference: str | None) -> dict[str, str]:
        """Record the answer. Returns what its outcome may be told of later."""
        facts = {"prediction": answer["content"], "latency_ms": answer["latency_ms"], "cost": answer["cost"]}
        try:
            self._record(**facts, reference=reference)
        except FineTuningError as error:  # the answer is paid for: its outcome can still be told
            _log.warning("the answer of sample %s is not scored: %s", self.sample_id, error)
            self._record(**facts)
        return {"test_id": self.test_id, "arm": self.arm, "sample_id": self.sample_id}

    def _record(self, **facts: Any) -> None:
        """Record a sample of this unit, whose calls may be alike."""
        sample = {"model": self.arm, "sample_id": self.sample_id, "cluster_id": self.unit_id, **facts}
        self.framework.record_samples(self.test_id, [sample])


def _messages(prompt: str | Messages, system_prompt: str | None) -> list[dict[str, Any]]:
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    if isinstance(prompt, str):
        if not prompt.strip():
            raise UsageError("prompt must not be empty")
        return [*system, {"role": "user", "content": prompt}]
    if not prompt or not all(isinstance(m, Mapping) and isinstance(m.get("role"), str) for m in prompt):
        raise UsageError("prompt must be text, or chat messages that each have a role and content")
    return [*system, *(dict(message) for message in prompt)]
