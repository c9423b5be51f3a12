"""CostTracker: the ledger of training and calls, and the return on a fine-tuned model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fine_tuning._util import checks
from fine_tuning._util.files import atomic_write, write_json
from fine_tuning.costs import cost_report, cost_summary, roi, training_costs
from fine_tuning.costs.cost_summary import CostSummary, GroupedCost
from fine_tuning.costs.roi import CostAnalysis
from fine_tuning.costs.roi_facts import RoiRequest
from fine_tuning.errors import UsageError
from fine_tuning.experiments import model_return
from fine_tuning.store import budgets, costs, legacy_files, model_versions
from fine_tuning.store.records.costs import BudgetStatus, CallTotals, NewCostEvent, TrainingCost
from fine_tuning.store.workspace import Workspace, open_workspace

__all__ = ["CostAnalysis", "CostTracker"]


class CostTracker:
    """Costs in the workspace, or in a separate database.

    Args:
        tracker_path: a file, folder or database URL; the workspace by default. A cost file (.json) of the older
            system is imported once into a database beside it.
        workspace: an open one, in place of what the environment names.
    """

    def __init__(self, tracker_path: str | Path | None = None, *, workspace: Workspace | None = None) -> None:
        opened = workspace or open_workspace(tracker_path)
        self._database, self._settings = opened.database, opened.settings
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
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Record the cost of a training job; recording the same job again replaces it.

        Args:
            total_cost: US dollars; None where unknown.

        Raises:
            UsageError: a negative or non-finite figure, or an empty name.
        """
        event: NewCostEvent = {
            "kind": "training",
            "model_name": checks.name("model_name", model_name),
            "base_model": checks.name("base_model", base_model),
            "job_id": checks.name("job_id", job_id),
            "dataset_size": checks.count("dataset_size", dataset_size),
            "tokens": checks.tokens("training_tokens", training_tokens),
            "cost": checks.amount("total_cost", total_cost),
            "is_fine_tuned": True,
            "metadata": checks.mapping("metadata", metadata),
        }
        with self._database.write() as tx:
            costs.add(tx, event)

    def record_inference(
        self,
        model_name: str,
        tokens_used: int | None,
        cost: float | None,
        is_fine_tuned: bool,
        metadata: Mapping[str, object] | None = None,
        *,
        kind: str = "inference",
    ) -> None:
        """Record one call.

        Args:
            cost: US dollars; None where no price is known, which is not the same as free.
            kind: "inference" for production, "evaluation" for tests, "judge" for grades, "labelling" for training data.

        Raises:
            UsageError: a negative or non-finite figure, or an empty name.
        """
        event: NewCostEvent = {
            "kind": checks.one_of("kind", kind, costs.CALL_KINDS),
            "model_name": checks.name("model_name", model_name),
            "tokens": checks.tokens("tokens_used", tokens_used),
            "cost": checks.amount("cost", cost),
            "is_fine_tuned": checks.flag("is_fine_tuned", is_fine_tuned),
            "metadata": checks.mapping("metadata", metadata),
        }
        with self._database.write() as tx:
            costs.add(tx, event)
            warnings = budgets.reached(tx, event["model_name"], event["cost"] or 0.0)
        budgets.warn(warnings)

    def get_job_cost(self, job_id: str) -> TrainingCost | None:
        """The recorded cost of a training job; None for an unknown job."""
        with self._database.read() as tx:
            found = costs.training_jobs(tx, job_id=job_id)
        return found[0] if found else None

    def get_model_training_cost(self, name: str) -> float:
        """Training cost of all versions of a model, see `costs.training_costs.by_model`.

        Returns:
            US dollars; nan where a part is unknown.
        """
        with self._database.read() as tx:
            by_model = training_costs.by_model(costs.training_jobs(tx), model_versions.versions(tx))
        return training_costs.total(by_model.get(name, {}))

    def get_inference_costs(self, name: str | None = None) -> dict[str, CallTotals]:
        """Totals of recorded production calls by model name."""
        with self._database.read() as tx:
            return costs.calls_by_model(tx, "inference", name)

    def get_cost_summary(self) -> CostSummary:
        """Totals in US dollars, and by model; `unpriced_events` counts events without a price, which are in no sum."""
        with self._database.read() as tx:
            return cost_summary.summarize(tx)

    def get_costs_by(self, *names: str, since: str | None = None) -> list[GroupedCost]:
        """Sum costs by any of day, month, kind and model.

        Args:
            names: day, month (UTC, ISO 8601), kind (training or a kind of call), model_name.
            since: first day, ISO 8601.

        Returns:
            Rows of the named columns with count, total (US dollars), tokens and unpriced (events without a price, which
            are in no total), sorted by these columns.

        Raises:
            UsageError: an unknown column, or an invalid day.
        """
        columns = [checks.one_of("column", name, cost_summary.COLUMNS) for name in names]
        first = None if since is None else checks.day("since", since)
        with self._database.read() as tx:
            return cost_summary.group(tx, columns, first)

    def set_budget(self, model_name: str, usd_per_month: float | None, *, hard: bool = False) -> bool:
        """Set the budget of a model ("*": all models together) for a calendar month (UTC), or remove it with None.

        A training job whose estimate exceeds what is left is refused before anything is sent. Calls are recorded in any
        case, and a warning is logged when 80 %, and when all, is spent.

        Args:
            model_name: the registered name of a model, whatever its version; of a model at a host, any of its names.
            hard: refuse calls of `LLMService`, too, when nothing is left.

        Returns:
            Whether there was, or is now, such a budget.

        Raises:
            UsageError, NotFoundError: a negative amount, an empty name, or one of a version or alias of a model.
        """
        amount = checks.amount("usd_per_month", usd_per_month)
        if usd_per_month is not None and amount is None:
            raise UsageError("a budget must be a number of US dollars, not nan; None removes it")
        with self._database.write() as tx:
            return budgets.set_budget(tx, checks.name("model_name", model_name), amount, hard=checks.flag("hard", hard))

    def get_budgets(self) -> list[BudgetStatus]:
        """Each budget, with what is spent and left of it this month."""
        with self._database.read() as tx:
            return budgets.status(tx)

    def export_report(self, filepath: str | Path, since: str | None = None) -> str:
        """Write the costs as an HTML page with a chart. Returns the path.

        Args:
            since: first day, ISO 8601.

        Raises:
            UsageError: an invalid day.
            MissingDependencyError: the `report` extra is not installed.
        """
        first = None if since is None else checks.day("since", since)
        with self._database.read() as tx:
            page = cost_report.page(costs.by_day(tx, first), budgets.status(tx))
        with atomic_write(Path(filepath)) as stream:
            stream.write(page)
        return str(filepath)

    def calculate_roi(
        self,
        model_name: str,
        base_model_inference_cost: float | None,
        expected_inference_count: int,
        cost_per_error: float | None = None,
        incumbent: str | None = None,
        *,
        horizon_days: float = roi.DEFAULT_HORIZON_DAYS,
        calls_per_day: float | None = None,
        accuracy_improvement: float | None = None,
        data_cost: float | None = None,
        base_model: str | None = None,
    ) -> CostAnalysis:
        """Compute when the fine-tuned model pays for itself against its incumbent, with 95 % intervals.

        Savings are (incumbent's - fine-tuned price per call) x expected calls, the ROI is (savings - investment) /
        investment: of training, data and judges. Prices are means of recorded calls, else of A/B samples.

        Args:
            base_model_inference_cost: US dollars a call of the incumbent; None or nan: the mean of recorded calls.
            cost_per_error: US dollars an avoided error is worth; only enters `accuracy_value`, nan without.
            model_name, incumbent: a name, `<name>-v<version>` or `<name>@<alias>`; the model that it replaces is by
                default the incumbent of its last valid concluded A/B test, else the teacher of its training data.
            horizon_days: the time over which the expected calls happen, unless `calls_per_day` is given.
            accuracy_improvement: absolute (-1 to 1); by default as measured by evaluations of both models over the same
                questions, or by an A/B test between them.
            data_cost: US dollars of data and judges; by default the price of captured answers and of judges' calls.
            base_model: an earlier name of `incumbent`.

        Returns:
            The analysis; a figure that depends on an unknown input is nan, and `unknown` (also logged) names it.

        Raises:
            UsageError: an argument is negative, or 0 where that is meaningless.
        """
        replaced = base_model if incumbent is None else incumbent
        if cost_per_error is not None and checks.amount("cost_per_error", cost_per_error) is None:
            raise UsageError("cost_per_error must be a number of US dollars, not nan; None for no such figure")
        checks.count("expected_inference_count", expected_inference_count, 1, int(checks.MAX_AMOUNT))
        if not checks.amount("horizon_days", horizon_days) or checks.amount("calls_per_day", calls_per_day) == 0:
            raise UsageError("horizon_days and calls_per_day must be greater than 0")
        request = RoiRequest(
            model_name=checks.name("model_name", model_name),
            calls=expected_inference_count,
            calls_per_day=calls_per_day or expected_inference_count / horizon_days,
            incumbent_price=checks.amount("base_model_inference_cost", base_model_inference_cost),
            incumbent=None if replaced is None else checks.name("incumbent", replaced),
            cost_per_error=cost_per_error,
            accuracy_improvement=accuracy_improvement,
            data_cost=checks.amount("data_cost", data_cost),
        )
        with self._database.read() as tx:
            return model_return.calculate(tx, request, self._settings)

    def export_costs(self, filepath: str | Path) -> str:
        """Write the ledger as JSON: jobs by id, inferences and evaluations in order. Returns the path."""
        with self._database.read() as tx:
            write_json(Path(filepath), cost_summary.ledger(tx))
        return str(filepath)
