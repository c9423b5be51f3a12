"""Deployment gates, shutdown dates of base models, and the lineage of a version."""

from __future__ import annotations

import json
import math
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from fine_tuning import ABTestFramework, CostTracker, ModelEvaluator, ModelRegistry
from fine_tuning.errors import ConfigurationError, ConflictError, NotFoundError
from fine_tuning.experiments import incumbent, measured_gain
from fine_tuning.registry import expiry, lineage
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.records.rows import record
from tests import wire

OPENAI = "https://api.openai.com/v1"


def version(base: str, provider: str | None = None, model: str | None = None) -> ModelVersion:
    return record(ModelVersion, {"base_model": base, "provider": provider, "provider_model": model})


@pytest.mark.parametrize(
    ("base", "provider", "model", "expected"),
    [
        ("gpt-4o-mini", None, None, "2027-01-14"),
        ("gpt-4o-mini-2024-07-18", OPENAI, "ft:gpt-4o-mini-2024-07-18:org::abc", "2027-01-14"),
        ("gpt-4o-2024-05-13", OPENAI, None, "2026-10-23"),  # a snapshot that is shut down before the others
        ("gpt-3.5-turbo-0125", None, None, "2026-10-23"),
        ("smollm2-135m-instruct", "local", "/models/x", None),
        ("gpt-4o-mini", "local", "/models/x", None),  # a local model runs here, whatever its base
        ("gpt-4o-mini", "http://other/v1", "gpt-4o-mini", None),  # another host has dates of its own
        ("gpt-99", OPENAI, None, None),
    ],
)
def test_shutdown_date_base_model_is_published_date(
    base: str, provider: str | None, model: str | None, expected: str | None
) -> None:
    found = expiry.shutdown_date(version(base, provider, model), {})
    assert found == (None if expected is None else date.fromisoformat(expected))


def test_shutdown_date_announced_by_host_overrides_published() -> None:
    announced = {(OPENAI, "gpt-4o-mini"): "2028-02-03", (OPENAI, "gpt-4o"): None}
    assert expiry.shutdown_date(version("gpt-4o-mini-2024-07-18", OPENAI), announced) == date(2028, 2, 3)
    assert expiry.shutdown_date(version("gpt-4o", OPENAI), announced) == date(2027, 1, 14)  # not a promise to keep it
    tuned = version("gpt-4o-mini-2024-07-18", OPENAI, "ft:gpt-4o-mini-2024-07-18:org::x")
    assert expiry.shutdown_date(tuned, {(OPENAI, "ft:gpt-4o-mini-2024-07-18:org::x"): None} | announced) == date(
        2028, 2, 3
    )
    assert expiry.days_until(date(2028, 2, 3), today=date(2028, 2, 1)) == 2
    assert expiry.days_until(None) is None


def test_refresh_shutdown_dates_records_dates_of_hosts(
    host: wire.Host,
    database: Database,
    cli: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", host.url)
    registry = ModelRegistry()
    registry.register_model("lamp", "big", "j", 1, provider=host.url, provider_model="ft:big:x")
    registry.set_model_status("lamp", "DEPLOYED")
    model = {"object": "model", "created": 1, "owned_by": "x"}
    days = {"big": "2099-01-01", "ft:big:x": None, "small": "2026-01-01"}
    host.answers["GET /models"] = (
        200,
        {"object": "list", "data": [{"id": name, "shutdown_date": day, **model} for name, day in days.items()]},
    )
    assert cli("models", "refresh")[:2] == (0, f"{host.url}: 2 models with a date\n")
    assert cli("models", "expiring")[0] == 0  # the host has announced no end of this fine-tune
    days["ft:big:x"] = "2026-11-01"
    host.answers["GET /models"] = (
        200,
        {"object": "list", "data": [{"id": name, "shutdown_date": day, **model} for name, day in days.items()]},
    )
    assert registry.refresh_shutdown_dates() == {host.url: 3}
    code, out, _ = cli("models", "expiring", "--json")
    assert (code, [each["shutdown_date"] for each in json.loads(out)]) == (1, ["2026-11-01"])
    assert "retired" in cli("list-models")[1]
    days |= {"big": "2026-11-02T00:00:00Z", "small": 1764547200, "ft:big:x": "soon"}  # hosts write what they like
    host.answers["GET /models"] = (
        200,
        {"object": "list", "data": [{"id": name, "shutdown_date": day, **model} for name, day in days.items()]},
    )
    registry.refresh_shutdown_dates()
    assert [each["shutdown_date"] for each in registry.describe_models()] == ["2026-11-02"]
    host.answers["GET /models"] = (401, {"error": {"message": "no"}})
    code, out, _ = cli("models", "refresh")
    assert code == 1
    assert "needs an API key" in out


def test_deploy_expiring_base_needs_force(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = ModelRegistry()
    registry.register_model("old", "gpt-3.5-turbo", "j", 1)
    code, _, err = cli("deploy", "old")
    assert code == 1
    assert "gate expiry: old v1 is built on gpt-3.5-turbo" in err
    assert "--force" in err
    assert registry.get_deployed_version("old") is None
    code, _, err = cli("set-status", "old", "DEPLOYED")
    assert code == 2
    assert "ft-cli deploy old" in err
    assert cli("deploy", "old", "--force")[0] == 0
    assert cli("models", "expiring")[0] == 1
    registry.register_model("old", "gpt-3.5-turbo", "j2", 1)
    assert registry.rollback_model("old", 2)  # in an emergency nothing is asked
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "none")
    assert registry.deploy_model("old", 1) == 1
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "expiry,weather")
    with pytest.raises(ConfigurationError, match="FINE_TUNING_DEPLOY_GATES"):
        registry.deploy_model("old", 2)


def test_evaluation_gate_low_or_missing_accuracy_blocks_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "evaluation")
    monkeypatch.setenv("FINE_TUNING_DEPLOY_MIN_ACCURACY", "0.8")
    registry, evaluator = ModelRegistry(), ModelEvaluator()
    registry.register_model("lamp", "base", "j", 1)
    with pytest.raises(ConflictError, match="gate evaluation: lamp v1 has no evaluation"):
        registry.deploy_model("lamp")
    evaluator.evaluate_exact_match(["a", "b"], ["a", "c"], "lamp", "fine_tuned")
    with pytest.raises(ConflictError, match=r"has accuracy 0\.5, less than 0\.8"):
        registry.deploy_model("lamp")
    evaluator.evaluate(["{}", "{}"], ["a", "b"], "lamp", "fine_tuned", metrics=["json_valid"])
    with pytest.raises(ConflictError, match="json_valid .* a check of the form alone"):
        registry.deploy_model("lamp")
    evaluator.evaluate_exact_match(["a", "b"], ["a", "b"], "lamp", "fine_tuned")
    assert registry.deploy_model("lamp") == 1
    registry.register_model("lamp", "base", "j2", 1)
    with pytest.raises(ConflictError, match="lamp v2 has no evaluation"):  # that of v1 does not count
        registry.deploy_model("lamp")


def test_experiment_gate_without_won_test_blocks_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "experiment")
    registry, tests = ModelRegistry(), ABTestFramework()
    for job in ("j1", "j2"):
        registry.register_model("lamp", "base", job, 1)
    tests.create_test("t", "lamp-v1", "lamp-v2")
    tests.record_samples(
        "t",
        [
            {"model": arm, "prediction": "x", "reference": "x" if arm == "model_b" or number % 3 else "y"}
            for number in range(300)
            for arm in ("model_a", "model_b")
        ],
    )
    with pytest.raises(ConflictError, match="gate experiment: lamp v2 has won no concluded A/B test"):
        registry.deploy_model("lamp", 2)
    tests.conclude_test("t")
    with pytest.raises(ConflictError, match="lamp v1 has won no"):
        registry.deploy_model("lamp", 1)
    assert registry.deploy_model("lamp", 2) == 2


def test_experiment_of_model_name_counts_for_pinned_version_only(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, tests = ModelRegistry(), ABTestFramework()
    registry.register_model("lamp", "base", "j1", 1)
    tests.create_test("t", "big", "lamp")
    tests.record_samples(
        "t",
        [
            {"model": arm, "prediction": "x", "reference": "x" if arm == "model_b" or number % 3 else "y"}
            for number in range(300)
            for arm in ("model_a", "model_b")
        ],
    )
    tests.conclude_test("t")
    second = registry.register_model("lamp", "base", "j2", 1)
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "experiment")
    with pytest.raises(ConflictError, match="lamp v2 has won no"):
        registry.deploy_model("lamp", 2)
    assert registry.deploy_model("lamp", 1) == 1
    with open_database().read() as tx:
        assert measured_gain.between(tx, second, incumbent.stated(tx, "big")).gain is None
        assert not [node for node in lineage.trace(tx, second).nodes if node.kind == "experiment"]


@pytest.mark.parametrize("weights", ["model.safetensors", "model-00002-of-00003.safetensors"])
def test_artifact_gate_changed_imported_folder_blocks_deployment(
    tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: str
) -> None:
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "artifact")
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "ext"))
    if weights != "model.safetensors":
        from transformers import AutoModelForCausalLM

        (folder / "model.safetensors").unlink()
        AutoModelForCausalLM.from_pretrained(tiny_model_dir).save_pretrained(folder, max_shard_size="100KB")
    (folder / "README.md").write_text("---\nbase_model: tiny\n---\n# Lamp\n")
    registry = ModelRegistry()
    assert registry.import_model("lamp", folder)["base_model"] == "tiny"
    assert registry.deploy_model("lamp") == 1
    registry.set_model_status("lamp", "READY")
    changed = folder / weights
    changed.write_bytes(changed.read_bytes()[:-1] + b"\1")
    with pytest.raises(ConflictError, match="gate artifact: lamp v1 has a file that has changed"):
        registry.deploy_model("lamp")


def test_artifact_gate_changed_or_missing_weights_block_deployment(
    trained: dict[str, Any], monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "artifact")
    registry = ModelRegistry()
    assert registry.deploy_model("orders") == 1
    registry.set_model_status("orders", "ARCHIVED")
    weights = next((workspace / "artifacts" / trained["job_id"]).rglob("merged/model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0\1")
    with pytest.raises(ConflictError, match="gate artifact: orders v1 has a file that has changed"):
        registry.deploy_model("orders")
    weights.unlink()
    with pytest.raises(ConflictError, match="gate artifact: orders v1 has a missing file"):
        registry.deploy_model("orders")


def test_lineage_connects_examples_to_costs(trained: dict[str, Any], cli: Any) -> None:
    ModelEvaluator().evaluate_exact_match(["a"], ["a"], "orders", "fine_tuned")
    tests = ABTestFramework()
    tests.create_test('t "1"', "orders-v1", "big")
    registry = ModelRegistry()
    registry.deploy_model("orders", reason="a < b & c")
    CostTracker().record_inference("orders", 100, 0.25, True)
    graph = registry.lineage("orders")
    kinds = [node.kind for node in graph.nodes]
    assert kinds[0] == "version"
    assert {"examples", "dataset", "file", "job", "artifact", "evaluation", "experiment", "deployment", "cost"} <= {
        *kinds
    }
    known = {node.id: node for node in graph.nodes}
    assert all(before in known and after in known for before, after in graph.edges)

    def reached(start: str) -> set[str]:
        found, left = set(), [start]
        while left:
            here = left.pop()
            found.add(known[here].kind)
            left += [after for before, after in graph.edges if before == here]
        return found

    (examples,) = [node for node in graph.nodes if node.kind == "examples"]
    assert examples.facts == {"count": 12}
    assert reached(examples.id) == {*kinds}  # one chain, from the calls to the money
    code, out, _ = cli("lineage", "orders")
    assert code == 0
    for shown in ("orders v1 (DEPLOYED)", trained["job_id"], "12 captured examples", "A/B test", "1 calls, $0.25"):
        assert shown in out
    _, out, _ = cli("lineage", "orders", "1", "--json")
    assert len(json.loads(out)["nodes"]) == len(graph.nodes)
    _, out, _ = cli("lineage", "orders", "--as", "mermaid")
    assert out.startswith("flowchart LR")
    assert "a &lt; b &amp; c" in out
    assert out.count("-->") == len(graph.edges)
    assert cli("lineage", "sofa")[0] == 1
    with pytest.raises(NotFoundError, match="no version 7"):
        registry.lineage("orders", 7)
    assert graph.upstream(graph.nodes[0].id)


def test_lineage_unknown_job_is_marked_not_recorded() -> None:
    registry = ModelRegistry()
    registry.register_model("lamp", "base", "elsewhere-1", 10)
    (root, job, _) = registry.lineage("lamp").nodes
    assert (root.kind, job.label) == ("version", "job elsewhere-1 (not recorded here)")
    assert open_database().exists()


def test_cli_alias_tag_status_and_history(cli: Any) -> None:
    registry = ModelRegistry()
    for job in ("j1", "j2"):
        registry.register_model("lamp", "base", job, 1)
    assert cli("alias", "lamp", "champion", "1")[:2] == (0, "lamp@champion is v1\n")
    assert json.loads(cli("alias", "lamp", "--json")[1]) == {"champion": 1}
    assert cli("tag", "lamp", "team=search", "kind=small", "--version", "1")[0] == 0
    assert registry.list_model_versions("lamp")[0]["tags"] == {"team": "search", "kind": "small"}
    assert cli("tag", "lamp", "kind=", "--version", "1")[0] == 0
    assert registry.list_model_versions("lamp")[0]["tags"] == {"team": "search"}
    assert cli("tag", "lamp", "kind", "--version", "1")[0] == 2
    assert cli("tag", "sofa", "a=b")[:1] == (1,)
    assert cli("set-status", "lamp", "ARCHIVED", "1")[0] == 0
    assert "from there it can become DEPLOYED or READY" in cli("set-status", "lamp", "FAILED", "1")[2]
    assert cli("set-status", "lamp", "GONE")[0] == 2
    assert cli("alias", "lamp", "champion", "--remove")[0] == 0
    assert cli("alias", "lamp", "champion", "--remove")[0] == 2
    _, out, _ = cli("history", "lamp")
    for shown in ("alias champion", "tag team", "READY", "ARCHIVED", "set by hand"):
        assert shown in out
    assert cli("rollback-model", "lamp")[0] == 1
    cli("deploy", "lamp", "2")
    cli("deploy", "lamp", "1")
    assert cli("rollback-model", "lamp")[1] == "rolled back lamp to v2\n"


def test_gate_of_accuracy_refuses_figures_that_are_none(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINE_TUNING_DEPLOY_GATES", "evaluation")
    ModelRegistry().register_model("lamp", "small", "j", 1)
    ModelEvaluator().evaluate(["a b c d"], ["a b c d"], "lamp", metrics=["bleu", "exact_match"])
    with pytest.raises(ConflictError, match="lamp v1 has bleu in its last evaluation .*, which is no accuracy"):
        ModelRegistry().deploy_model("lamp", 1)
    (stored,) = ModelEvaluator().get_results()
    assert (stored.accuracy, all(math.isnan(end) for end in stored.accuracy_interval)) == (pytest.approx(100), True)
    ModelEvaluator().evaluate(["a b c d"], ["a b c d"], "lamp")
    ModelRegistry().deploy_model("lamp", 1)
