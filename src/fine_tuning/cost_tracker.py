"""CostTracker: the ledger of training and calls, and the return on a fine-tuned model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any

from fine_tuning import checks
from fine_tuning.costs import roi, training
from fine_tuning.costs.roi import CostAnalysis
from fine_tuning.errors import UsageError
from fine_tuning.files import write_json
from fine_tuning.store import costs, experiments, legacy, models
from fine_tuning.store.database import open_database

__all__ = ["CostAnalysis", "CostTracker"]

_log = logging.getLogger(__name__)


class CostTracker:
    """Costs in the workspace, or in a database of their own.

    Args:
        tracker_path: a file, folder or database URL; the workspace by default. A cost file (.json) of the older
            system is imported once into a database beside it.
    """

    def __init__(self, tracker_path: str | Path | None = None) -> None:
        self._database = open_database(tracker_path)
        if tracker_path is not None and "://" not in str(tracker_path):
            legacy.import_costs(self._database, tracker_path)

    def record_training_job(
        self,
        job_id: str,
        model_name: str,
        base_model: str,
        dataset_size: int,
        training_tokens: int | None,
        total_cost: float | None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what a training run cost; recording the same job again replaces it.

        Args:
            total_cost: US dollars; None where unknown.

        Raises:
            UsageError: a negative or non-finite figure, or an empty name.
        """
        self._add(
            kind="training",
            model_name=checks.name("model_name", model_name),
            base_model=checks.name("base_model", base_model),
            job_id=checks.name("job_id", job_id),
            dataset_size=checks.count("dataset_size", dataset_size),
            tokens=checks.tokens("training_tokens", training_tokens),
            cost=checks.amount("total_cost", total_cost),
            is_fine_tuned=True,
            metadata=checks.mapping("metadata", metadata),
        )

    def record_inference(
        self,
        model_name: str,
        tokens_used: int | None,
        cost: float | None,
        is_fine_tuned: bool,
        metadata: Mapping[str, Any] | None = None,
        *,
        kind: str = "inference",
    ) -> None:
        """Record one call.

        Args:
            cost: US dollars; None where no price is known, which is not the same as free.
            kind: "inference" for production, "evaluation" for calls that only test a model.

        Raises:
            UsageError: a negative or non-finite figure, or an empty name.
        """
        self._add(
            kind=checks.one_of("kind", kind, ("inference", "evaluation")),
            model_name=checks.name("model_name", model_name),
            tokens=checks.tokens("tokens_used", tokens_used),
            cost=checks.amount("cost", cost),
            is_fine_tuned=checks.flag("is_fine_tuned", is_fine_tuned),
            metadata=checks.mapping("metadata", metadata),
        )

    def _add(self, **event: Any) -> None:
        with self._database.write() as tx:
            costs.add(tx, event)

    def get_job_cost(self, job_id: str) -> dict[str, Any] | None:
        """A training run's record: job_id, model_name, base_model, dataset_size, training_tokens, total_cost,
        recorded_at, metadata; None for an unknown job.
        """
        with self._database.read() as tx:
            found = costs.training_jobs(tx, job_id=job_id)
        return found[0] if found else None

    def get_model_training_cost(self, name: str) -> float:
        """What the training of a model's versions cost; see `costs.training.by_model`.

        Returns:
            US dollars; nan where a part is not known.
        """
        with self._database.read() as tx:
            found = training.by_model(costs.training_jobs(tx), models.versions(tx))
        return training.total(found.get(name, {}))

    def get_inference_costs(self, name: str | None = None) -> dict[str, dict[str, Any]]:
        """Recorded production calls per model: count, total (US dollars of the priced ones), tokens, unpriced."""
        with self._database.read() as tx:
            return costs.calls_by_model(tx, "inference", name)

    def get_cost_summary(self) -> dict[str, Any]:
        """Totals in US dollars, and per model; `unpriced_events` counts what has no known price and is in no sum.

        A model of which no price is known has nan in `training_by_model`.
        """
        with self._database.read() as tx:
            jobs = costs.training_jobs(tx)
            inference = costs.calls_by_model(tx, "inference")
            evaluation = costs.calls_by_model(tx, "evaluation")
            prices = training.by_model(jobs, models.versions(tx))
        trained = [price for model in prices.values() for price in model.values()]
        totals = {
            "total_training_cost": sum(price for price in trained if price is not None),
            "total_inference_cost": sum(model["total"] for model in inference.values()),
            "total_evaluation_cost": sum(model["total"] for model in evaluation.values()),
        }
        unpriced_calls = sum(model["unpriced"] for model in [*inference.values(), *evaluation.values()])
        return {
            **totals,
            "total_cost": sum(totals.values()),
            "training_jobs": len(jobs),
            "training_by_model": {name: training.known_part(model) for name, model in prices.items()},
            "inference_by_model": inference,
            "evaluation_by_model": evaluation,
            "unpriced_events": unpriced_calls + trained.count(None),
        }

    def calculate_roi(
        self,
        model_name: str,
        base_model_inference_cost: float,
        expected_inference_count: int,
        cost_per_error: float = 10.0,
        *,
        horizon_days: float = roi.DEFAULT_HORIZON_DAYS,
        calls_per_day: float | None = None,
        accuracy_improvement: float | None = None,
    ) -> CostAnalysis:
        """When the fine-tuned model pays for itself against the base model.

        Savings are (base - fine-tuned price per call) x expected calls, the ROI is (savings - training) / training.
        The fine-tuned price per call is the mean of recorded calls, else of A/B samples.

        Args:
            base_model_inference_cost: US dollars per call of the model it replaces; nan where unknown.
            cost_per_error: US dollars an avoided error is worth; only enters `accuracy_value`.
            horizon_days: the time over which the expected calls happen, unless `calls_per_day` is given.
            accuracy_improvement: absolute (0 to 1), where it was measured.

        Returns:
            The analysis; a figure that depends on something unknown is nan, and `unknown` (also logged) says on what.

        Raises:
            UsageError: a negative or zero argument where that makes no sense.
        """
        known_price = checks.amount("base_model_inference_cost", base_model_inference_cost)
        checks.count("expected_inference_count", expected_inference_count, most=int(checks.LARGEST_AMOUNT))
        if not checks.amount("horizon_days", horizon_days) or checks.amount("calls_per_day", calls_per_day) == 0:
            raise UsageError("horizon_days and calls_per_day must be greater than 0")
        training_cost = self.get_model_training_cost(model_name)
        price = self._price_per_call(model_name)
        saving = (nan if known_price is None else known_price) - price
        even = roi.break_even(training_cost, saving)
        analysis = CostAnalysis(
            model_name=model_name,
            training_cost=training_cost,
            training_tokens=self._training_tokens(model_name),
            inference_cost_per_call=price,
            expected_inferences=expected_inference_count,
            total_inference_cost=price * expected_inference_count,
            total_cost=training_cost + price * expected_inference_count,
            break_even_inferences=even,
            roi_at_expected=roi.return_on_investment(training_cost, saving * expected_inference_count),
            payback_days=roi.payback_days(even, calls_per_day or expected_inference_count / horizon_days),
        )
        if accuracy_improvement is not None:
            worth = accuracy_improvement * expected_inference_count * cost_per_error
            analysis = replace(analysis, accuracy_value=worth)
        return replace(analysis, unknown=_missing(analysis, known_price))

    def _price_per_call(self, name: str) -> float:
        """Mean of the recorded calls of a model and of its versions (`<name>-v<N>`), else of their A/B samples."""
        with self._database.read() as tx:
            names = [name, *(f"{name}-v{version['version']}" for version in models.versions(tx, name))]
            recorded = [calls for each, calls in costs.calls_by_model(tx, "inference").items() if each in names]
            priced = sum(calls["count"] - calls["unpriced"] for calls in recorded)
            if priced:
                return float(sum(calls["total"] for calls in recorded) / priced)
            sampled = experiments.cost_per_call(tx, names)
        return nan if sampled is None else sampled

    def _training_tokens(self, name: str) -> int | None:
        with self._database.read() as tx:
            known = [job["training_tokens"] for job in costs.training_jobs(tx, name=name)]
        known = [tokens for tokens in known if tokens is not None]
        return sum(known) if known else None

    def export_costs(self, filepath: str | Path) -> str:
        """Write the whole ledger as JSON: jobs by id, inferences and evaluations in order. Returns the path."""
        with self._database.read() as tx:
            ledger = {
                "jobs": {job["job_id"]: job for job in costs.training_jobs(tx)},
                "inferences": costs.all_events(tx, "inference"),
                "evaluations": costs.all_events(tx, "evaluation"),
            }
        write_json(Path(filepath), ledger)
        return str(filepath)


def _missing(analysis: CostAnalysis, base_price: float | None) -> list[str]:
    missing = []
    if base_price is None:
        missing.append("price per call of the base model: base_model_inference_cost")
    if isnan(analysis.training_cost):
        missing.append(f"training cost of {analysis.model_name}: record_training_job, or register_model with a cost")
    if isnan(analysis.inference_cost_per_call):
        missing.append(f"price per call of {analysis.model_name}: record_inference, or A/B samples with a cost")
    for line in missing:
        _log.warning("ROI is unknown for lack of %s", line)
    return missing
