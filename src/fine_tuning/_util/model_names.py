"""What a fine-tuned model is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fine_tuning._util.encodings import base_of

_CHECKPOINT = re.compile(r"(?P<model>ft:.+):ckpt-step-(?P<step>\d{1,9})")


def fine_tuned_name(job: Mapping[str, Any]) -> str:
    """`ft:<base>:<organisation>:<suffix>:<id>`, as OpenAI names its own; known before the job has ended."""
    organisation = job["project"] if job["pooled"] else "local"
    base = Path(base_of(job["model"])).name  # of a model that was itself fine-tuned, the one that it began with
    return f"ft:{base}:{organisation}:{job['suffix'] or ''}:{job['id'].removeprefix('ftjob-')[:12]}"


def parse_checkpoint(name: str) -> tuple[str, int] | None:
    """Model and step of `ft:...:ckpt-step-<step>`; None for another name."""
    match = _CHECKPOINT.fullmatch(name)
    return (match["model"], int(match["step"])) if match else None
