"""Which versions' training, data and judges a return has to pay back: one set for all three.

A pinned version (`<name>-v<version>`, `<name>@<alias>`) counts alone. A name stands for the version that answers to it
now: with it count the versions before it, on the way to it, as far back as the incumbent. Later versions, which it
does without, do not.
"""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning.costs import training_costs
from fine_tuning.costs.training_costs import JobCosts
from fine_tuning.store import costs, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion

EVERY = "all versions together"


class Counted(NamedTuple):
    """The jobs that count with their cost, which versions these are in words, and the versions' own names."""

    jobs: JobCosts
    shown: str
    names: tuple[str, ...]


def of_name(tx: Transaction, name: str, version: ModelVersion | None, incumbent: ModelVersion | None) -> Counted:
    """What counts for a name.

    Args:
        version: that the name stands for; None where it is not registered.
        incumbent: the version that is replaced, of whatever model.
    """
    recorded, versions = costs.training_jobs(tx), model_versions.versions(tx)
    if version is None:
        return Counted(training_costs.by_model(recorded, versions).get(name, {}), EVERY, (name,))
    model, last = version["model_name"], version["version"]
    found = training_costs.by_model(recorded, versions).get(model, {})
    own = version_name(model, last)
    if name != model:
        return Counted({version["job_id"]: found.get(version["job_id"])}, "this version alone", (name, own))
    ours = [each for each in versions if each["model_name"] == model]
    is_earlier = incumbent is not None and incumbent["model_name"] == model and incumbent["version"] < last
    first = incumbent["version"] if incumbent is not None and is_earlier else 0
    counted = [each for each in ours if first < each["version"] <= last]
    jobs = {each["job_id"] for each in counted}
    others = {each["job_id"] for each in ours} - jobs
    parts = [f"after {version_name(model, first)}" if first else "", f"up to {own}" if ours[-1] != version else ""]
    return Counted(
        {job: cost for job, cost in found.items() if job not in others},  # also those that were never registered
        " ".join(["the versions", *filter(None, parts)]) if any(parts) else EVERY,
        (model, *(version_name(model, each["version"]) for each in counted)),
    )
