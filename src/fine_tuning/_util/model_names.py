"""The names of models, made and parsed.

| name | of |
|---|---|
| `<name>-v<version>` | one version of a registered model |
| `<name>@<alias>` | the version that an alias of a registered model points at |
| `ft:<base>:<organization>:<suffix>:<id>` | a fine-tuned model, as OpenAI names its own |
| `ft:...:ckpt-step-<step>` | a checkpoint of a fine-tuned model |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_VERSION = re.compile(r"(?P<name>.+)-v(?P<version>[1-9]\d*)")
_CHECKPOINT = re.compile(r"(?P<model>ft:.+):ckpt-step-(?P<step>\d{1,9})")
_SNAPSHOT = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4})$")
_FINE_TUNED = "ft:"


def version_name(model_name: str, version: int) -> str:
    """`<name>-v<version>`."""
    return f"{model_name}-v{version}"


def parse_version_name(name: str) -> tuple[str, int] | None:
    """Model name and version of `<name>-v<version>`; None for another name."""
    match = _VERSION.fullmatch(name)
    return (match["name"], int(match["version"])) if match else None


def alias_name(model_name: str, alias: str) -> str:
    """`<name>@<alias>`."""
    return f"{model_name}@{alias}"


def parse_alias_name(name: str) -> tuple[str, str] | None:
    """Model name and alias of `<name>@<alias>`; None for another name."""
    model_name, at, alias = name.rpartition("@")
    return (model_name, alias) if at else None


def fine_tuned_name(job: Mapping[str, object]) -> str:
    """`ft:<base>:<organization>:<suffix>:<id>` of the model that a job trains, known before the job has finished.

    Args:
        job: its id, model, project, pooled and suffix. Of a model that was fine-tuned before, the base is the first.
    """
    organization = job["project"] if job["pooled"] else "local"
    base = Path(base_model_of(str(job["model"]))).name
    return f"{_FINE_TUNED}{base}:{organization}:{job['suffix'] or ''}:{str(job['id']).removeprefix('ftjob-')[:12]}"


def job_id_prefix(fine_tuned_model: str) -> str:
    """The beginning of the id of the job that trains the model with this `fine_tuned_name`."""
    return f"ftjob-{fine_tuned_model.rpartition(':')[2]}"


def is_fine_tuned(model: str) -> bool:
    """Whether a host's model is a fine-tuned one (`ft:...`)."""
    return model.startswith(_FINE_TUNED)


def base_model_of(model: str) -> str:
    """The base model in `ft:<base>:...`; another name as it is."""
    return model.split(":")[1] if is_fine_tuned(model) else model


def without_snapshot(model: str) -> str:
    """A base model's name without the date of its snapshot: gpt-4o-mini of gpt-4o-mini-2024-07-18."""
    return _SNAPSHOT.sub("", base_model_of(model))


def suffix_of(fine_tuned_model: str | None) -> str | None:
    """The suffix in `ft:<base>:<organization>:<suffix>:<id>`; None without one."""
    parts = (fine_tuned_model or "").split(":")
    return parts[3] if len(parts) > 4 and parts[3] else None


def checkpoint_name(fine_tuned_model: str, step: int) -> str:
    """`ft:...:ckpt-step-<step>`."""
    return f"{fine_tuned_model}:ckpt-step-{step}"


def parse_checkpoint_name(name: str) -> tuple[str, int] | None:
    """Fine-tuned model and step of `ft:...:ckpt-step-<step>`; None for another name."""
    match = _CHECKPOINT.fullmatch(name)
    return (match["model"], int(match["step"])) if match else None
