"""Estimate of a training job's tokens, cost and time, and the check against budgets, before anything is sent."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from fine_tuning._util import hosts
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.rows import read_rows
from fine_tuning.datasets import token_counts
from fine_tuning.errors import FineTuningError
from fine_tuning.store import budgets, files, jobs
from fine_tuning.store.records import JobEstimate
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
MAX_COUNTED_BYTES = 50_000_000  # the tokens of a larger training file are counted only where a budget applies
AUTO_EPOCHS = 3  # epochs that hosts choose for "auto" and data sets of a few hundred rows


@dataclass(frozen=True)
class PlannedJob:
    """A training job that is about to be created.

    Attributes:
        model: base model.
        suffix: name of the fine-tuned model; None where it has none.
        n_epochs: a number, or "auto".
    """

    model: str
    suffix: str | None = None
    n_epochs: int | str = "auto"

    @property
    def budget_name(self) -> str:
        """The model name whose budget applies."""
        return self.suffix or self.model


class JobEstimator:
    """Estimates and budget checks for the jobs of one provider."""

    def __init__(self, workspace: Workspace, provider: str) -> None:
        """Estimate jobs of a provider: "local" or a host's address."""
        self._database = workspace.database
        self._settings = workspace.settings
        self._provider = provider

    def check_budgets(self, job: PlannedJob, path: Path) -> None:
        """Check that the budgets cover a job, before its file is sent. Recording the job checks again.

        Raises:
            ConflictError: the estimate exceeds what a budget has left this month.
        """
        if self._has_budget(job):
            usd = self.estimate_file(job, path)["usd"]
            with self._database.read() as tx:
                budgets.check(tx, job.budget_name, usd)

    def estimate_upload(self, job: PlannedJob, training_file_id: str) -> JobEstimate:
        """Estimate a job on an uploaded file; see `estimate_file`."""
        with self._database.read() as tx:
            file = files.get(tx, training_file_id)
        return _unknown() if file is None else self.estimate_file(job, Path(file["path"]))

    def estimate_file(self, job: PlannedJob, path: Path) -> JobEstimate:
        """Estimate a job on a local file: tokens over all epochs, US dollars and seconds; None where unknown.

        Seconds are for this machine, at the speed of its last job with the same base model.
        """
        if not path.is_file() or (path.stat().st_size > MAX_COUNTED_BYTES and not self._has_budget(job)):
            return _unknown()
        tokens = training_tokens(path, job.model, job.n_epochs)
        if tokens is None:
            return _unknown()
        if self._provider == "local":
            return self._local_estimate(job.model, tokens)
        prices = PriceList(self._settings.prices)
        price = prices.training_price(job.model, at_openai=self._provider == hosts.OPENAI_URL)
        return {"tokens": tokens, "usd": None if isnan(price) else tokens / 1e6 * price, "seconds": None}

    def _has_budget(self, job: PlannedJob) -> bool:
        with self._database.read() as tx:
            return bool({job.budget_name, budgets.ALL} & budgets.limits(tx).keys())

    def _local_estimate(self, model: str, tokens: int) -> JobEstimate:
        with self._database.read() as tx:
            tokens_per_second = jobs.tokens_per_second(tx, model)
        seconds = None if tokens_per_second is None else tokens / tokens_per_second
        rate = self._settings.machine_usd_per_hour
        usd = None if seconds is None or rate is None else seconds / 3600 * rate
        return {"tokens": tokens, "usd": usd, "seconds": seconds}


def _unknown() -> JobEstimate:
    return {"tokens": None, "usd": None, "seconds": None}


def training_tokens(path: Path, model: str, n_epochs: int | str) -> int | None:
    """Count the tokens that training on a file reads, over all epochs; None where they cannot be counted.

    Source of the count: see `datasets.token_counts.counter`.
    """
    try:
        count = token_counts.counter(model)
        once = sum(count(row) for _, row in read_rows(path))
    except FineTuningError as error:
        _log.info("no estimate for %s: %s", path.name, error)
        return None
    except (KeyError, TypeError, AttributeError):  # not chat rows: the upload reports where and why
        return None
    return once * (n_epochs if isinstance(n_epochs, int) else AUTO_EPOCHS)
