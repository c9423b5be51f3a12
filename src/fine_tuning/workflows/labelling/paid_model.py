"""A model whose answers are bought: how it is asked, and what a call may cost at most."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from fine_tuning._util.hosts import Host, find_host, settings_for
from fine_tuning.candidates.candidate import Request
from fine_tuning.costs.prices import PriceList
from fine_tuning.costs.published_prices import CallPrice
from fine_tuning.data_io.usage import Usage
from fine_tuning.datasets.image_tokens import images_in
from fine_tuning.errors import ConfigurationError
from fine_tuning.evaluation.judge_prompts import MAX_REPLY_TOKENS
from fine_tuning.serving.answered_calls import Answer, answer_of
from fine_tuning.serving.engine import Completion, Engine
from fine_tuning.serving.engine_choice import open_target
from fine_tuning.serving.model_resolution import LOCAL, Target, resolve_target
from fine_tuning.serving.openai_engine import OpenAIEngine
from fine_tuning.serving.paid_part import paid_part
from fine_tuning.store.records.labels import LabelKey
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.answering import answering

BATCH = "batch"  # the service tier of batches
TOKENS_BESIDE = 16  # of a chat template around a message
TOKENS_OF_WRAPPER = 128  # that a host writes around messages and tools
TOKENS_OF_IMAGE = 50_000  # more than any model charges for one
BYTES_PER_TOKEN = 4  # of English, about


@dataclass(frozen=True)
class CallParams:
    """How a model is asked; purpose: of the calls, in the ledger; about: the model whose answers they grade."""

    temperature: float
    max_tokens: int
    more: Mapping[str, object] = field(default_factory=dict)
    purpose: str = "labelling"
    about: str | None = None


class PaidModel:
    """A model by its name, pinned to the version that answers now.

    Raises:
        NotFoundError, ConflictError, ConfigurationError: there is no such model, or no key for its host.
    """

    def __init__(self, workspace: Workspace, name: str, params: CallParams) -> None:
        self.name, self.params, self.settings = answering(name, workspace).pinned, params, workspace.settings
        with workspace.database.read() as tx:
            self.target: Target = resolve_target(tx, self.name, workspace.settings)
        self._paid = paid_part(self.target)
        self.engine = self._open()
        self._prices = PriceList(workspace.settings.prices)
        self._price = lru_cache(maxsize=1 << 14)(self._price_of_tokens)  # many prompts have as many bytes as another

    def _open(self) -> Engine:
        """Of a host, an engine that repeats nothing by itself: a call that is repeated may be paid twice."""
        if self.target.provider == LOCAL:
            return open_target(self.target, self.name, self.settings, max_retries=0)
        return OpenAIEngine(self.host(), self.target.model, max_retries=0)

    def host(self) -> Host:
        """Where it answers; the key of the settings goes to hosts that they name."""
        return find_host(settings_for(self.settings, self.target.provider), self.target.provider)

    @property
    def is_local(self) -> bool:
        """Whether all of it runs on this machine, where an answer that was lost has cost nothing."""
        return self._paid.provider == LOCAL

    @cached_property
    def settings_key(self) -> str:
        """A hash of the model and of what its answers depend on beside the request."""
        params = self.params
        facts = [self.target.provider, self.target.model, params.temperature, params.max_tokens, dict(params.more)]
        return _hash(facts)

    def key(self, request: Request, sample: int) -> LabelKey:
        """Which call this is."""
        return LabelKey(self.settings_key, _hash([list(request.messages), list(request.tools)]), sample)

    def most(self, request: Request, tier: str = "") -> float | None:
        """What a call may cost at most, US dollars; None where no price of it is known. A token has a byte or more.

        Args:
            tier: the service tier; the standard one if empty.
        """
        request = request._replace(messages=[*self._paid.beside, *request.messages])
        images = sum(1 for _ in images_in(request.messages)) * TOKENS_OF_IMAGE
        around = TOKENS_BESIDE * len(request.messages) + TOKENS_OF_WRAPPER
        return self._price(_bytes_of(request) + images + around, self.params.max_tokens, tier).usd

    def expected(self, request: Request, answer_tokens: float, tier: str = "") -> float | None:
        """About what a call costs, US dollars, with four bytes a token."""
        request = request._replace(messages=[*self._paid.beside, *request.messages])
        return self._price(_bytes_of(request) // BYTES_PER_TOKEN, int(answer_tokens), tier).usd

    def check_priced(self, tier: str = "") -> None:
        """Check that a budget can hold.

        Raises:
            ConfigurationError: no price of this model is known.
        """
        if self.is_local:
            raise ConfigurationError(f"{self.name} runs on this machine, where a call has no price: leave out --budget")
        price = self._price(1, 1, tier)
        if price.usd is None:
            raise ConfigurationError(f"a budget needs the price of {self.name}: {price.note}")

    def _price_of_tokens(self, prompt: int, answer: int, tier: str) -> CallPrice:
        usage: Usage = {"prompt_tokens": prompt, "completion_tokens": answer, "service_tier": tier}
        return self._prices.price_of(self._paid.model, usage, self._paid.provider)

    def ask(self, request: Request) -> Completion:
        """Send a call, once."""
        return self.engine.complete(request.messages, **self.asked_params(request))

    def asked_params(self, request: Request) -> JsonColumn:
        """The parameters of a call beside its messages."""
        sampling = {"temperature": self.params.temperature, "max_tokens": self.params.max_tokens}
        return {**sampling, **self.params.more, **({"tools": list(request.tools)} if request.tools else {})}

    def priced(self, completion: Completion) -> Answer:
        """The answer with its price."""
        return answer_of(self.target, self.name, completion, self.settings)

    def close(self) -> None:
        """Close the connections."""
        self.engine.close()


def judge_model(workspace: Workspace, name: str, about: str) -> PaidModel:
    """A model that grades the answers of another one."""
    return PaidModel(workspace, name, CallParams(0.0, MAX_REPLY_TOKENS, purpose="judge", about=about))


def _bytes_of(request: Request) -> int:
    return len(json.dumps([list(request.messages), list(request.tools)], ensure_ascii=False).encode())


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
