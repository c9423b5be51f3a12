"""Complete checkpoints: one without its completion mark was interrupted while it was written."""

from __future__ import annotations

import shutil
from pathlib import Path

MARK = "complete"
KEPT = 2


def mark_complete(checkpoint: Path) -> None:
    """Mark a checkpoint whose files are all written."""
    (checkpoint / MARK).touch()


def newest_complete(folder: Path) -> Path | None:
    """The complete checkpoint with the highest step; incomplete ones are deleted."""
    complete = []
    for checkpoint in folder.glob("checkpoint-*"):
        if (checkpoint / MARK).is_file():
            complete.append(checkpoint)
        else:
            shutil.rmtree(checkpoint, ignore_errors=True)  # another machine may delete it too
    return max(complete, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The optimizer step a checkpoint was made at."""
    return int(checkpoint.name.removeprefix("checkpoint-"))
