"""The gates a version must pass before it is deployed; the setting `deploy_gates` names those in force."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fine_tuning._util.files import is_file
from fine_tuning.base_models.model_folder import weights_file, weights_sha256
from fine_tuning.errors import ConflictError
from fine_tuning.registry import expiry
from fine_tuning.registry.version_lookup import find_version
from fine_tuning.settings import Settings
from fine_tuning.store import evaluations, model_versions
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.model_versions import ModelVersion


def check(tx: Transaction, version: ModelVersion, settings: Settings) -> None:
    """Raise ConflictError, naming the gate, unless the version passes all gates of the settings."""
    for name, reason in reasons(tx, version, settings):
        if reason:
            shown = f"{version['model_name']} v{version['version']}"
            raise ConflictError(f"gate {name}: {shown} {reason}; to deploy anyway, use --force (force=True)")


def reasons(tx: Transaction, version: ModelVersion, settings: Settings) -> Iterator[tuple[str, str]]:
    """Each gate of the settings with the reason why a version fails it, empty where it passes; evaluated lazily."""
    return ((name, _GATES[name](tx, version, settings)) for name in settings.deploy_gates)


def failures(database: Database, name: str, version: int | None, settings: Settings) -> dict[str, str]:
    """The reason why a version (the latest by default) fails each gate of the settings; empty where it passes it."""
    with database.read() as tx:
        return dict(reasons(tx, find_version(tx, name, version), settings))


def _evaluation(tx: Transaction, version: ModelVersion, settings: Settings) -> str:
    from fine_tuning.evaluation import failed_calls, metrics  # which take a while to import

    found = evaluations.of_version(tx, version["model_name"], version["version"])
    if not found:
        return "has no evaluation (ft-cli evaluate-model)"
    last = found[-1]
    metric, shown = metrics.find(last["metric"]), f"has {last['metric']} in its last evaluation ({last['id']})"
    if metric.bounds != (0.0, 1.0):
        return f"{shown}, which is no accuracy between 0 and 1"
    if not metric.has_reference:
        return f"{shown}, a check of the form alone: a wrong answer can have it"
    accuracy, minimum = last["accuracy"], settings.deploy_min_accuracy
    if accuracy is None:
        return f"has no accuracy in its last evaluation ({last['id']})"
    if accuracy < minimum:
        return f"has accuracy {accuracy:.4g}, less than {minimum:g} (evaluation {last['id']})"
    rows = evaluations.results(tx, last["id"])
    if (lowest := failed_calls.lowest(rows, accuracy)) >= minimum:
        return ""
    return (
        f"failed in {failed_calls.count(rows):,} of {len(rows):,} calls of its last evaluation ({last['id']}), which "
        f"have no score: its accuracy of {accuracy:.4g} is at least {lowest:.4g} over all of them, less than "
        f"{minimum:g}; evaluate it again"
    )


def _experiment(tx: Transaction, version: ModelVersion, settings: Settings) -> str:  # noqa: ARG001 - as every gate
    from fine_tuning.experiments.won_tests import wins  # statistics take half a second to import

    won = wins(tx, version["model_name"], version["version"])
    if not won:
        return "has won no concluded A/B test (ft-cli ab conclude)"
    if any(win.contradicted_by is None for win in won):
        return ""
    return f"has won A/B test {won[-1].test}, but {won[-1].contradicted_by} contradicts it (ft-cli ab show)"


def _expiry(tx: Transaction, version: ModelVersion, settings: Settings) -> str:
    (dated,) = expiry.with_shutdown_dates(tx, [version])
    if dated["days_left"] is None or not expiry.is_expiring(dated, settings.expiry_days):
        return ""
    when = expiry.time_left(dated["days_left"])
    return f"is built on {version['base_model']}, which its host shuts down on {dated['shutdown_date']} ({when})"


def _artifact(tx: Transaction, version: ModelVersion, settings: Settings) -> str:  # noqa: ARG001 - as every gate
    for artifact in model_versions.artifacts(tx, version["model_name"], version["version"]):
        if artifact["sha256"] is None:
            continue
        path = artifact_file(artifact["kind"], artifact["path"])
        if not is_file(path):
            return f"has a missing file: {path}"
        if weights_sha256(path) != artifact["sha256"]:
            return f"has a file that has changed since it was registered: {path}"
    return ""


def artifact_file(kind: str, path: str) -> Path:
    """The file whose checksum is recorded for an artifact: for a merged model, the weights in its folder."""
    return weights_file(Path(path)) if kind == "merged" else Path(path)


_GATES: dict[str, Callable[[Transaction, ModelVersion, Settings], str]] = {
    "evaluation": _evaluation,
    "experiment": _experiment,
    "expiry": _expiry,
    "artifact": _artifact,
}
