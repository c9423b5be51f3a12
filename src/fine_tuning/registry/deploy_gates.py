"""What a version must show before it is deployed; which of these are asked is the setting `deploy_gates`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fine_tuning._util.files import is_file, sha256_file
from fine_tuning.errors import ConflictError
from fine_tuning.experiments.won_tests import won_by
from fine_tuning.registry import expiry
from fine_tuning.settings import Settings
from fine_tuning.store import evaluations, model_versions
from fine_tuning.store.database import Transaction

Version = Mapping[str, Any]


def check(tx: Transaction, version: Version, settings: Settings) -> None:
    """Raise ConflictError, naming the gate, unless the version passes those that are set."""
    for name, reason in reasons(tx, version, settings):
        if reason:
            shown = f"{version['model_name']} v{version['version']}"
            raise ConflictError(f"gate {name}: {shown} {reason}; deploy it all the same with --force (force=True)")


def reasons(tx: Transaction, version: Version, settings: Settings) -> Iterator[tuple[str, str]]:
    """Each gate that is set, and why it is closed for a version, empty where it is open; looked at one by one."""
    return ((name, _GATES[name](tx, version, settings)) for name in settings.deploy_gates)


def _evaluation(tx: Transaction, version: Version, settings: Settings) -> str:
    measured = evaluations.of_version(tx, version["model_name"], version["version"])
    if not measured:
        return "has no evaluation (ft-cli evaluate-model)"
    found = measured[-1]
    accuracy, least = found["accuracy"], settings.deploy_min_accuracy
    if accuracy is None:
        return f"has no accuracy in its last evaluation ({found['id']})"
    return f"has accuracy {accuracy:.4g}, less than {least:g} (evaluation {found['id']})" if accuracy < least else ""


def _experiment(tx: Transaction, version: Version, settings: Settings) -> str:  # noqa: ARG001 - as every gate
    won = won_by(tx, version["model_name"], version["version"])
    return "" if won else "has won no concluded A/B test (ft-cli ab conclude)"


def _expiry(tx: Transaction, version: Version, settings: Settings) -> str:
    (known,) = expiry.with_ends(tx, [dict(version)])
    left = known["days_left"]
    if left is None or left > settings.expiry_days:
        return ""
    when = f"in {left} days" if left > 0 else "and is gone"
    return f"is built on {version['base_model']}, which its host switches off on {known['shutdown_date']} ({when})"


def _artifact(tx: Transaction, version: Version, settings: Settings) -> str:  # noqa: ARG001 - as every gate
    for artifact in model_versions.artifacts(tx, version["model_name"], version["version"]):
        if artifact["sha256"] is None:
            continue
        path = weights_of(artifact)
        if not is_file(path):
            return f"lacks its file {path}"
        if sha256_file(path) != artifact["sha256"]:
            return f"has a file that is not the one it was registered with: {path}"
    return ""


def weights_of(artifact: Mapping[str, Any]) -> Path:
    """The file that an artifact's checksum is of: of a model's folder its weights."""
    path = Path(artifact["path"])
    return path / "model.safetensors" if artifact["kind"] == "merged" else path


_GATES: dict[str, Callable[[Transaction, Version, Settings], str]] = {
    "evaluation": _evaluation,
    "experiment": _experiment,
    "expiry": _expiry,
    "artifact": _artifact,
}
