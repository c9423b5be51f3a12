"""A classifier head: features of a text, a layer for each field of the answer, and how the answer is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fine_tuning._util.files import make_folder, read_json, write_json
from fine_tuning._util.library_errors import library_errors
from fine_tuning.base_models.safetensors_header import read_header
from fine_tuning.data_io import strict_json
from fine_tuning.data_io.messages import content_text
from fine_tuning.errors import ContextLengthError, DataError, MissingDependencyError, NotFoundError, UsageError
from fine_tuning.serving.embedding.embedding_models import BUILT_IN, open_embedder
from fine_tuning.serving.heads.answer_shape import ABSENT, INDENTS, AnswerShape, FieldPath, JsonStyle
from fine_tuning.serving.heads.label_layer import LabelLayer, Probabilities
from fine_tuning.serving.heads.span_layer import SpanLayer, TokenizedText
from fine_tuning.serving.heads.span_writer import SpanWriter
from fine_tuning.serving.heads.text_features import TextFeatures, Weights
from fine_tuning.serving.heads.text_tokens import tokens_of

SETTINGS, TENSORS, ENCODER = "head.json", "head.safetensors", "encoder"
FORMAT = 1
MAX_CHARACTERS = 1 << 17  # of a conversation
MAX_TOKENS = 1 << 15  # of one that spans are copied from, each with dozens of features
AS_IT_IS = SpanWriter({})
_TRIAL = "a first try, of 10 words: Anna paid $5 (twice)."
COPIED = "copied"  # in place of a label, which is a JSON text: the value is a span of the text


class HeadAnswer(NamedTuple):
    """An answer and the probability, by the head itself, that all its fields are right."""

    text: str
    confidence: float


@dataclass(frozen=True)
class FieldLayers:
    """What finds the value of a field.

    Attributes:
        labels: of the field; `COPIED` among them where it may be a span.
        spans: finds the span.
        writer: writes the span as the value.
        is_number: whether the value is a number, not a text.
    """

    labels: LabelLayer
    spans: SpanLayer | None = None
    writer: SpanWriter = AS_IT_IS
    is_number: bool = False


@dataclass(frozen=True)
class ClassifierHead:
    """Answers texts.

    Attributes:
        fields: by their paths, as `shape` has them.
        reads_system: whether system messages, which differ, are a part of the text.
        embedding: the name of the embedding model, the path of an encoder's folder, or None.
    """

    shape: AnswerShape
    fields: Mapping[FieldPath, FieldLayers]
    features: TextFeatures
    reads_system: bool = False
    embedding: str | None = None

    def answers(self, texts: Sequence[str]) -> list[HeadAnswer]:
        """The answer to each text.

        Raises:
            ContextLengthError: a text is longer than a head reads, since its features take many times its size.
        """
        if not texts:
            return []
        if (longest := max(map(len, texts))) > MAX_CHARACTERS:
            raise ContextLengthError(f"a classifier head reads {MAX_CHARACTERS:,} characters; this has {longest:,}")
        rows = self.features.rows(texts)
        found = {path: layers.labels.probabilities(rows) for path, layers in self.fields.items()}
        return [self._answer(text, {path: each[at] for path, each in found.items()}) for at, text in enumerate(texts)]

    def text_of(self, messages: Sequence[Mapping[str, object]]) -> str:
        """What the head reads of a conversation.

        Raises:
            UsageError: a message has something other than text.
        """
        texts = []
        for message in messages:
            if message.get("role") in {"system", "developer"} and not self.reads_system:
                continue
            content = message.get("content")
            if not _is_text(content) or message.get("tool_calls"):
                raise UsageError("a classifier head reads text only: no images, audio, files or calls of tools")
            texts.append(content_text(content))
        return "\n".join(texts)

    def _answer(self, text: str, probabilities: Mapping[FieldPath, Probabilities]) -> HeadAnswer:
        values, confidence = {}, 1.0
        has_spans = any(layers.spans is not None for layers in self.fields.values())
        tokens = tokens_of(text) if has_spans else []
        if len(tokens) > MAX_TOKENS:
            counted = f"{MAX_TOKENS:,} words; this has {len(tokens):,}"
            raise ContextLengthError(f"a classifier head that copies reads {counted}")
        read = TokenizedText.of(text, tokens)
        for path, layers in self.fields.items():
            values[path], probability = _value(layers, probabilities[path], read)
            confidence *= probability
        return HeadAnswer(self.shape.answer(values), confidence)

    def save(self, folder: Path) -> None:
        """Write the head into a folder, with the encoder that it needs; nothing in it is code.

        Raises:
            MissingDependencyError: safetensors is not installed.
        """
        make_folder(folder)
        embedding = self.embedding
        if embedding is not None and embedding not in BUILT_IN:
            shutil.copytree(Path(embedding).expanduser(), folder / ENCODER, dirs_exist_ok=True)
            embedding = ENCODER
        tensors = self.features.tensors()
        for number, layers in enumerate(self.fields.values()):
            tensors |= {f"{number}.labels.weights": layers.labels.weights, f"{number}.labels.bias": layers.labels.bias}
            if layers.spans is not None:
                tensors |= {f"{number}.spans.weights": layers.spans.weights, f"{number}.spans.bias": layers.spans.bias}
        _save_file({name: np.ascontiguousarray(each, np.float32) for name, each in tensors.items()}, folder / TENSORS)
        style = self.shape.style
        settings = {
            "format": FORMAT,
            "reads_system": self.reads_system,
            "embedding": embedding,
            "style": None if style is None else vars(style),
            "features": self.features.settings(),
            "fields": [_field_settings(path, layers) for path, layers in self.fields.items()],
        }
        write_json(folder / SETTINGS, settings)


def is_head(folder: Path) -> bool:
    """Whether a folder holds a classifier head."""
    return (folder / SETTINGS).is_file()


def load_head(folder: Path) -> ClassifierHead:
    """The head that was saved in a folder.

    Raises:
        DataError: its files are damaged, or of a newer version.
        MissingDependencyError: an extra is not installed.
    """
    unusable = f"{folder.name} is no classifier head that can be loaded"
    try:
        with library_errors(unusable, "save or fetch it again"):
            found = _loaded(folder)
            found.answers([_TRIAL])
    except NotFoundError as error:
        raise DataError(f"{unusable}: {error}") from None
    return found


def _loaded(folder: Path) -> ClassifierHead:
    settings: dict[str, Any] = read_json(folder / SETTINGS)
    read_header(folder / TENSORS)
    if settings["format"] != FORMAT:
        raise DataError(f"{folder.name} has the format {settings['format']}; this version reads {FORMAT}")
    tensors = _load_file(folder / TENSORS)
    embedding = settings["embedding"]
    if embedding is not None and embedding not in (*BUILT_IN, ENCODER):
        raise DataError(f"{folder.name} names the embedding model {embedding}, which is not beside it")
    place = str(folder / ENCODER) if embedding == ENCODER else embedding
    features = TextFeatures.of_files(settings["features"], tensors, None if place is None else open_embedder(place))
    style = settings["style"]
    fields = {tuple(each["path"]): _field(each, number, tensors) for number, each in enumerate(settings["fields"])}
    if any(other[: len(path)] == path for path, other in permutations(fields, 2)):
        raise ValueError("a path within a value")
    shape = AnswerShape(
        tuple(fields),
        None if style is None else JsonStyle(tuple(style["separators"]), style["indent"], style["ensure_ascii"]),
    )
    if shape.style is not None and shape.style.indent not in INDENTS:
        raise ValueError("indent")
    return ClassifierHead(shape, fields, features, bool(settings["reads_system"]), place)


def _field_settings(path: FieldPath, layers: FieldLayers) -> dict[str, object]:
    return {
        "path": path,
        "labels": layers.labels.labels,
        "sharpness": layers.labels.sharpness,
        "is_copied": layers.spans is not None,
        "patterns": [] if layers.spans is None else sorted(layers.spans.patterns),
        "writer": vars(layers.writer),
        "is_number": layers.is_number,
    }


def _field(settings: Mapping[str, Any], number: int, tensors: Mapping[str, Weights]) -> FieldLayers:
    labels = LabelLayer(
        tuple(settings["labels"]),
        tensors[f"{number}.labels.weights"],
        tensors[f"{number}.labels.bias"],
        float(settings["sharpness"]),
    )
    if labels.weights.shape[1] != len(labels.labels) or labels.bias.shape != (len(labels.labels),):
        raise ValueError("labels and weights")
    if not all(map(isfinite, (labels.sharpness, *map(float, labels.bias)))):
        raise ValueError("labels and numbers")
    for label in labels.labels:
        if label not in (COPIED, ABSENT):
            strict_json.decode(label)
    if not settings["is_copied"]:
        return FieldLayers(labels)
    patterns = frozenset(map(str, settings["patterns"]))
    spans = SpanLayer(tensors[f"{number}.spans.weights"], tensors[f"{number}.spans.bias"], patterns)
    written = settings["writer"]
    if not all(isinstance(each, str) for each in (*written["words"].values(), *written["pattern"])):
        raise ValueError("words")
    writer = SpanWriter(written["words"], tuple(written["pattern"]), written["joiner"])
    return FieldLayers(labels, spans, writer, bool(settings["is_number"]))


def _value(layers: FieldLayers, probabilities: Probabilities, read: TokenizedText | None) -> tuple[str, float]:
    """The JSON text of a field's value, and its probability; a span where labels and tokens together say that it is."""
    labels, spans = layers.labels.labels, layers.spans
    if spans is None or COPIED not in labels:
        at = int(probabilities.argmax())
        return labels[at], float(probabilities[at])
    is_copied = np.asarray([label == COPIED for label in labels])
    span = None if read is None else spans.find(read)
    copied = (
        None if span is None or not span.text else _written(layers.writer.text(span.text), is_number=layers.is_number)
    )
    exists = 0.0 if span is None or copied is None else span.exists
    both = probabilities * np.where(is_copied, exists, 1 - exists)
    if not both.sum() > 0:
        return json.dumps(None), 0.0
    at = int(both.argmax())
    probability = float(both[at] / both.sum())
    if span is not None and copied is not None and is_copied[at]:
        return copied, probability * span.probability
    return labels[at], probability


def _written(span: str, *, is_number: bool) -> str | None:
    """A span as a JSON text; None of one that is no number where it has to be."""
    if not is_number:
        return json.dumps(span, ensure_ascii=False)
    try:
        found = strict_json.decode(span)
    except ValueError:
        return None
    return span if isinstance(found, int | float) and not isinstance(found, bool) else None


def _is_text(content: object) -> bool:
    if isinstance(content, str):
        return True
    return isinstance(content, Sequence) and all(
        isinstance(part, Mapping) and part.get("type") == "text" for part in content
    )


def _save_file(tensors: Mapping[str, Weights], path: Path) -> None:
    try:
        from safetensors.numpy import save_file
    except ImportError as error:
        raise MissingDependencyError("safetensors", "candidates", "a classifier head") from error
    save_file(dict(tensors), path)


def _load_file(path: Path) -> dict[str, Weights]:
    try:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError as error:
        raise MissingDependencyError("safetensors", "candidates", "a classifier head") from error
    try:
        found: dict[str, Weights] = load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path.name} is damaged: {error}") from None
    return found
