"""Fields of answers that are copied from the question, as they are or word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from fine_tuning.candidates.linear_machine import linear
from fine_tuning.serving.heads.answer_shape import MIN_SHARE, is_label, written_as
from fine_tuning.serving.heads.span_layer import SpanLayer, pattern_of, tags_of, token_features
from fine_tuning.serving.heads.span_writer import SpanWriter, aligned, is_rewritten
from fine_tuning.serving.heads.text_tokens import tokens_of

MIN_LABELS = 20  # distinct values from which on copied text is read as such, though it may also be a label
MAX_PATTERNS = 50  # of a field whose spans are alike
STRENGTH = 1.0


class CopiedField(NamedTuple):
    """What finds and writes the value."""

    spans: SpanLayer
    writer: SpanWriter
    is_number: bool


def copied_field(values: Sequence[str], texts: Sequence[str]) -> CopiedField | None:
    """The field whose values stand in the texts; None where few do, or where they are better read as labels.

    Values that are neither text nor a number, such as null, are not looked for.

    Args:
        values: as JSON texts.
    """
    given = [(at, span) for at, value in enumerate(values) if (span := written_as(value))]
    if not given or (is_label([values[at] for at, _ in given]) and len({span for _, span in given}) <= MIN_LABELS):
        return None
    found = {at: span if tags_of(tokens_of(texts[at]), texts[at], span) is not None else None for at, span in given}
    writer = SpanWriter({})
    if _share(found) < MIN_SHARE:
        if not is_rewritten([span for _, span in given]):
            return None
        found = {at: aligned(span, tokens_of(texts[at]), texts[at]) for at, span in given}
        if _share(found) < MIN_SHARE:
            return None
        known = [(span, part) for at, span in given if (part := found[at]) is not None]
        writer = SpanWriter.learnt([span for span, _ in known], [part for _, part in known])
    if not any(found.values()):
        return None
    numbers = sum(not values[at].startswith('"') for at, _ in given)
    absent = {at: "" for at in range(len(values)) if at not in found}
    return CopiedField(_spans(texts, {**absent, **found}), writer, 2 * numbers > len(given))


def _share(found: dict[int, str | None]) -> float:
    return sum(each is not None for each in found.values()) / len(found)


def _spans(texts: Sequence[str], found: dict[int, str | None]) -> SpanLayer:
    """Learn where spans stand; one that is empty stands nowhere, one that is None is not known."""
    rows, tags, patterns = [], list[int](), Counter[str]()
    for at, span in sorted(found.items()):
        tokens = tokens_of(texts[at])
        marked = None if span is None else tags_of(tokens, texts[at], span) if span else [0] * len(tokens)
        if tokens and marked is not None:
            rows.append(token_features(tokens))
            tags += marked
            patterns[pattern_of(token for token, tag in zip(tokens, marked, strict=True) if tag)] += 1
    del patterns[""]
    weights, bias = linear(sparse.vstack(rows, "csr"), np.asarray(tags), 3, STRENGTH)
    return SpanLayer(weights, bias, frozenset(patterns if len(patterns) <= MAX_PATTERNS else ()))
