"""Examples of a task that are put before a question: those whose questions are nearest to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fine_tuning._util.files import atomic_write, make_folder, read_json, write_json
from fine_tuning._util.library_errors import library_errors
from fine_tuning.data_io.messages import content_text
from fine_tuning.errors import DataError
from fine_tuning.serving.chat_types import Messages
from fine_tuning.serving.embedding.embedder import Embedder, Vectors, unit_length, vectors_of
from fine_tuning.serving.embedding.embedding_models import BUILT_IN, open_embedder
from fine_tuning.serving.part_model import PartModel

_TELLING = 1 << 15  # first characters of a question, by which examples are found
SETTINGS, EXAMPLES = "few_shot.json", "examples.jsonl"


class Example(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class RetrievedExamples:
    """Chooses examples for a question.

    Attributes:
        vectors: of the questions, of unit length, of the shape (examples, dimensions).
        shots: examples before a question; the nearest comes last.
    """

    examples: Sequence[Example]
    vectors: Vectors
    embedder: Embedder
    shots: int

    @classmethod
    def of(cls, examples: Sequence[Example], embedder: Embedder, shots: int) -> RetrievedExamples:
        """Embed the questions of the examples."""
        vectors = vectors_of(embedder, [each.question for each in examples])
        return cls(examples, unit_length(vectors), embedder, shots)

    def before(self, messages: Messages) -> list[Mapping[str, object]]:
        """The conversation with examples before its last message, as turns.

        A conversation whose last message has no text of its own, such as an image alone, stays as it is.
        """
        question = content_text(messages[-1].get("content"))[:_TELLING] if messages else ""
        if not question.strip():
            return [*messages]
        (vector,) = unit_length(self.embedder.embed([question]).vectors)
        near = np.argsort(self.vectors @ vector, kind="stable")[-self.shots :]
        turns: list[Mapping[str, object]] = []
        for each in (self.examples[at] for at in near):
            turns += [{"role": "user", "content": each.question}, {"role": "assistant", "content": each.answer}]
        return [*messages[:-1], *turns, messages[-1]]


@dataclass(frozen=True)
class FewShotSettings:
    """What a folder says beside its examples.

    Attributes:
        part: the model that is asked.
        embedding: the built-in model by which examples are found.
    """

    shots: int
    part: PartModel
    embedding: str

    def save(self, examples: Sequence[Example], folder: Path) -> None:
        """Write both; nothing in them is code.

        Raises:
            ConflictError: see `PartModel.settings`.
        """
        part = self.part.settings(make_folder(folder))
        write_json(folder / SETTINGS, {"shots": self.shots, "embedding": self.embedding, "asked": part})
        with atomic_write(folder / EXAMPLES) as out:
            out.writelines(f"{json.dumps(each._asdict(), ensure_ascii=False)}\n" for each in examples)


def is_few_shot(folder: Path) -> bool:
    """Whether a folder holds a prompt with examples."""
    return (folder / SETTINGS).is_file()


def load_few_shot(folder: Path) -> tuple[FewShotSettings, RetrievedExamples]:
    """The settings and examples of a folder.

    Raises:
        DataError: they are damaged.
        MissingDependencyError: the `serve` extra is not installed.
    """
    settings, examples = read_few_shot(folder)
    return settings, RetrievedExamples.of(examples, open_embedder(settings.embedding), settings.shots)


def read_few_shot(folder: Path) -> tuple[FewShotSettings, list[Example]]:
    """What a folder says, without what finds examples.

    Raises:
        DataError: it is damaged.
    """
    with library_errors(f"{folder.name} is no prompt with examples that can be loaded", "save or fetch it again"):
        settings, examples = _read(folder)
    if settings.embedding not in BUILT_IN or settings.shots < 1 or not examples:
        raise DataError(f"{folder.name} is no prompt with examples that can be loaded: a value is out of its range")
    return settings, examples


def _read(folder: Path) -> tuple[FewShotSettings, list[Example]]:
    found: dict[str, Any] = read_json(folder / SETTINGS)
    part = PartModel.read(found["asked"], folder)
    with (folder / EXAMPLES).open(encoding="utf-8") as lines:
        examples = [Example(**json.loads(line)) for line in lines]
    if not all(isinstance(text, str) for each in examples for text in each):
        raise DataError(f"{folder.name} has an example that is no text")
    return FewShotSettings(int(found["shots"]), part, str(found["embedding"])), examples
