"""Lineage: what a model version was made from (upstream), and what was made from it (downstream).

examples -> dataset -> file -> job -> artifact -> version -> evaluation, experiment, deployment, export, cost
"""

from __future__ import annotations

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import version_tests
from fine_tuning.registry.lineage_graph import Lineage, Node
from fine_tuning.store import (
    artifacts,
    bakeoffs,
    costs,
    datasets,
    evaluations,
    experiments,
    exports,
    files,
    jobs,
    registry_changes,
)
from fine_tuning.store.column_types import iso
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.costs import CallTotals
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.records.model_versions import ModelVersion


def trace(tx: Transaction, version: ModelVersion) -> Lineage:
    """The lineage of a version, as far as it is recorded."""
    graph = Lineage()
    shown = f"{version['model_name']} v{version['version']}"
    facts = {
        "status": version["status"],
        "base_model": version["base_model"],
        "accuracy": version["accuracy"],
        "provider": version["provider"],
        "provider_model": version["provider_model"],
    }
    root = graph.add(Node("version", f"version:{shown}", f"{shown} ({version['status']})", facts))
    _add_training(tx, graph, root, version)
    _add_evaluations(tx, graph, root, version)
    _add_experiments(tx, graph, root, version)
    _add_deployments(tx, graph, root, version)
    _add_exports(tx, graph, root, version)
    _add_costs(tx, graph, root, version)
    return graph


def _add_training(tx: Transaction, graph: Lineage, root: Node, version: ModelVersion) -> None:
    job = jobs.get(tx, version["job_id"])
    bakeoff = bakeoffs.get(tx, version["metadata"].get("bakeoff"))
    if job is None and bakeoff is not None:
        found = {"winner": bakeoff["winner"], "plan": bakeoff["plan"], "created_at": iso(bakeoff["created_at"])}
        label = f"bake-off {bakeoff['id']} on {bakeoff['plan']['dataset']}: {bakeoff['winner']}"
        graph.add(Node("bakeoff", f"bakeoff:{bakeoff['id']}", label, found), downstream=root)
        return
    if job is None:
        label = f"job {version['job_id']} (not recorded here)"
        node = Node("job", f"job:{version['job_id']}", label, {"job_id": version["job_id"]})
        graph.add(node, downstream=root)
        return
    facts = {
        "provider": job["provider"],
        "provider_job_id": job["provider_job_id"],
        "model": job["model"],
        "status": job["status"],
        "hyperparameters": job["hyperparameters"],
        "trained_tokens": job["trained_tokens"],
        "fine_tuned_model": job["fine_tuned_model"],
        "started_at": iso(job["started_at"]),
        "finished_at": iso(job["finished_at"]),
    }
    node = graph.add(Node("job", f"job:{job['id']}", f"job {job['id']} on {job['model']} ({job['status']})", facts))
    models = [each for each in artifacts.of_job(tx, job["id"]) if each["kind"] not in {"checkpoint", "epoch"}]
    for artifact in models:
        label = f"{artifact['kind']} {_short(artifact['sha256'])}".strip()
        facts = {"path": artifact["path"], "sha256": artifact["sha256"]}
        graph.add(Node("artifact", f"artifact:{artifact['id']}", label, facts), upstream=node, downstream=root)
    if not models:
        graph.edges.append((node.id, root.id))
    _add_data(tx, graph, node, job)


def _add_data(tx: Transaction, graph: Lineage, node: Node, job: Job) -> None:
    source = node
    file = files.get(tx, job["training_file_id"])
    if file is not None:
        facts = {"filename": file["filename"], "bytes": file["bytes"], "sha256": file["sha256"], "path": file["path"]}
        label = f"file {file['filename']} {_short(file['sha256'])}"
        source = graph.add(Node("file", f"file:{file['id']}", label, facts), downstream=node)
    found = datasets.of_job(tx, job)
    if found is None:
        return
    data_facts = {
        "name": found["name"],
        "content_hash": found["content_hash"],
        "format": found["format"],
        "rows": found["rows"],
        "path": found["path"],
        "created_at": found["created_at"],
        "recipe": found["recipe"],
    }
    label = f"dataset {found['name']} {_short(found['content_hash'])}, {found['rows']:,} rows"
    data = graph.add(Node("dataset", f"dataset:{found['id']}", label, data_facts), downstream=source)
    if count := datasets.member_count(tx, found["id"]):
        examples = Node("examples", f"examples:{found['id']}", f"{count:,} captured examples", {"count": count})
        graph.add(examples, downstream=data)


def _add_evaluations(tx: Transaction, graph: Lineage, root: Node, version: ModelVersion) -> None:
    for each in evaluations.of_version(tx, version["model_name"], version["version"]):
        facts = {
            "metric": each["metric"],
            "accuracy": each["accuracy"],
            "test_set_size": each["test_set_size"],
            "metadata": each["metadata"],
            "created_at": each["created_at"],
        }
        label = f"evaluation {each['id']}: {each['metric']} {_score(each)}"
        graph.add(Node("evaluation", f"evaluation:{each['id']}", label, facts), upstream=root)


def _score(evaluation: Evaluation) -> str:
    """The score of an evaluation, and of how many examples."""
    accuracy, size = evaluation["accuracy"], f"{evaluation['test_set_size']:,}"
    if accuracy is None:
        return f"unknown of {size}"
    from fine_tuning.evaluation import metrics  # which takes a while to import

    found = metrics.find(evaluation["metric"])
    share = f"{accuracy * 100:.4g} %" if found.bounds == (0.0, 1.0) else f"{accuracy:.4g}"
    return f"{share} of {size} examples"


def _add_experiments(tx: Transaction, graph: Lineage, root: Node, version: ModelVersion) -> None:
    for test in version_tests.of_version(tx, version):
        decisions = experiments.decisions(tx, test["id"])
        facts = {
            "model_a": test["model_a"],
            "model_b": test["model_b"],
            **({"more": test["more"]} if test["more"] else {}),
            "status": test["status"],
            "started_at": test["started_at"],
            "completed_at": test["completed_at"],
            "decisions": decisions,
        }
        verdict = f": {decisions[-1]['reason']}" if decisions else ""
        label = f"A/B test {test['id']}, {' and '.join(experiments.models(test).values())} ({test['status']}){verdict}"
        graph.add(Node("experiment", f"experiment:{test['id']}", label, facts), upstream=root)


def _add_deployments(tx: Transaction, graph: Lineage, root: Node, version: ModelVersion) -> None:
    for number, change in enumerate(registry_changes.of_model(tx, version["model_name"])):
        if change["version"] == version["version"] and change["kind"] == "status":
            facts = {
                "actor": change["actor"],
                "reason": change["reason"],
                "experiment": change["experiment"],
                "created_at": change["created_at"],
            }
            label = f"{change['before'] or 'new'} to {change['after']} by {change['actor']}: {change['reason']}"
            graph.add(Node("deployment", f"deployment:{number}", label, facts), upstream=root)


def _add_exports(tx: Transaction, graph: Lineage, root: Node, version: ModelVersion) -> None:
    for each in exports.of_version(tx, version["model_name"], version["version"]):
        alike = all(found["passed"] for found in each["parity"].values())
        kind = " ".join(filter(None, (each["target"], each["quantization"])))
        label = f"{kind} {_short(each['sha256'])} ({'alike' if alike else 'not alike'}) at {each['path']}"
        facts = {key: value for key, value in each.items() if key != "version"}
        graph.add(Node("export", f"export:{each['id']}", label, facts), upstream=root)


def _add_costs(tx: Transaction, graph: Lineage, root: Node, version: ModelVersion) -> None:
    for each in costs.training_jobs(tx, job_id=version["job_id"]):
        label = f"training {_usd(each['total_cost'])}"
        facts = {"usd": each["total_cost"], "tokens": each["training_tokens"], "recorded_at": each["recorded_at"]}
        graph.add(Node("cost", "cost:training", label, facts), upstream=root)
    name, number = version["model_name"], version["version"]
    pinned = version_name(name, number)
    for kind in costs.CALL_KINDS:
        found = {
            name: costs.calls_of_version(tx, kind, name, number),
            pinned: costs.calls_by_model(tx, kind, pinned).get(pinned),
            f"{name} (of no recorded version)": costs.calls_of_version(tx, kind, name, None),
        }
        for shown, calls in found.items():
            if calls is not None:
                label = f"{kind} of {shown}: {calls['count']:,} calls, {_paid(calls)}"
                totals: dict[str, object] = {**calls}
                if calls["unpriced"] == calls["count"]:
                    totals["total"] = None
                graph.add(Node("cost", f"cost:{kind}:{shown}", label, totals), upstream=root)


def _paid(calls: CallTotals) -> str:
    """What calls cost together, and how many of them have no known price."""
    unpriced = calls["unpriced"]
    if unpriced == calls["count"]:
        return _usd(None)
    return f"{_usd(calls['total'])}{f', {unpriced:,} of unknown price' if unpriced else ''}"


def _short(checksum: str | None) -> str:
    return "" if checksum is None else checksum.removeprefix("sha256:")[:12]


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"${value:,.4g}"
