"""Fits a classifier head to labelled calls, and chooses its settings on validation data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np

from fine_tuning.candidates.candidate import LabelledCall
from fine_tuning.candidates.copied_fields import CopiedField, copied_field
from fine_tuning.candidates.linear_machine import linear
from fine_tuning.data_io.messages import content_text
from fine_tuning.errors import DataError
from fine_tuning.serving.embedding.embedder import Embedder
from fine_tuning.serving.embedding.embedding_models import open_embedder
from fine_tuning.serving.heads.answer_shape import AnswerShape, FieldPath, is_label, written_as
from fine_tuning.serving.heads.classifier_head import COPIED, ClassifierHead, FieldLayers
from fine_tuning.serving.heads.label_layer import LabelLayer, sharpness_of
from fine_tuning.serving.heads.text_features import Features, TextFeatures, Weights

SCALES = (1.0, 2.0)  # of the embeddings beside TF-IDF
STRENGTHS = (0.3, 1.0)  # inverse strengths of the regularization
MIN_CALLS = 20
Column = Sequence[str]  # a value, as a JSON text, for each call


@dataclass(frozen=True)
class _Rows:
    """The texts of calls, and the values of each field of their answers."""

    texts: Sequence[str]
    columns: Mapping[FieldPath, Column]


class _Blocks(NamedTuple):
    """The features of texts before they are joined at a scale."""

    counted: Features
    embedded: Weights | None


@dataclass(frozen=True)
class _Settings:
    scale: float
    strength: float


class FittedHead(NamedTuple):
    """A head that has learnt from the training calls alone, and one of the same settings that knows all calls.

    Confidences are calibrated for the first, and the second has its calibration.
    """

    validated: ClassifierHead
    final: ClassifierHead


def fit_head(train: Sequence[LabelledCall], valid: Sequence[LabelledCall], embedding: str | None) -> FittedHead:
    """The head that answers the calls of `valid` best.

    Args:
        embedding: the name of an embedding model or the path of an encoder's folder; None for TF-IDF alone.

    Raises:
        DataError: there are too few calls, or the answers are neither labels nor copied from their questions.
        UsageError: a call has something other than text.
        MissingDependencyError: an extra is not installed.
    """
    if len(train) < MIN_CALLS or not valid:
        raise DataError(
            f"a classifier head needs {MIN_CALLS} calls to learn from, and some to validate; has {len(train)}"
        )
    shape = AnswerShape.of([call.answer for call in train])
    embedder = None if embedding is None else open_embedder(embedding)
    reader = ClassifierHead(
        shape, {}, TextFeatures({}, embedder), reads_system=_systems(train) > 1, embedding=embedding
    )
    known, held_out = _rows(reader, train), _rows(reader, valid)
    spans = _spans(known)
    _refuse_free_text(known, spans)
    marked, checked_rows = _marked(known, spans), _marked(held_out, spans)
    features = _features(known.texts, embedder)
    learnt, checked = _Blocks(*features.blocks(known.texts)), _Blocks(*features.blocks(held_out.texts))
    tried = [_Settings(*each) for each in product(SCALES if embedding is not None else SCALES[:1], STRENGTHS)]
    layers = {each: _layers(each, features, (marked, learnt), (checked_rows, checked)) for each in tried}
    best = max(tried, key=lambda each: _right(layers[each], replace(features, scale=each.scale), checked_rows, checked))
    validated = replace(reader, fields=_fields(layers[best], spans), features=replace(features, scale=best.scale))
    return FittedHead(validated, _on_all(validated, _rows(reader, [*train, *valid]), best))


def _on_all(head: ClassifierHead, rows: _Rows, settings: _Settings) -> ClassifierHead:
    """The head with the same settings and calibration, fitted to all rows."""
    features = replace(_features(rows.texts, head.features.embedder), scale=settings.scale)
    found = _spans(rows)
    spans = {path: found[path] for path, layers in head.fields.items() if layers.spans is not None and path in found}
    blocks = features.joined(*features.blocks(rows.texts))
    layers = {
        path: replace(_label_layer(blocks, column, settings.strength), sharpness=head.fields[path].labels.sharpness)
        for path, column in _marked(rows, spans).columns.items()
    }
    return replace(head, fields=_fields(layers, spans), features=features)


def _spans(rows: _Rows) -> dict[FieldPath, CopiedField]:
    found = {path: copied_field(column, rows.texts) for path, column in rows.columns.items()}
    return {path: each for path, each in found.items() if each is not None}


def _fields(
    layers: Mapping[FieldPath, LabelLayer], spans: Mapping[FieldPath, CopiedField]
) -> dict[FieldPath, FieldLayers]:
    return {
        path: FieldLayers(layer, *spans[path]) if path in spans else FieldLayers(layer)
        for path, layer in layers.items()
    }


def _features(texts: Sequence[str], embedder: Embedder | None) -> TextFeatures:
    try:
        return TextFeatures.fit(texts, embedder)
    except ValueError:
        raise DataError("the questions have no words to classify them by") from None


def _systems(calls: Sequence[LabelledCall]) -> int:
    """How many different system prompts there are."""
    found = {
        content_text(message.get("content"))
        for call in calls
        for message in call.request.messages
        if message.get("role") in {"system", "developer"}
    }
    return len(found)


def _rows(reader: ClassifierHead, calls: Sequence[LabelledCall]) -> _Rows:
    """The calls whose answers have the shape."""
    found = [(reader.text_of(call.request.messages), reader.shape.values(call.answer)) for call in calls]
    kept = [(text, values) for text, values in found if values is not None]
    columns = {path: [values[path] for _, values in kept] for path in reader.shape.paths}
    return _Rows([text for text, _ in kept], columns)


def _refuse_free_text(rows: _Rows, spans: Mapping[FieldPath, CopiedField]) -> None:
    for path, column in rows.columns.items():
        if path not in spans and not is_label(column):
            name = ".".join(path) or "the answer"
            raise DataError(
                f"{name} is free text: {len(set(column)):,} of {len(column):,} values differ, and are not copied"
            )


def _marked(rows: _Rows, spans: Mapping[FieldPath, CopiedField]) -> _Rows:
    """The rows with `COPIED` in place of what is a span."""
    marked = {
        path: [COPIED if written_as(value) else value for value in column] if path in spans else column
        for path, column in rows.columns.items()
    }
    return replace(rows, columns=marked)


def _layers(
    settings: _Settings, features: TextFeatures, known: tuple[_Rows, _Blocks], held_out: tuple[_Rows, _Blocks]
) -> dict[FieldPath, LabelLayer]:
    scaled = replace(features, scale=settings.scale)
    learnt, checked = scaled.joined(*known[1]), scaled.joined(*held_out[1])
    return {
        path: _layer(learnt, column, checked, held_out[0].columns[path], settings.strength)
        for path, column in known[0].columns.items()
    }


def _layer(learnt: Features, column: Column, checked: Features, held_out: Column, strength: float) -> LabelLayer:
    layer = _label_layer(learnt, column, strength)
    places = {label: at for at, label in enumerate(layer.labels)}
    seen = [at for at, each in enumerate(held_out) if each in places]
    scores = layer.scores(checked[seen]) if seen else np.zeros((0, len(places)))
    return replace(layer, sharpness=sharpness_of(scores, [places[held_out[at]] for at in seen]))


def _label_layer(learnt: Features, column: Column, strength: float) -> LabelLayer:
    labels = tuple(sorted(set(column)))
    places = {label: at for at, label in enumerate(labels)}
    weights, bias = linear(learnt, np.asarray([places[each] for each in column]), len(labels), strength)
    return LabelLayer(labels, weights, bias)


def _right(layers: Mapping[FieldPath, LabelLayer], features: TextFeatures, held_out: _Rows, checked: _Blocks) -> float:
    """The share of held-out calls of which all labels are right."""
    rows = features.joined(*checked)
    right = np.ones(len(held_out.texts), bool)
    for path, layer in layers.items():
        found = layer.scores(rows).argmax(axis=1)
        right &= np.asarray([layer.labels[at] for at in found]) == np.asarray(held_out.columns[path])
    return float(right.mean()) if len(right) else 0.0
