"""LLMService: call a model by its registered name, on whichever host or engine it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from fine_tuning._util import checks, hosts
from fine_tuning.ab_testing import ABTestFramework
from fine_tuning.base_models import catalogue
from fine_tuning.data_io.answers import AnswerLike
from fine_tuning.distillation.ratings import check_rating
from fine_tuning.errors import UsageError
from fine_tuning.experiments.trial import Trial
from fine_tuning.serving.answered_calls import Answer, LLMConfig, answer_of
from fine_tuning.serving.call_budgets import CallBudgets
from fine_tuning.serving.call_capture import CaptureSettings, capture_call
from fine_tuning.serving.chat_types import Messages
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.engine_choice import open_target
from fine_tuning.serving.model_resolution import LOCAL, Target, resolve_target
from fine_tuning.serving.prompt_messages import Sampling, checked_sampling, messages_of
from fine_tuning.store import costs
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace, open_workspace

PURPOSES = costs.CALL_KINDS


class LLMService:
    """Calls the model that is deployed under a name.

    The name is resolved at every call, so that a deployment or rollback takes effect at once. A name is, in this order:
    a registered model (its deployed version) or `<name>-v<version>`; a model that a local job trained; a base model of
    the catalogue or a local folder; else a model of the host at `base_url`.

    Args:
        base_url: host of names that the workspace does not know; OPENAI_BASE_URL by default, else OpenAI.
        api_key: OPENAI_API_KEY by default; for that host, OpenAI and this machine, and no other of a registered model.
        capture: rating (1 to 5) with which each answered call is captured as an example; None captures nothing.
        domain, task_type: of captured examples.
        record_costs: record each call in the cost ledger.
        purpose: of the calls, in the ledger: "inference", "evaluation" (calls that only test a model) or "judge".
        about: the name of the model whose answers a judge grades, in the ledger.
        experiment: the id of an A/B test. While it runs, each call goes to one of its two models and is recorded as a
            sample; units that take no part get `model`. After its end calls get the model that the test promoted, if
            it did, else `model`.
        workspace: the one that the environment names by default.

    Raises:
        UsageError: the rating or purpose is invalid, or the model's name is empty.
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
        about: str | None = None,
        experiment: str | None = None,
        workspace: Workspace | None = None,
    ) -> None:
        if capture is not None:
            check_rating(capture)
        for label, value in (("domain", domain), ("task_type", task_type)):
            checks.name(label, value)
        checks.one_of("purpose", purpose, PURPOSES)
        self.default_temperature, self.default_max_tokens = default_temperature, default_max_tokens
        self._base_url, self._api_key = base_url, api_key
        self._capture = CaptureSettings(capture, domain, task_type)
        self._record_costs = record_costs
        self._purpose, self._notes = purpose, {} if about is None else {"about": about}
        self._experiment, self._workspace = experiment, workspace or open_workspace()
        self._engines: dict[Target, Engine] = {}
        self._budgets = CallBudgets(self._workspace.database)
        self.set_model(model)

    def set_model(self, model: str) -> None:
        """Set the model by name.

        Raises:
            UsageError: the name is empty.
        """
        self._model = checks.name("model", model)

    def get_model(self) -> str:
        """The model's name."""
        return self._model

    def is_local(self) -> bool:
        """Whether the model runs on this machine."""
        return self._target(self._model).provider == LOCAL

    def get_config(self) -> LLMConfig:
        """The model, what it resolves to, and the defaults of calls; never the key."""
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
        reference: AnswerLike | None = None,
        **kwargs: object,
    ) -> Answer:
        """Answer one prompt.

        Args:
            prompt: the user's text, or chat messages.
            temperature: 0 is greedy; `default_temperature` if None.
            max_tokens: of the answer; `default_max_tokens` if None.
            unit_id: the user or conversation, which gets the same model of an experiment in every call.
            reference: the expected answer (text, a message or tool calls), for an experiment, if it is known; else
                `ABTestFramework.record_outcome`.
            kwargs: passed to the engine: tools, stop, seed, top_p, response_format and others that it supports.

        Raises:
            NotFoundError: neither the workspace nor the host knows the model; or there is no such experiment.
            ProviderError, ConfigurationError: the host refuses, fails or cannot be reached.
            ConflictError: a hard budget is spent (`CostTracker.set_budget`); nothing is sent.
        """
        messages, sampling = messages_of(prompt, system_prompt), self._sampling(temperature, max_tokens)
        trial = None if self._experiment is None else Trial.assign(self._framework(), self._experiment, unit_id)
        model = self._model_without_trial() if trial is None else trial.model
        failures = nullcontext if trial is None else trial.failures_recorded
        with failures():
            target = self._target(model)
        self._budgets.check(target, model)  # a call that is refused here is no failure of the model
        with failures():
            completion = self._engine(target, model).complete(
                messages, temperature=sampling.temperature, max_tokens=sampling.max_tokens, **kwargs
            )
        answer = self._answered(target, model, {"messages": messages, **kwargs}, completion, trial)
        if trial is not None:
            answer["experiment"] = trial.record(answer, reference)
        return answer

    def complete_many(
        self,
        prompts: Sequence[str | Messages],
        temperature: float | None = None,
        max_tokens: int | None = None,
        system_prompt: str | None = None,
        **kwargs: object,
    ) -> Iterator[Answer]:
        """Answer many prompts in order, concurrently where the engine can; else as `complete`.

        Raises:
            UsageError: the service belongs to an experiment.
        """
        batch = [messages_of(prompt, system_prompt) for prompt in prompts]
        sampling, model = self._sampling(temperature, max_tokens), self._model
        self._check_no_experiment()
        target = self._target(model)
        for part in self._budgets.batches(target, model, batch):
            completions = self._engine(target, model).complete_many(
                part, temperature=sampling.temperature, max_tokens=sampling.max_tokens, **kwargs
            )
            for messages, completion in zip(part, completions, strict=True):
                yield self._answered(target, model, {"messages": messages, **kwargs}, completion)

    async def complete_async(self, prompt: str | Messages, *args: Any, **kwargs: Any) -> Answer:
        """As `complete`, without blocking the event loop."""
        return await asyncio.to_thread(self.complete, prompt, *args, **kwargs)

    def complete_streaming(
        self,
        prompt: str | Messages,
        temperature: float | None = None,
        max_tokens: int | None = None,
        system_prompt: str | None = None,
        **kwargs: object,
    ) -> Generator[str, None, Answer]:
        """Yield the answer's text as it is generated. The generator returns what `complete` returns.

        Raises:
            UsageError: the service belongs to an experiment.
        """
        messages, sampling = messages_of(prompt, system_prompt), self._sampling(temperature, max_tokens)
        self._check_no_experiment()
        model, target = self._model, self._target(self._model)
        self._budgets.check(target, model)
        completion = yield from self._engine(target, model).stream(
            messages, temperature=sampling.temperature, max_tokens=sampling.max_tokens, **kwargs
        )
        return self._answered(target, model, {"messages": messages, **kwargs}, completion)

    def _model_without_trial(self) -> str:
        """The model of a call that is no sample: the one that the test promoted, if it did."""
        if self._experiment is None:
            return self._model
        return self._framework().promoted(self._experiment) or self._model

    def _framework(self) -> ABTestFramework:
        return ABTestFramework(workspace=self._workspace)

    def _check_no_experiment(self) -> None:
        if self._experiment is not None:
            raise UsageError(f"the experiment {self._experiment} takes single calls: use complete")

    def close(self) -> None:
        """Close the engines; the next call opens them again."""
        while self._engines:
            self._engines.popitem()[1].close()

    def _sampling(self, temperature: float | None, max_tokens: int | None) -> Sampling:
        return checked_sampling(
            self.default_temperature if temperature is None else temperature,
            self.default_max_tokens if max_tokens is None else max_tokens,
        )

    def _target(self, model: str) -> Target:
        with self._workspace.database.read() as tx:
            return resolve_target(tx, model, self._workspace.settings, self._base_url)

    def _engine(self, target: Target, model: str) -> Engine:
        if target not in self._engines:
            settings = hosts.with_host(self._workspace.settings, self._base_url, self._api_key)
            self._engines[target] = open_target(target, model, settings)
        return self._engines[target]

    def _answered(
        self, target: Target, model: str, request: JsonColumn, completion: Completion, trial: Trial | None = None
    ) -> Answer:
        answer = answer_of(target, model, completion, self._workspace.settings)
        if self._record_costs:
            self._budgets.record(self._purpose, target, answer, self._notes | ({} if trial is None else trial.notes))
        capture_call(self._workspace, request, answer, self._capture)
        return answer
