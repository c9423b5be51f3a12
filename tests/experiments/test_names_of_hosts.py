"""A test that names a version as its host does is a test of that version."""

from __future__ import annotations

import time

import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelRegistry
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.store.database import Database
from tests.experiments.test_each_of_several import shuffled
from tests.experiments.test_won_tests import concluded

TUNED, OPENAI = "ft:gpt-4o-mini-2024-07-18:acme::abc", "https://api.openai.com/v1"
OWN = "http://10.0.0.5:8000/v1"


def register(name: str, provider: str | None = None, model: str | None = None, base: str = "small") -> None:
    ModelRegistry().register_model(name, base, f"job-{time.time_ns()}", 10, provider=provider, provider_model=model)


def is_open(monkeypatch: pytest.MonkeyPatch, name: str, version: int | None = None) -> bool:
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "experiment")
    try:
        ModelRegistry().deploy_model(name, version)
    except ConflictError:
        return False
    return True


@pytest.mark.parametrize(
    ("provider", "model", "named"),
    [
        (OPENAI, TUNED, TUNED),
        (OPENAI, TUNED, f"openai/{TUNED}"),
        (OWN, "inbox", "10.0.0.5:8000/inbox"),
        (OWN, "inbox", "http://10.0.0.5:8000/inbox"),
        (OWN, "inbox", "inbox"),
        (OWN, "gpt-4o", "10.0.0.5:8000/gpt-4o"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_gate_of_a_version_that_lost_by_its_hosts_name_stays_shut(
    database: Database, monkeypatch: pytest.MonkeyPatch, provider: str, model: str, named: str, *, is_first: bool
) -> None:
    register("m", provider, model)
    concluded("t1", ("gpt-4.1", "m-v1"), (0.5, 0.9))
    if is_first:
        concluded("t2", (named, "gpt-4.1"), (0.4, 0.9))
    else:
        concluded("t2", ("gpt-4.1", named), (0.9, 0.4))
    assert not is_open(monkeypatch, "m")
    assert any(node.id == "experiment:t2" for node in ModelRegistry().lineage("m").nodes)


@pytest.mark.parametrize(
    ("provider", "model", "base", "named"),
    [
        (OWN, "gpt-4o", "small", "gpt-4o"),  # a vendor's
        (OWN, "inbox", "small", "10.0.0.6:8000/inbox"),  # another host's
        (OPENAI, "gpt-4o-mini", "gpt-4o-mini", "gpt-4o-mini"),  # the base, that answers to other prompts too
        (OPENAI, TUNED, "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        (OPENAI, TUNED, "gpt-4o-mini", "ft:gpt-4o-mini-2024-07-18:acme::abd"),
    ],
)
def test_gate_of_a_version_is_not_shut_by_a_test_of_another_model(
    database: Database, monkeypatch: pytest.MonkeyPatch, provider: str, model: str, base: str, named: str
) -> None:
    register("m", provider, model, base)
    concluded("t1", ("gpt-4.1", "m-v1"), (0.5, 0.9))
    concluded("t2", ("gpt-4.1", named), (0.9, 0.4))
    assert is_open(monkeypatch, "m")


def test_gate_of_a_version_that_won_by_its_hosts_name_opens(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    concluded("t1", ("gpt-4.1", TUNED), (0.5, 0.9))  # and was registered after that
    register("m", OPENAI, TUNED)
    assert is_open(monkeypatch, "m")


def test_hosts_name_of_two_versions_is_of_the_one_that_was_registered_last_then(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    register("m", OWN, "inbox")
    concluded("t1", ("gpt-4.1", "inbox"), (0.5, 0.9))
    register("m", OWN, "inbox")
    assert not is_open(monkeypatch, "m", 2)
    concluded("t2", ("gpt-4.1", "inbox"), (0.9, 0.5))
    assert not is_open(monkeypatch, "m", 2)
    assert is_open(monkeypatch, "m", 1)


@pytest.mark.parametrize("named", [TUNED, "old", "old-v1"])
def test_return_against_a_version_counts_a_test_by_its_hosts_name(database: Database, named: str) -> None:
    register("old", OPENAI, TUNED)
    register("m", OWN, "inbox")
    framework = ABTestFramework()
    framework.create_test("t", TUNED, "10.0.0.5:8000/inbox")
    rows = [{**row, "cost": 0.02 if row["model"] == "model_a" else 0.005} for row in shuffled((0.5, 0.9), 250)]
    framework.record_samples("t", rows)
    framework.conclude_test("t")
    analysis = CostTracker().calculate_roi("m", None, 1000, incumbent=named)
    assert analysis.incumbent == "old-v1"
    assert analysis.accuracy_improvement == pytest.approx(framework.monitor("t").effect)
    assert analysis.savings == pytest.approx(15)
    assert CostTracker().calculate_roi("m", None, 1000).incumbent == "old-v1"


def test_test_of_a_version_against_its_own_name_at_the_host_is_refused(database: Database) -> None:
    register("m", OPENAI, TUNED)
    with pytest.raises(UsageError, match=f"m and {TUNED} are both m-v1"):
        ABTestFramework().create_test("t", "m", TUNED)
