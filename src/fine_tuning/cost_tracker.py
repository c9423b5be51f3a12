"""CostTracker: the ledger of training and calls, and the return on a fine-tuned model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from math import isnan, nan
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning._util.files import atomic_write, write_json
from fine_tuning.costs import cost_report, roi, training_costs
from fine_tuning.costs.cost_intervals import ENOUGH, LEAST, UNKNOWN, Measured, given, is_uneven, mean_of, mean_of_many
from fine_tuning.costs.roi import CostAnalysis, Facts
from fine_tuning.errors import UsageError
from fine_tuning.experiments import measured_gain
from fine_tuning.experiments.measured_gain import Gain
from fine_tuning.store import budgets, costs, experiments, legacy_files, model_versions
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction
from fine_tuning.store.workspace import Workspace, open_workspace

__all__ = ["CostAnalysis", "CostTracker"]

COLUMNS = ("day", "month", "kind", "model_name")
_log = logging.getLogger(__name__)


class CostTracker:
    """Costs in the workspace, or in a database of their own.

    Args:
        tracker_path: a file, folder or database URL; the workspace by default. A cost file (.json) of the older
            system is imported once into a database beside it.
    """

    def __init__(self, tracker_path: str | Path | None = None, *, workspace: Workspace | None = None) -> None:
        self._database = (workspace or open_workspace(tracker_path)).database
        if tracker_path is not None and "://" not in str(tracker_path):
            legacy_files.import_costs(self._database, tracker_path)

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
            kind: "inference" for production, "evaluation" for calls that only test a model, "judge" for grading.

        Raises:
            UsageError: a negative or non-finite figure, or an empty name.
        """
        self._add(
            kind=checks.one_of("kind", kind, costs.CALLS),
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
        """What the training of a model's versions cost; see `costs.training_costs.by_model`.

        Returns:
            US dollars; nan where a part is not known.
        """
        return training_costs.total(self._training_prices(name))

    def _training_prices(self, name: str) -> training_costs.Prices:
        with self._database.read() as tx:
            return training_costs.by_model(costs.training_jobs(tx), model_versions.versions(tx)).get(name, {})

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
            judging = costs.calls_by_model(tx, "judge")
            prices = training_costs.by_model(jobs, model_versions.versions(tx))
        trained = [price for model in prices.values() for price in model.values()]
        totals = {
            "total_training_cost": sum(price for price in trained if price is not None),
            "total_inference_cost": sum(model["total"] for model in inference.values()),
            "total_evaluation_cost": sum(model["total"] for model in evaluation.values()),
            "total_judge_cost": sum(model["total"] for model in judging.values()),
        }
        unpriced_calls = sum(model["unpriced"] for kind in (inference, evaluation, judging) for model in kind.values())
        return {
            **totals,
            "total_cost": sum(totals.values()),
            "training_jobs": len(jobs),
            "training_by_model": {name: training_costs.known_part(model) for name, model in prices.items()},
            "inference_by_model": inference,
            "evaluation_by_model": evaluation,
            "judge_by_model": judging,
            "unpriced_events": unpriced_calls + trained.count(None),
        }

    def get_costs_by(self, *names: str, since: str | None = None) -> list[dict[str, Any]]:
        """What was spent, summed by any of day, month, kind and model.

        Args:
            names: day, month (UTC, ISO 8601), kind (training, inference, evaluation, judge), model_name.
            since: the first day, ISO 8601.

        Returns:
            Rows of the named columns with count, total (US dollars), tokens and unpriced (events without a price, which
            are in no total), in their order.

        Raises:
            UsageError: an unknown name, or a day that is none.
        """
        for name in names:
            checks.one_of("column", name, COLUMNS)
        since = None if since is None else checks.day("since", since)
        with self._database.read() as tx:
            rows = costs.by_day(tx, since)
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in rows:
            row["month"] = row["day"][:7]
            key = tuple(row[name] for name in names)
            entry = found.setdefault(key, {**dict(zip(names, key, strict=True)), "count": 0, "total": 0.0, "tokens": 0,
                                           "unpriced": 0})  # fmt: skip
            for name in ("count", "total", "tokens", "unpriced"):
                entry[name] += row[name]
        return [found[key] for key in sorted(found)]

    def set_budget(self, model_name: str, usd_per_month: float | None) -> bool:
        """Limit what a model ("*": all together) may cost in a calendar month (UTC), or lift the limit with None.

        A training job whose estimate is more than what is left is refused before anything is sent.

        Returns:
            Whether there was, or is now, such a budget.

        Raises:
            UsageError: a negative amount, or no name.
        """
        amount = checks.amount("usd_per_month", usd_per_month)
        if usd_per_month is not None and amount is None:
            raise UsageError("a budget must be a number of US dollars, not nan; None lifts it")
        with self._database.write() as tx:
            return budgets.set_budget(tx, checks.name("model_name", model_name), amount)

    def get_budgets(self) -> list[dict[str, Any]]:
        """Each budget: model_name, usd_per_month, spent (this month, with the estimates of jobs that have not ended),
        left, unpriced (events of the month without a price, which are not in `spent`).
        """
        moment = now()
        found = []
        with self._database.read() as tx:
            for name, limit in budgets.known(tx).items():
                used, unpriced = budgets.spent(tx, name, moment)
                found.append({"model_name": name, "usd_per_month": limit, "spent": used, "left": max(0.0, limit - used),
                              "unpriced": unpriced})  # fmt: skip
        return found

    def export_report(self, filepath: str | Path, since: str | None = None) -> str:
        """Write the ledger as one HTML page, drawn. Returns the path.

        Args:
            since: the first day, ISO 8601.

        Raises:
            UsageError: the day is none.
            MissingDependencyError: the `report` extra is not installed.
        """
        page = cost_report.page(self.get_costs_by("day", "kind", "model_name", since=since), self.get_budgets())
        with atomic_write(Path(filepath)) as stream:
            stream.write(page)
        return str(filepath)

    def calculate_roi(
        self,
        model_name: str,
        base_model_inference_cost: float | None,
        expected_inference_count: int,
        cost_per_error: float = 10.0,
        *,
        horizon_days: float = roi.DEFAULT_HORIZON_DAYS,
        calls_per_day: float | None = None,
        accuracy_improvement: float | None = None,
        base_model: str | None = None,
    ) -> CostAnalysis:
        """When the fine-tuned model pays for itself against the base model, and how sure that is.

        Savings are (base - fine-tuned price per call) x expected calls, the ROI is (savings - training) / training.
        The fine-tuned price per call is the mean of recorded calls, else of A/B samples.

        Args:
            base_model_inference_cost: US dollars per call of the model it replaces; None (or nan) to take the mean of
                that model's recorded calls.
            cost_per_error: US dollars an avoided error is worth; only enters `accuracy_value`.
            horizon_days: the time over which the expected calls happen, unless `calls_per_day` is given.
            accuracy_improvement: absolute (-1 to 1); where it is not given, what the version's evaluations or A/B
                tests have measured.
            base_model: whose recorded calls are meant; what the model was trained on by default.

        Returns:
            The analysis, with 95 % intervals from what was measured and a list of what was assumed; a figure that
            depends on something unknown is nan, and `unknown` (also logged) says on what.

        Raises:
            UsageError: a negative or zero argument where that makes no sense.
        """
        known_price = checks.amount("base_model_inference_cost", base_model_inference_cost)
        if checks.amount("cost_per_error", cost_per_error) is None:
            raise UsageError("cost_per_error must be a number of US dollars, not nan")
        checks.count("expected_inference_count", expected_inference_count, most=int(checks.LARGEST_AMOUNT))
        if not checks.amount("horizon_days", horizon_days) or checks.amount("calls_per_day", calls_per_day) == 0:
            raise UsageError("horizon_days and calls_per_day must be greater than 0")
        with self._database.read() as tx:
            version = model_versions.deployed(tx, model_name) or model_versions.get(tx, model_name)
            price = _price(tx, model_versions.recorded_names(tx, model_name))
            replaced = base_model or (None if version is None else version["base_model"])
            base = given(known_price) if known_price is not None else _price(tx, [replaced] if replaced else [])
            gain = None if version is None else measured_gain.of_version(tx, version)
        gain = gain if accuracy_improvement is None else _given_gain(accuracy_improvement)
        trained = self._training_prices(model_name)
        analysis = roi.analyse(
            Facts(
                model_name=model_name,
                training_cost=training_costs.total(trained),
                training_tokens=self._training_tokens(model_name),
                price=price,
                base_price=base,
                calls=expected_inference_count,
                calls_per_day=calls_per_day or expected_inference_count / horizon_days,
                cost_per_error=cost_per_error,
                accuracy=nan if gain is None else gain.value,
                accuracy_interval=(nan, nan) if gain is None else (gain.low, gain.high),
            )
        )
        analysis.assumptions = _assumptions(analysis, price, base, known_price, gain, cost_per_error, replaced)
        analysis.unknown = _missing(analysis, base, [job for job, price in trained.items() if price is None])
        return analysis

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
                "judgements": costs.all_events(tx, "judge"),
            }
        write_json(Path(filepath), ledger)
        return str(filepath)


def _price(tx: Transaction, names: Sequence[str]) -> Measured:
    """US dollars a call of a model under any of its names: of its recorded calls, else of its A/B samples."""
    recorded = costs.moments(tx, "inference", names)
    if recorded.n > ENOUGH:
        return mean_of_many(recorded)
    if recorded.n:
        return mean_of(costs.newest_costs(tx, "inference", names, ENOUGH))
    sampled = costs.Moments(*experiments.costs_of(tx, names))
    if not sampled.n:
        return UNKNOWN
    return mean_of_many(sampled) if sampled.n >= LEAST else Measured(sampled.total / sampled.n, nan)


def _given_gain(accuracy_improvement: float) -> Gain:
    if not -1 <= checks.number("accuracy_improvement", accuracy_improvement) <= 1:
        raise UsageError(f"accuracy_improvement must be between -1 and 1, not {accuracy_improvement!r}")
    return Gain(accuracy_improvement, nan, nan, "as given")


def _assumptions(
    analysis: CostAnalysis,
    price: Measured,
    base: Measured,
    known_price: float | None,
    gain: Gain | None,
    cost_per_error: float,
    replaced: str | None,
) -> list[str]:
    """What the figures rest on, a line each."""
    lines = [f"{analysis.expected_inferences:,} calls are expected"]
    if known_price is not None:
        lines.append(f"a call of the base model costs ${known_price:g}, as given; taken as certain")
    elif not isnan(base.value):
        lines.append(f"a call of {replaced} costs ${base.value:.4g}, the mean of its recorded calls")
    for whose, measured in ((analysis.model_name, price), (replaced, base)):
        if isnan(measured.error) and not isnan(measured.value):
            lines.append(f"fewer than {LEAST} calls of {whose} are recorded: too few for an interval")
        if is_uneven(measured):
            lines.append(f"a few calls of {whose} cost most of the money: the intervals may be too short")
    if not isnan(price.value):
        lines.append(f"a call of {analysis.model_name} costs ${price.value:.4g}, the mean of recorded calls")
    if not isnan(analysis.training_cost):
        lines.append(f"its training cost ${analysis.training_cost:.4g}, all versions together")
    if gain is not None:
        lines.append(f"its accuracy differs by {gain.value:+.1%} ({gain.source}); an avoided error is worth "
                     f"${cost_per_error:g}")  # fmt: skip
    return lines


def _missing(analysis: CostAnalysis, base: Measured, unpriced: Sequence[str]) -> list[str]:
    """What a figure is unknown for lack of, a line each.

    Args:
        unpriced: the model's training jobs whose cost nobody has said.
    """
    missing = []
    if isnan(base.value):
        missing.append("price per call of the base model: base_model_inference_cost, or recorded calls of it")
    if isnan(analysis.training_cost):
        of_jobs = f", by job {', '.join(unpriced)}" if unpriced else ""
        how = "record_training_job, or register_model with a cost"
        missing.append(f"training cost of {analysis.model_name}{of_jobs}: {how}")
    if isnan(analysis.inference_cost_per_call):
        missing.append(f"price per call of {analysis.model_name}: record_inference, or A/B samples with a cost")
    for line in missing:
        _log.warning("ROI is unknown for lack of %s", line)
    if isnan(analysis.accuracy_improvement):
        missing.append(
            "accuracy: evaluations of this version and its base model over the same questions, or an A/B test"
        )
    return missing
