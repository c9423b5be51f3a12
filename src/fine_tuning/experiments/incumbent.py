"""The model that a version is measured against: what answered before it, or would answer in its place."""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning._util.model_names import parse_version_name
from fine_tuning.experiments.ab_test_result import concluded_result
from fine_tuning.store import datasets, examples, experiments, jobs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion

NOBODY = frozenset({"unknown", "human"})  # what captured calls have in place of a model


class Incumbent(NamedTuple):
    """A model, by its name or as `<name>-v<version>`, and why it is taken."""

    name: str
    source: str


def find(tx: Transaction, version: ModelVersion) -> Incumbent | None:
    """The other model of the version's last concluded and valid A/B test, else the teacher of its training data.

    Never the base model that was fine-tuned, which nobody may ever have called. None where neither is recorded.
    """
    return _of_tests(tx, version) or _teacher(tx, version)


def _of_tests(tx: Transaction, version: ModelVersion) -> Incumbent | None:
    for test in experiments.of_version(tx, version["model_name"], version["version"])[::-1]:
        result = concluded_result(test)
        if result is None or result.withheld or result.without_samples is not None:
            continue
        other = result.model_b if test["arm"] == "model_a" else result.model_a
        named = parse_version_name(other)
        if named is not None and named[0] == version["model_name"] and named[1] > version["version"]:
            continue  # a later version, which was measured against this one
        return Incumbent(other, f"the other model of A/B test {test['id']}")
    return None


def _teacher(tx: Transaction, version: ModelVersion) -> Incumbent | None:
    dataset = datasets.of_job(tx, jobs.get(tx, version["job_id"]))
    counts = {} if dataset is None else examples.models_in(tx, dataset["id"])
    known = {model: count for model, count in counts.items() if model not in NOBODY}
    if not known:
        return None
    name = max(known, key=known.__getitem__)
    return Incumbent(name, f"gave {known[name]:,} of the {sum(counts.values()):,} answers that it was trained on")
