"""OpenAIFineTuner: fine-tuning at OpenAI, or at any host that speaks its API."""

from __future__ import annotations

from functools import partial
from typing import TypedDict

from fine_tuning._util import checks, hosts
from fine_tuning.costs.prices import PriceList
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.hosted_trainer import HostedTrainer


class TrainingCost(TypedDict):
    """The cost of training on a number of tokens; costs are US dollars."""

    model: str
    training_tokens: int
    input_tokens: int
    output_tokens: int
    input_cost: float
    output_cost: float
    total_cost: float
    currency: str


class OpenAIFineTuner(FineTuner):
    """Jobs at an OpenAI-compatible host; the key is needed at the first call, not before.

    Args:
        api_key: OPENAI_API_KEY by default.
        base_url: OPENAI_BASE_URL by default, else OpenAI.
        workspace: by default the one that the environment names.
    """

    def __init__(
        self, api_key: str | None = None, base_url: str | None = None, *, workspace: Workspace | None = None
    ) -> None:
        workspace = workspace or open_workspace()
        host = hosts.find_host(workspace.settings, base_url, api_key)
        self._training_price = partial(PriceList(workspace.settings.prices).training_price, host=host.url)
        super().__init__(workspace, HostedTrainer(workspace.database, host, self._training_price))

    def estimate_cost(self, training_tokens: int, model: str) -> TrainingCost:
        """The cost of training on that many tokens (over all epochs).

        Training is billed by input tokens; nothing is generated, so the output cost is 0.

        Returns:
            model, training_tokens, input_tokens, output_tokens, input_cost, output_cost, total_cost, currency;
            costs are US dollars, nan for a model without a known training price.

        Raises:
            UsageError: a negative number of tokens.
        """
        checks.count("training_tokens", training_tokens, maximum=int(checks.MAX_AMOUNT))
        checks.name("model", model)
        input_cost = training_tokens / 1e6 * self._training_price(model)
        return {
            "model": model,
            "training_tokens": training_tokens,
            "input_tokens": training_tokens,
            "output_tokens": 0,
            "input_cost": input_cost,
            "output_cost": 0.0,
            "total_cost": input_cost,
            "currency": "USD",
        }
