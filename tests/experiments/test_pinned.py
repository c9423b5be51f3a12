"""What a test that deploys by itself may and may not do."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from fine_tuning import ABTestFramework, ModelRegistry
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.store.database import Database
from tests.experiments.test_designs import rows


@pytest.fixture
def registry(database: Database) -> ModelRegistry:
    found = ModelRegistry()
    for name in ("new", "old"):
        for _ in range(2):
            found.register_model(name, "base", "job", 1)
    found.deploy_model("old", 1)
    return found


def deployed(registry: ModelRegistry, name: str) -> int | None:
    record = registry.get_deployed_version(name)
    return None if record is None else record["version"]


def test_auto_test_of_pinned_versions_promotes_tested_one(registry: ModelRegistry) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "new", "old", auto=True)
    served = {framework.choose("t", f"u{n}") for n in range(50)}
    assert served == {("model_a", "new-v2"), ("model_b", "old-v1")}  # the latest where none is deployed
    registry.register_model("old", "base", "job", 1)
    registry.deploy_model("old", 2)  # meanwhile
    assert {framework.choose("t", f"u{n}") for n in range(50)} == served
    framework.record_samples("t", rows(0.4, 0.9, 300))
    assert [(each["action"], each["model"]) for each in framework.get_decisions("t")] == [("promoted", "old-v1")]
    assert deployed(registry, "old") == 1
    assert framework.promoted("t") == "old"


def test_auto_test_with_tie_deploys_nothing(registry: ModelRegistry) -> None:
    registry.register_model("old", "base", "job", 1)
    registry.deploy_model("old", 3)
    framework = ABTestFramework()
    framework.create_test("t", "old-v1", "old-v2", design="fixed", planned=20, auto=True)
    framework.record_samples("t", [{"model": arm, "score": 1.0} for _ in range(20) for arm in ("model_a", "model_b")])
    assert [each["action"] for each in framework.get_decisions("t")] == ["kept"]
    assert deployed(registry, "old") == 3
    framework.create_test("u", "old-v1", "old-v3", design="fixed", planned=20, auto=True)
    framework.record_samples("u", [{"model": arm, "score": 1.0} for _ in range(20) for arm in ("model_a", "model_b")])
    assert deployed(registry, "old") == 3
    assert framework.promoted("u") is None


def test_create_test_with_one_version_or_failed_one_raises(registry: ModelRegistry) -> None:
    framework = ABTestFramework()
    with pytest.raises(UsageError, match="old and old-v1 are both old-v1; name two versions"):
        framework.create_test("same", "old", "old-v1")
    registry.set_alias("old", "challenger", 2)
    framework.create_test("alias", "old", "old@challenger")
    assert framework.choose("alias", "u1") in {("model_a", "old-v1"), ("model_b", "old-v2")}
    registry.set_model_status("new", "FAILED", 2)
    with pytest.raises(UsageError, match="new-v2 is FAILED, which cannot be deployed"):
        framework.create_test("failed", "old", "new-v2", auto=True)


def test_auto_test_with_failed_winner_keeps_model_a(registry: ModelRegistry) -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new-v1", auto=True)
    registry.set_model_status("new", "FAILED", 1)
    framework.record_samples("t", rows(0.4, 0.9, 300))
    (decided,) = framework.get_decisions("t")
    assert decided["action"] == "kept"
    assert "not deployed: new v1 is FAILED" in decided["reason"]
    assert framework.monitor("t").status == "completed"


def test_create_test_concurrently_in_full_layer_raises(database: Database) -> None:
    outcomes: list[str] = []

    def begin(number: int) -> None:
        try:
            ABTestFramework().create_test(f"t{number}", "a", "b", layer="page", ramp=0.6)
            outcomes.append("begun")
        except ConflictError:
            outcomes.append("refused")

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["begun", "refused", "refused", "refused"]


def test_ramp_concurrently_in_one_layer_has_no_deadlock(database: Database) -> None:
    framework, failed = ABTestFramework(), []
    for name in ("a", "b"):
        framework.create_test(name, "x", "y", layer="page", ramp=0.1)

    def ramp(name: str) -> None:
        for step in range(15):
            try:
                ABTestFramework().ramp(name, 0.1 + step / 50)
            except Exception as error:
                failed.append(error)

    threads = [threading.Thread(target=ramp, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize("metric", ["judge", "json_schema:/nope.json", "numeric:nan", "numeric:-1"])
def test_setup_ab_test_with_unusable_metric_fails(cli: Any, metric: str) -> None:
    code, _, err = cli("setup-ab-test", "t", "a", "b", "--metric", metric)
    assert code in {1, 2}
    assert err.count("\n") == 1


def test_record_samples_with_error_metric_favours_lower_values() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new", metric="ter")
    wanted = "the cat sat on the mat in the old house"
    words = wanted.split()
    samples = []
    for number in range(120):
        samples.append(
            {"model": "model_a", "prediction": " ".join(words[number % 4 : number % 4 + 3]), "reference": wanted}
        )
        samples.append({"model": "model_b", "prediction": " ".join(words[number % 2 :]), "reference": wanted})
    framework.record_samples("t", samples)
    framework.record_samples("t", [{"model": "model_b", "prediction": wanted, "sample_id": "later"}])
    framework.record_outcome("t", "later", reference=f"{wanted} again")
    result = framework.monitor("t")
    assert result.model_b_accuracy < 0  # what came later is taken negative, too
    assert result.favours == 1
    assert framework.recommend_winner(result) == "new"


def test_record_sample_with_embedding_metric_scores_equal_text() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "old", "new", metric="embedding_similarity")
    assert framework.record_sample("t", "model_a", "hello", "hello", 1.0, 1.0)


@pytest.mark.parametrize(
    "command",
    [
        ("ab", "simulate", "--rate-a", "0.5", "--rate-b", "0.6", "--seed", "-1"),
        ("ab", "simulate", "--rate-a", "0.5", "--rate-b", "0.6", "--replications", "1000000", "--samples", "4000000"),
        ("ab", "plan", "--rate-a", "0.5", "--rate-b", "0.6", "--alpha", "1e-300"),
        ("ab", "watch", "t", "--every", "-1"),
        ("ab", "watch", "t", "--every", "nan"),
        ("ab", "ramp", "t", "0.0004"),
        ("setup-ab-test", "u", "a", "b", "--guardrail", "speed:hihger=0.1"),
        ("setup-ab-test", "u", "a", "b", "--guardrail", "p95:higher=0.1"),
        ("setup-ab-test", "u", "a", "b", "--guardrail", "latency=0.1", "--guardrail", "latency=0.3"),
        ("setup-ab-test", "u", "a", "b", "--margin", "1"),
        ("setup-ab-test", "u", "a", "b", "--margin", "5"),
    ],
)
def test_ab_commands_with_wrong_option_print_one_line(cli: Any, command: tuple[str, ...]) -> None:
    cli("setup-ab-test", "t", "a", "b")
    code, _, err = cli(*command)
    assert code == 2
    assert "Traceback" not in err


def test_buffer_with_invalid_sample_drops_only_it() -> None:
    framework = ABTestFramework()
    framework.create_test("t", "a", "b")
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with framework.buffer("t") as samples:
        for number in range(100):
            samples.record("model_a", "x", "x", metadata=loop if number == 50 else {})
    assert (samples.written, samples.dropped) == (99, 1)
