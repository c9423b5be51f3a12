"""Model folders as an attacker or a bad disk makes them, from a good one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHTS = "model.safetensors"
EMBEDDING = "model.embed_tokens.weight"
Forge = Callable[[Path], object]


def forged(good: Path, folder: Path, forge: Forge) -> Path:
    """A copy of a model folder after `forge` changed it."""
    shutil.copytree(good, folder)
    forge(folder)
    return folder


def raw(name: str, content: bytes) -> Forge:
    """A file with this content."""
    return lambda folder: (folder / name).write_bytes(content)


def settings(file: str = "config.json", **values: Any) -> Forge:
    """These values in a JSON file."""

    def forge(folder: Path) -> None:
        known = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps({**known, **values}))

    return forge


def header(change: Callable[[dict[str, Any]], object]) -> Forge:
    """The header of the weights, changed in place; the tensors' bytes are kept."""

    def forge(folder: Path) -> None:
        content = (folder / WEIGHTS).read_bytes()
        length = int.from_bytes(content[:8], "little")
        found = json.loads(content[8 : 8 + length])
        change(found)
        write_weights(folder, json.dumps(found).encode(), content[8 + length :])

    return forge


def without(tensor: str) -> Forge:
    """The weights without a tensor, in a whole file."""

    def forge(folder: Path) -> None:
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / WEIGHTS)
        del tensors[tensor]
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})

    return forge


def cut(length: int) -> Forge:
    """The weights up to this byte."""
    return lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:length])


def write_weights(folder: Path, head: bytes, tensors: bytes = b"", length: int | None = None) -> None:
    """Weights of this header, and of this length of it as the file says."""
    size = len(head) if length is None else length
    (folder / WEIGHTS).write_bytes(size.to_bytes(8, "little") + head + tensors)


def linked(name: str) -> Forge:
    """A link to the file elsewhere instead of the file."""

    def forge(folder: Path) -> None:
        elsewhere = folder.parent / "elsewhere"
        shutil.move(folder / name, elsewhere)
        (folder / name).symlink_to(elsewhere)

    return forge
