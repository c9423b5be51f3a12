"""Where a model version comes from and what became of it, as one graph.

examples -> data set -> file -> job -> artifact -> version -> evaluation, experiment, deployment, cost
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fine_tuning.store import artifacts, costs, datasets, evaluations, experiments, exports, files, jobs, model_labels
from fine_tuning.store.column_types import iso
from fine_tuning.store.database import Transaction


@dataclass(frozen=True)
class Node:
    """One thing that is recorded.

    Attributes:
        kind: examples, data set, file, job, artifact, version, evaluation, experiment, deployment, export or cost.
        id: unique within the graph.
        label: for people.
        facts: what is known of it; what is not is None.
    """

    kind: str
    id: str
    label: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Lineage:
    """Nodes, the version first, and edges from what was before to what came of it (ids)."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[tuple[str, str]] = field(default_factory=list)

    def add(self, node: Node, *, to: Node | None = None, of: Node | None = None) -> Node:
        """Add a node that made another, or came of it."""
        self.nodes.append(node)
        self.edges += [(node.id, to.id)] if to else []
        self.edges += [(of.id, node.id)] if of else []
        return node


def trace(tx: Transaction, version: Mapping[str, Any]) -> Lineage:
    """All that the store knows about a version's way."""
    graph = Lineage()
    shown = f"{version['model_name']} v{version['version']}"
    facts = {name: version[name] for name in ("status", "base_model", "accuracy", "provider", "provider_model")}
    root = graph.add(Node("version", f"version:{shown}", f"{shown} ({version['status']})", facts))
    _add_training(tx, graph, root, version)
    _add_evaluations(tx, graph, root, version)
    _add_experiments(tx, graph, root, version)
    for number, change in enumerate(model_labels.history(tx, version["model_name"])):
        if change["version"] == version["version"] and change["kind"] == "status":
            facts = {name: change[name] for name in ("actor", "reason", "experiment", "created_at")}
            label = f"{change['before'] or 'new'} to {change['after']} by {change['actor']}: {change['reason']}"
            graph.add(Node("deployment", f"deployment:{number}", label, facts), of=root)
    _add_exports(tx, graph, root, version)
    _add_costs(tx, graph, root, version)
    return graph


def _add_training(tx: Transaction, graph: Lineage, root: Node, version: Mapping[str, Any]) -> None:
    job = jobs.get(tx, version["job_id"])
    if job is None:
        label = f"job {version['job_id']} (not recorded here)"
        graph.add(Node("job", f"job:{version['job_id']}", label, {"job_id": version["job_id"]}), to=root)
        return
    facts = {name: job[name] for name in ("provider", "provider_job_id", "model", "status", "hyperparameters",
                                          "trained_tokens", "fine_tuned_model")}  # fmt: skip
    facts |= {"started_at": iso(job["started_at"]), "finished_at": iso(job["finished_at"])}
    node = graph.add(Node("job", f"job:{job['id']}", f"job {job['id']} on {job['model']} ({job['status']})", facts))
    made = [each for each in artifacts.of_job(tx, job["id"]) if each["kind"] not in {"checkpoint", "epoch"}]
    for artifact in made:
        facts = {"path": artifact["path"], "sha256": artifact["sha256"]}
        label = f"{artifact['kind']} {_short(artifact['sha256'])}".strip()
        middle = Node("artifact", f"artifact:{artifact['id']}", label, facts)
        graph.edges.append((node.id, middle.id))
        graph.add(middle, to=root)
    if not made:
        graph.edges.append((node.id, root.id))
    _add_data(tx, graph, node, job)


def _add_data(tx: Transaction, graph: Lineage, node: Node, job: Mapping[str, Any]) -> None:
    source = node
    file = files.get(tx, job["training_file_id"])
    if file is not None:
        facts = {"filename": file["filename"], "bytes": file["bytes"], "sha256": file["sha256"], "path": file["path"]}
        label = f"file {file['filename']} {_short(file['sha256'])}"
        source = graph.add(Node("file", f"file:{file['id']}", label, facts), to=node)
    found = datasets.get(tx, job["dataset_id"] or (None if file is None else file["dataset_id"]))
    if found is None:
        return
    facts = {name: found[name] for name in ("name", "content_hash", "format", "rows", "path", "created_at", "recipe")}
    label = f"data set {found['name']} {_short(found['content_hash'])}, {found['rows']:,} rows"
    data = graph.add(Node("data set", f"dataset:{found['id']}", label, facts), to=source)
    if count := datasets.member_count(tx, found["id"]):
        graph.add(
            Node("examples", f"examples:{found['id']}", f"{count:,} captured examples", {"count": count}), to=data
        )


def _add_exports(tx: Transaction, graph: Lineage, root: Node, version: Mapping[str, Any]) -> None:
    for each in exports.of_version(tx, version["model_name"], version["version"]):
        alike = all(found["passed"] for found in each["parity"].values())
        kind = " ".join(filter(None, (each["target"], each["quantization"])))
        label = f"{kind} {_short(each['sha256'])} ({'alike' if alike else 'not alike'}) at {each['path']}"
        graph.add(Node("export", f"export:{each['id']}", label, each), of=root)


def _add_evaluations(tx: Transaction, graph: Lineage, root: Node, version: Mapping[str, Any]) -> None:
    for each in evaluations.of_version(tx, version["model_name"], version["version"]):
        facts = {name: each[name] for name in ("metric", "accuracy", "test_set_size", "metadata", "created_at")}
        value = "unknown" if each["accuracy"] is None else f"{each['accuracy']:.4g}"
        label = f"evaluation {each['id']}: {each['metric']} {value} of {each['test_set_size']:,}"
        graph.add(Node("evaluation", f"evaluation:{each['id']}", label, facts), of=root)


def _add_experiments(tx: Transaction, graph: Lineage, root: Node, version: Mapping[str, Any]) -> None:
    for test in experiments.of_version(tx, version["model_name"], version["version"]):
        ended = experiments.decisions(tx, test["id"])
        facts = {name: test[name] for name in ("model_a", "model_b", "status", "started_at", "completed_at")}
        verdict = f": {ended[-1]['reason']}" if ended else ""
        label = f"A/B test {test['id']}, {test['model_a']} and {test['model_b']} ({test['status']}){verdict}"
        graph.add(Node("experiment", f"experiment:{test['id']}", label, facts | {"decisions": ended}), of=root)


def _add_costs(tx: Transaction, graph: Lineage, root: Node, version: Mapping[str, Any]) -> None:
    for each in costs.training_jobs(tx, job_id=version["job_id"]):
        label = f"training {_usd(each['total_cost'])}"
        facts = {"usd": each["total_cost"], "tokens": each["training_tokens"], "recorded_at": each["recorded_at"]}
        graph.add(Node("cost", "cost:training", label, facts), of=root)
    for kind in ("inference", "evaluation", "judge"):
        for name in (version["model_name"], f"{version['model_name']}-v{version['version']}"):
            for calls in costs.calls_by_model(tx, kind, name).values():
                label = f"{kind} of {name}: {calls['count']:,} calls, {_usd(calls['total'])}"
                graph.add(Node("cost", f"cost:{kind}:{name}", label, dict(calls)), of=root)


def as_mermaid(graph: Lineage) -> str:
    """The graph as a Mermaid flowchart."""
    names = {node.id: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    lines += [f'    {names[node.id]}["{_quoted(node.label)}"]' for node in graph.nodes]
    lines += [f"    {names[before]} --> {names[after]}" for before, after in graph.edges]
    return "\n".join(lines)


def ways_back(graph: Lineage, node_id: str) -> list[Node]:
    """What a node was made of."""
    return _nodes(graph, (before for before, after in graph.edges if after == node_id))


def ways_on(graph: Lineage, node_id: str) -> list[Node]:
    """What came of a node."""
    return _nodes(graph, (after for before, after in graph.edges if before == node_id))


def _nodes(graph: Lineage, ids: Iterable[str]) -> list[Node]:
    known = {node.id: node for node in graph.nodes}
    return [known[each] for each in ids]


def _short(checksum: str | None) -> str:
    return "" if checksum is None else checksum.removeprefix("sha256:")[:12]


def _usd(value: float | None) -> str:
    return "unknown" if value is None else f"${value:,.4g}"


def _quoted(text: str) -> str:
    return " ".join(text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;").split())
