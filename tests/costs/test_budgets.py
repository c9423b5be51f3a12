"""Estimates of jobs, budgets that refuse them, and the billed cost."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from fine_tuning import CostTracker, LocalFineTuner, ModelRegistry, OpenAIFineTuner
from fine_tuning.costs.prices import PriceList
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import ConfigurationError, ConflictError, UsageError
from fine_tuning.settings import get_settings
from fine_tuning.store import budgets, costs, jobs
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.records.costs import NewCostEvent
from fine_tuning.store.workspace import open_workspace
from fine_tuning.training.jobs.job_estimates import JobEstimator
from fine_tuning.training.jobs.token_count import TokenCount
from fine_tuning.training.jobs.training_request import TrainingRequest
from tests import wire

PRICES = '{"gpt-4o-mini": {"training": 10.0}}'


@pytest.fixture
def training_file(tmp_path: Path) -> Path:
    questions = [(f"Where is order {n}?", f"Order {n} is on its way.") for n in range(50)]
    rows = [{"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]} for a, b in questions]
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def training_tokens(path: Path, model: str, epochs: int) -> int | None:
    count = TokenCount(model, path.parent)
    for _, row in read_rows(path):
        count.add(row)
    return None if count.total is None else count.total * epochs


def test_create_job_estimate_over_budget_raises(
    database: Database,
    host: wire.Host,
    training_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PRICES)
    tokens = training_tokens(training_file, "gpt-4o-mini", 3)
    assert tokens is not None
    usd = tokens * 10 / 1e6
    tuner, tracker = OpenAIFineTuner("key", host.url), CostTracker()
    file_id = tuner.upload_training_file(training_file)
    tracker.set_budget("inbox", usd / 2)
    with pytest.raises(ConflictError, match=r"the budget of inbox has \$.* left in .*; this job is estimated at"):
        tuner.create_fine_tuning_job("gpt-4o-mini", file_id, suffix="inbox")
    assert host.asked("POST /fine_tuning/jobs") == []
    tracker.set_budget("inbox", usd * 1.5)
    tuner.create_fine_tuning_job("gpt-4o-mini", file_id, suffix="inbox")
    with open_database().read() as tx:
        (record,) = jobs.newest(tx, 5)
    assert record["estimate"] == {"tokens": tokens, "usd": pytest.approx(usd), "seconds": None}
    (budget,) = tracker.get_budgets()
    assert (budget["spent"], budget["left"]) == (pytest.approx(usd), pytest.approx(usd / 2))
    with pytest.raises(ConflictError, match="the budget of inbox"):  # the first is still running, its estimate counts
        tuner.create_fine_tuning_job("gpt-4o-mini", file_id, suffix="inbox", n_epochs=4)
    tracker.set_budget("inbox", None)
    tracker.set_budget("*", usd)
    with pytest.raises(ConflictError, match="the budget of all models has"):
        tuner.create_fine_tuning_job("gpt-4o-mini", file_id, suffix="other")


def test_create_job_concurrent_jobs_do_not_overdraw_budget(
    database: Database, host: wire.Host, training_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PRICES)
    tuner = OpenAIFineTuner("key", host.url)
    file_id = tuner.upload_training_file(training_file)
    tokens = training_tokens(training_file, "gpt-4o-mini", 3)
    assert tokens is not None
    CostTracker().set_budget("*", tokens * 10 / 1e6 * 1.5)
    together = Barrier(6)

    def start(number: int) -> bool:
        together.wait()
        try:
            tuner.create_fine_tuning_job("gpt-4o-mini", file_id, suffix=f"inbox-{number}")
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(start, range(6))) == 1
    assert len(host.asked("POST /fine_tuning/jobs")) == 1


def test_create_openai_job_over_budget_sends_nothing(
    host: wire.Host, training_file: Path, monkeypatch: pytest.MonkeyPatch, cli: Any
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PRICES)
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    CostTracker().set_budget("inbox", 0.000001)
    code, _, err = cli("create-openai-job", "gpt-4o-mini", str(training_file), "--suffix", "inbox")
    assert code == 1
    assert "the budget of inbox has" in err
    assert host.requests == []


def test_get_job_status_succeeded_replaces_estimate_with_billed_cost(
    database: Database,
    host: wire.Host,
    training_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PRICES)
    tuner, tracker = OpenAIFineTuner("key", host.url), CostTracker()
    job = tuner.create_fine_tuning_job("gpt-4o-mini", tuner.upload_training_file(training_file), suffix="inbox")
    done = wire.job(status="succeeded", trained_tokens=12_345, fine_tuned_model="ft:x", model="gpt-4o-mini")
    host.answers[f"GET /fine_tuning/jobs/{job['job_id']}"] = (200, done)
    for _ in range(2):  # a second request does not bill it again
        tuner.get_job_status(job["job_id"])
    recorded = tracker.get_job_cost(job["job_id"])
    assert recorded is not None
    assert (recorded["model_name"], recorded["training_tokens"]) == ("inbox", 12_345)
    assert recorded["total_cost"] == pytest.approx(0.12345)
    assert recorded["metadata"]["estimate"]["tokens"] > 0
    tracker.set_budget("inbox", 1.0)
    assert tracker.get_budgets()[0]["spent"] == pytest.approx(0.12345)


@pytest.mark.parametrize(("status", "tokens", "cost"), [("cancelled", 5_000, 0.05), ("failed", None, None)])
def test_job_at_a_host_that_ends_without_a_model_costs_what_the_host_bills(
    database: Database,
    host: wire.Host,
    training_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    tokens: int | None,
    cost: float | None,
) -> None:
    monkeypatch.setenv("FINE_TUNING_PRICES", PRICES)
    tuner, tracker = OpenAIFineTuner("key", host.url), CostTracker()
    job = tuner.create_fine_tuning_job("gpt-4o-mini", tuner.upload_training_file(training_file), suffix="inbox")
    ended = wire.job(status=status, trained_tokens=tokens, model="gpt-4o-mini")
    host.answers[f"GET /fine_tuning/jobs/{job['job_id']}"] = (200, ended)
    tuner.get_job_status(job["job_id"])
    recorded = tracker.get_job_cost(job["job_id"])
    assert (None if recorded is None else recorded["total_cost"]) == (None if cost is None else pytest.approx(cost))
    ModelRegistry().register_model("inbox", "gpt-4o-mini", "ftjob-other", 10, cost=1.0)
    assert tracker.get_model_training_cost("inbox") == pytest.approx(1.0 + (cost or 0.0))


def test_estimate_local_job_matches_trained_tokens(tiny_model_dir: Path, training_file: Path) -> None:
    tuner = LocalFineTuner()
    job = tuner.create_fine_tuning_job(str(tiny_model_dir), tuner.upload_training_file(training_file), n_epochs=2)
    ended = tuner.wait_for_job(job["job_id"], progress_bar=False)
    with open_database().read() as tx:
        record = jobs.get(tx, job["job_id"])
    assert record is not None
    assert record["estimate"]["tokens"] == pytest.approx(ended["trained_tokens"], rel=0.01)
    assert record["estimate"]["seconds"] is None  # no job with this base model has ended before it
    request = TrainingRequest(record["model"], record["suffix"], record["hyperparameters"])
    again = JobEstimator(open_workspace(), "local").estimate_file(request, training_file)
    assert again["seconds"] == pytest.approx(record["result"]["wall_seconds"], rel=0.01)


def test_price_list_own_prices_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = PriceList(get_settings().prices)
    assert prices.call_price("ft:gpt-4o-mini-2024-07-18:org::1", 1_000_000, 1_000_000) == pytest.approx(1.5)
    assert prices.call_price("gpt-4o-mini", 1_000_000, 1_000_000) == pytest.approx(0.75)
    assert prices.training_price("gpt-4o-mini", host="http://localhost:8000/v1") != prices.training_price("gpt-4o-mini")
    own = {"gpt-4o-mini": (1, 2), "mine": (3, 4), "ft:a:b": (5, 6)}
    named = {name: {"input": each[0], "output": each[1]} for name, each in own.items()}
    monkeypatch.setenv("FINE_TUNING_PRICES", json.dumps(named))
    prices = PriceList(get_settings().prices)
    assert prices.call_price("gpt-4o-mini-2024-07-18", 1_000_000, 1_000_000) == 3
    assert prices.call_price("mine", 1_000_000, 0) == 3
    assert prices.call_price("ft:a:b", 1_000_000, 1_000_000) == 11
    assert prices.call_price("ft:gpt-4o-mini-2024-07-18:org::1", 1_000_000, 0) == pytest.approx(0.3)
    assert prices.training_price("gpt-4o-mini") == 3.0  # a price that is not set is as published
    monkeypatch.setenv("FINE_TUNING_PRICES", '{"m": {"imput": 1}}')
    with pytest.raises(ConfigurationError, match="FINE_TUNING_PRICES"):
        get_settings()


def test_budget_spent_counts_its_month_and_model_only(database: Database) -> None:
    december = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    january = datetime(2027, 1, 1, tzinfo=UTC)

    def event(name: str, cost: float | None, moment: datetime, kind: str = "inference") -> NewCostEvent:
        return {
            "kind": kind,
            "model_name": name,
            "tokens": 10,
            "cost": cost,
            "is_fine_tuned": True,
            "metadata": {},
            "recorded_at": moment,
        }

    with database.write() as tx:
        for name, cost in (("m", 0.5), ("m-video", 4.0), ("m", None)):
            costs.add(tx, event(name, cost, december))
        costs.add(tx, {**event("m", 2.0, december, "training"), "job_id": "j", "base_model": "b", "dataset_size": 5})
        costs.add(tx, event("m", 8.0, january))
        assert budgets.spent(tx, "m", datetime(2026, 12, 1, tzinfo=UTC)) == (2.5, 1)
        assert budgets.spent(tx, "*", december) == (6.5, 1)
        assert budgets.spent(tx, "m", january) == (8.0, 0)
        assert budgets.spent(tx, "m", datetime(2020, 12, 31, tzinfo=UTC)) == (0.0, 0)


def test_costs_by_day_kind_and_model_sum_and_report(cli: Any, tmp_path: Path) -> None:
    tracker = CostTracker()
    for kind in ("inference", "evaluation", "judge"):
        tracker.record_inference("m", 10, 0.25, is_fine_tuned=True, kind=kind)
    tracker.record_inference("<b>", 10, None, is_fine_tuned=False)
    tracker.record_training_job("j", "m", "b", 5, 100, 2.0)
    by_kind = {each["kind"]: each["total"] for each in tracker.get_costs_by("kind")}
    assert by_kind == {"training": 2.0, "inference": 0.25, "evaluation": 0.25, "judge": 0.25}
    assert [each["model_name"] for each in tracker.get_costs_by("model_name")] == ["<b>", "m"]
    assert tracker.get_costs_by("day", since="2999-01-01") == []
    code, out, _ = cli("cost-summary", "--by", "month", "--by", "kind", "--json")
    assert (code, {each["kind"] for each in json.loads(out)}) == (0, set(by_kind))
    code, out, _ = cli("cost-summary", "--by", "model")
    assert (code, "unknown" in out, "$2.75" in out) == (0, True, True)
    assert cli("cost-summary", "--since", "tomorrow")[0] == 2
    assert json.loads(cli("cost-summary", "--since", "20200101", "--json")[1])[0]["count"] > 0
    assert cli("cost-summary", "--html", str(tmp_path / "x.html"), "--by", "day")[0] == 2
    assert cli("cost-summary", "--html", str(tmp_path / "x.html"), "--since", "2999-01-01")[0] == 0
    assert "&lt;b&gt;" not in (tmp_path / "x.html").read_text()
    assert cli("cost-summary", "--html", str(tmp_path / "costs.html"))[0] == 0
    page = (tmp_path / "costs.html").read_text()
    assert "<svg" in page
    assert "&lt;b&gt;" in page
    assert "<td>unknown</td>" in page
    assert "<b>" not in page
    assert "Judge cost" in cli("cost-summary")[1]


def test_budget_commands_set_list_and_remove(cli: Any) -> None:
    assert cli("budget", "list")[0] == 0
    assert cli("budget", "set", "m", "20")[:2] == (0, "m: $20.00 a month\n")
    assert cli("budget", "set", "m", "-1")[0] == 2
    assert cli("budget", "set", "m", "20", "--hard")[1] == "m: $20.00 a month; calls are refused when it is spent\n"
    assert json.loads(cli("budget", "list", "--json")[1])[0]["hard"] is True
    assert cli("budget", "set", "m", "20")[0] == 0
    assert json.loads(cli("budget", "list", "--json")[1])[0]["hard"] is False
    assert json.loads(cli("budget", "list", "--json")[1])[0]["left"] == 20
    assert "$20.00" in cli("budget", "list")[1]
    assert cli("budget", "remove", "m")[0] == 0
    assert cli("budget", "remove", "m")[0] == 1
    with pytest.raises(UsageError):
        CostTracker().set_budget("", 1)


def test_report_of_calls_without_price_says_that_no_cost_is_known(cli: Any, tmp_path: Path) -> None:
    CostTracker().record_inference("m", 10, None, True)
    code, _, err = cli("cost-summary", "--html", str(tmp_path / "costs.html"))
    assert (code, err) == (0, "")
    page = (tmp_path / "costs.html").read_text()
    assert "No cost is known" in page
    assert "unknown" in page
