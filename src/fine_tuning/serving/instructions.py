"""Instructions that are put before every conversation, and the model that is asked with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fine_tuning._util.files import atomic_write, make_folder, read_json, write_json
from fine_tuning.errors import DataError
from fine_tuning.serving.chat_types import Messages
from fine_tuning.serving.part_model import PartModel

SETTINGS, TEXT = "prompt.json", "prompt.txt"
MAX_BYTES = 4 << 20  # of instructions, far above what any model reads before each question
ROLES = ("system", "developer")


def instructed(messages: Messages, text: str) -> list[Mapping[str, object]]:
    """The conversation with these instructions in place of its own."""
    rest = [message for message in messages if message.get("role") not in ROLES]
    return [{"role": "system", "content": text}, *rest]


@dataclass(frozen=True)
class Instructions:
    """Attributes: text: the system message; part: the model that is asked."""

    text: str
    part: PartModel

    def before(self, messages: Messages) -> list[Mapping[str, object]]:
        """The conversation as the model is asked it."""
        return instructed(messages, self.text)

    def save(self, folder: Path) -> None:
        """Write both; nothing in them is code.

        Raises:
            ConflictError: see `PartModel.settings`.
        """
        write_json(folder / SETTINGS, {"asked": self.part.settings(make_folder(folder))})
        with atomic_write(folder / TEXT) as out:
            out.write(self.text)

    @classmethod
    def load(cls, folder: Path) -> Instructions:
        """What a folder holds.

        Raises:
            DataError: it is damaged.
        """
        try:
            found: dict[str, Any] = read_json(folder / SETTINGS)
            text = _read(folder / TEXT)
            part = PartModel.read(found["asked"], folder)
        except DataError:
            raise
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(f"{folder.name} is no prompt that can be loaded: {type(error).__name__}") from None
        if not text.strip():
            raise DataError(f"{folder.name} is no prompt that can be loaded: it is empty")
        return cls(text, part)


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path.parent.name} has instructions of more than {MAX_BYTES >> 20} MiB")
    return path.read_text(encoding="utf-8")


def is_instructed(folder: Path) -> bool:
    """Whether a folder holds instructions for a model."""
    return (folder / SETTINGS).is_file()
