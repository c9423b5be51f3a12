"""Tokens, price and time of a training job, estimated before anything is sent."""

from __future__ import annotations

from math import isnan
from pathlib import Path

from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import FineTuningError
from fine_tuning.store import budgets, files, jobs
from fine_tuning.store.records.jobs import JobEstimate
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.token_count import TokenCount
from fine_tuning.training.jobs.training_request import TrainingRequest

LARGE_FILE_BYTES = 50_000_000  # the tokens of a larger file are counted only where a budget limits the job
AUTO_EPOCHS = 3  # what hosts make of "auto" for datasets of some hundred rows


class JobEstimator:
    """Estimates the jobs of one provider, and checks them against the budgets.

    Args:
        provider: "local" or the host's address.
    """

    def __init__(self, workspace: Workspace, provider: str) -> None:
        self._workspace = workspace
        self._provider = provider

    def token_count(self, request: TrainingRequest, path: Path) -> TokenCount | None:
        """A count of the file's tokens, to be filled while it is read; None for a large file that no budget limits."""
        if path.is_file() and path.stat().st_size > LARGE_FILE_BYTES and not self._is_limited(request):
            return None
        return TokenCount(request.model, self._workspace.folder("models"))

    def estimate(self, request: TrainingRequest, tokens: int | None) -> JobEstimate:
        """Tokens over all epochs, US dollars and seconds of a job.

        Seconds are of this machine, by the speed of its last job with the same base model; a host's are unknown.

        Args:
            tokens: of the training file, once; None if unknown.
        """
        if tokens is None:
            return {"tokens": None, "usd": None, "seconds": None}
        epochs = request.hyperparameters.get("n_epochs", "auto")
        trained = tokens * (epochs if isinstance(epochs, int) else AUTO_EPOCHS)
        if self._provider == "local":
            seconds = self._seconds_here(request.model, trained)
            return {"tokens": trained, "usd": self._usd_here(seconds), "seconds": seconds}
        prices = PriceList(self._workspace.settings.prices)
        price = prices.training_price(request.model, self._provider)
        return {"tokens": trained, "usd": None if isnan(price) else trained / 1e6 * price, "seconds": None}

    def estimate_file(self, request: TrainingRequest, path: Path) -> JobEstimate:
        """As `estimate`, for a file that is read to count its tokens; all unknown where it cannot be read."""
        count = self.token_count(request, path)
        if count is None:
            return self.estimate(request, None)
        try:
            for _, row in read_rows(path):
                count.add(row)
        except FineTuningError:
            return self.estimate(request, None)
        return self.estimate(request, count.total)

    def estimate_uploaded(self, request: TrainingRequest, training_file_id: str) -> JobEstimate:
        """As `estimate_file`, for a file that was uploaded before; all unknown where it is not stored here."""
        with self._workspace.database.read() as tx:
            file = files.get(tx, training_file_id)
        if file is None or not Path(file["path"]).is_file():
            return self.estimate(request, None)
        return self.estimate_file(request, Path(file["path"]))

    def check_budgets(self, request: TrainingRequest, estimate: JobEstimate) -> None:
        """Check the budgets before a file is sent; they are checked again when the job is recorded.

        Raises:
            ConflictError: the estimate is more than what a budget has left this month.
        """
        if self._is_limited(request):
            with self._workspace.database.read() as tx:
                budgets.check(tx, request.budget_name, estimate["usd"])

    def _is_limited(self, request: TrainingRequest) -> bool:
        with self._workspace.database.read() as tx:
            return budgets.limits(tx, request.budget_name)

    def _seconds_here(self, model: str, tokens: int) -> float | None:
        with self._workspace.database.read() as tx:
            speed = jobs.tokens_per_second(tx, model)
        return None if speed is None else tokens / speed

    def _usd_here(self, seconds: float | None) -> float | None:
        rate = self._workspace.settings.machine_usd_per_hour
        return None if seconds is None or rate is None else seconds / 3600 * rate
