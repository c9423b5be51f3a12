"""The model that a version is measured against: what answered before it, or would answer in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import itemgetter

from fine_tuning._util.model_names import parse_version_name, version_name
from fine_tuning._util.same_model import is_same
from fine_tuning.costs import host_names, hosted_model, version_tests
from fine_tuning.costs.roi_facts import Incumbent
from fine_tuning.experiments.ab_test_result import concluded_result
from fine_tuning.experiments.sufficient_statistics import A
from fine_tuning.store import datasets, examples, experiments, jobs, model_versions, named_versions
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.experiment_json import Arm
from fine_tuning.store.records.experiments import Experiment, ExperimentOfVersion
from fine_tuning.store.records.model_versions import ModelVersion

NOBODY = frozenset({"unknown", "human"})  # what captured calls have in place of a model


def stated(tx: Transaction, name: str) -> Incumbent:
    """The model that the user names; of a registered one the version that the name stands for now.

    Raises:
        NotFoundError: it is registered, and has no such version or alias.
    """
    named_versions.find_or_raise(tx, name)
    version = host_names.find(tx, name, now().isoformat())
    pinned = name if version is None else version_name(version["model_name"], version["version"])
    return Incumbent(pinned, "as given" if pinned == name else f"as given: {name}", version)


def find(tx: Transaction, version: ModelVersion) -> Incumbent | None:
    """The incumbent (model_a) of the version's last concluded, valid A/B test, else the teacher of its training data.

    Never the untrained base model, which nobody may ever have called. None where neither is recorded.
    """
    return _of_tests(tx, version) or _teacher(tx, version)


def _of_tests(tx: Transaction, version: ModelVersion) -> Incumbent | None:
    """Of tests in which the version was the incumbent itself nothing follows: it replaces none of its challengers."""
    for test in version_tests.concluded_of_version(tx, version)[::-1]:
        result = concluded_result(test)
        if test["arm"] == A or result is None:
            continue
        compared = result.of(test["arm"])
        if compared.without_samples is not None or compared.withheld or compared.changed:
            continue
        other = of_arm(tx, test, A)
        if _is_later(other, version) or _is_training_base(other, version):
            continue
        return other._replace(source=f"the incumbent of A/B test {test['id']}")
    return None


def of_arm(tx: Transaction, test: Experiment, arm: Arm) -> Incumbent:
    """The model of an arm: the version that it was, pinned or by its host's name, when the test began, or a host's."""
    name = (test["pinned"] or experiments.models(test))[arm]
    if (pinned := _pinned(tx, name)).version is not None:
        return pinned
    hosted = version_tests.hosted(test, arm).name
    version = host_names.of_name(tx, hosted, test["started_at"])
    named = hosted if version is None else version_name(version["model_name"], version["version"])
    return Incumbent(named, "", version)


def compared_arm(tx: Transaction, test: ExperimentOfVersion, incumbent: Incumbent) -> Arm | None:
    """The arm whose comparison with model_a is the one of the test's version with its incumbent; None without one.

    Two challengers are compared with model_a alone, never with each other.
    """
    others = [arm for arm in experiments.models(test) if arm != test["arm"]]
    arms = [arm for arm in others if incumbent.is_same(of_arm(tx, test, arm))]
    if test["arm"] == A:
        return arms[0] if arms else None
    return test["arm"] if A in arms else None


def _pinned(tx: Transaction, name: str) -> Incumbent:
    """The model of a name that may be of a registered version."""
    parsed = parse_version_name(name)
    version = None if parsed is None else model_versions.get(tx, *parsed)
    return Incumbent(name, "", version)


def _is_later(other: Incumbent, version: ModelVersion) -> bool:
    """Whether the other model is this version, or a later one of the same model."""
    found = other.version
    return found is not None and found["model_name"] == version["model_name"] and found["version"] >= version["version"]


def _is_training_base(other: Incumbent, version: ModelVersion) -> bool:
    """Whether the other model is the untrained base of this version, registered or not; an earlier version is none.

    Where no name at a host says what answers, the registered name does: only the base's own is of the base.
    """
    name: str | None = other.name
    if (known := other.version) is not None:
        name = known["provider_model"]
        if name is None and known["model_name"] != version["model_name"]:
            name = known["model_name"]
        if name is None or not is_same(name, known["base_model"]):
            return False
    return name is not None and is_same(name, version["base_model"])


def _teacher(tx: Transaction, version: ModelVersion) -> Incumbent | None:
    """The model that gave most of the answers, under whatever names."""
    dataset = datasets.of_job(tx, jobs.get(tx, version["job_id"]))
    calls = [] if dataset is None else examples.providers_in(tx, dataset["id"])
    if dataset is None or not {name for name, _, _ in calls} - NOBODY:
        return None
    answered = _by_model(tx, dataset["id"], [each for each in calls if each[0] not in NOBODY])
    teachers = [(model, count) for model, count in answered if not _is_later(model, version)]
    if not teachers:
        return None
    model, count = max(teachers, key=itemgetter(1))
    source = f"gave {count:,} of the {sum(n for _, _, n in calls):,} answers that it was trained on"
    return model._replace(source=source)


def _by_model(
    tx: Transaction, dataset_id: int, calls: Sequence[tuple[str, str | None, int]]
) -> list[tuple[Incumbent, int]]:
    """The answers by model: names of one model together, a registered name by the version that answered then.

    A name at a host of which nothing is published is that host's, and no vendor's.

    Args:
        calls: see `examples.providers_in`.
    """
    found, registered = Counter[str](), dict[str, ModelVersion]()
    for name, provider, count in calls:
        if (version := named_versions.find(tx, name)) is not None:
            registered[name] = version
        else:
            found[hosted_model.read(name, provider).name] += count
    for name, version in registered.items():
        answering = named_versions.answering(tx, name)
        for captured_at, number in examples.answered_in(tx, dataset_id, name):
            at = number or answering.at(captured_at)
            found[version_name(version["model_name"], version["version"] if at is None else at)] += 1
    models = list[tuple[Incumbent, int]]()
    for name, count in found.most_common():
        place = next(
            (at for at, (known, _) in enumerate(models) if known.version is None and known.is_named(name)), None
        )
        if place is None:
            models.append((_pinned(tx, name), count))
        else:
            models[place] = (models[place][0], models[place][1] + count)
    return models
