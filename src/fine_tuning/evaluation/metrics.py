"""The metrics by name; each scores a prediction against its reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from math import inf, nan
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

from fine_tuning._util.files import read_json
from fine_tuning.errors import MissingDependencyError, UsageError
from fine_tuning.evaluation import (
    bleu_chrf_ter,
    edit_similarity,
    embedding_similarity,
    exact_match,
    json_match,
    numeric_match,
    regex_match,
    rouge,
    substring_match,
    token_f1,
    tool_call_match,
)
from fine_tuning.evaluation.tool_call_match import Calls

Score = Callable[[str, str], float]
Interval = tuple[float, float]


class Metric(NamedTuple):
    """A metric.

    Attributes:
        kind: scores are binary (0 or 1), bounded or real.
        bounds: lowest and highest score, if there are bounds.
        score: scores a prediction against its reference; a missing library raises MissingDependencyError.
        higher_is_better: False for error rates.
        corpus: the kind by which `bleu_chrf_ter` scores a test set; None if that is the mean of the scores.
        has_reference: False for a check of the form alone, of which a right form may be a wrong answer.
    """

    kind: Literal["binary", "bounded", "real"]
    bounds: Interval | None
    score: Score
    higher_is_better: bool = True
    corpus: str | None = None
    has_reference: bool = True


@lru_cache(maxsize=64)
def find(name: str) -> Metric:
    """A metric by its name; `numeric:0.01` sets a tolerance, `json_schema:FILE` names a schema.

    Raises:
        UsageError: there is no such metric, or its option after the colon is missing or wrong.
    """
    plain, _, option = name.partition(":")
    if plain == "json_schema":
        return _of_form(partial(_conforms, file=option)) if option else _needs_file(plain)
    if plain == "numeric" and option:
        try:
            tolerance = float(option)
        except ValueError:
            tolerance = nan
        if not 0 <= tolerance < inf:
            raise UsageError(f"numeric takes a tolerance such as numeric:0.01, not {option!r}")
        return _of_words(_binary(partial(numeric_match.matches, tolerance=tolerance)))
    if name not in _METRICS:
        raise UsageError(f"unknown metric {name!r}; use one of {', '.join(names())}")
    return _METRICS[name]


def names() -> list[str]:
    """Every metric that `find` knows."""
    return sorted([*_METRICS, "json_schema:FILE"])


def _needs_file(name: str) -> NoReturn:
    raise UsageError(f"{name} takes a file: {name}:FILE")


def check(name: str) -> None:
    """Check that a metric can be used before any paid call.

    Raises:
        UsageError, NotFoundError, DataError: there is no such metric, or its schema cannot be read.
        MissingDependencyError: see `find`.
    """
    metric = find(name)
    if name.startswith("json_schema"):
        metric.score("{}", "")
    elif name != "judge":
        with suppress(UsageError):  # "1" is not a valid reference of every metric
            metric.score("1", "1")


def check_references(name: str, references: Sequence[str | None]) -> None:
    """Check that a metric of right and wrong answers can read all references, before any paid call.

    Raises:
        UsageError: it cannot; the message says which is the first.
    """
    metric = find(name)
    if metric.kind != "binary" or not metric.has_reference or name == "judge":
        return
    for number, reference in enumerate(references, 1):
        try:
            metric.score(reference or "", reference or "")
        except UsageError as error:
            raise UsageError(f"question {number:,}, {name}: {error}") from None


def _conforms(prediction: str, _reference: str, file: str) -> bool:
    return json_match.conforms(prediction, _schema(file))


@lru_cache(maxsize=16)
def _schema(file: str) -> object:
    return read_json(Path(file))


def _judge(_prediction: str, _reference: str) -> float:
    raise UsageError("the judge is a model: name it with --judge, or grade with judging.grades")


def _of_words(metric: Metric, *, of_json: bool = False) -> Metric:
    """A metric of texts, which compares tool calls as calls: another function is a wrong answer, however alike.

    Other arguments are a wrong answer where there are only right and wrong ones, else below the best score.

    Args:
        of_json: the metric reads JSON, which it tells apart by itself.
    """
    low, high = metric.bounds or (0.0, 1.0)

    def score(prediction: str, reference: str) -> float:
        found = tool_call_match.compare(prediction, reference)
        if found is None:
            return metric.score(prediction, reference)
        if found is Calls.OTHER_ARGUMENTS and metric.kind != "binary":
            text = prediction if of_json else tool_call_match.as_text(prediction, reference)
            return metric.score(text, reference)
        return high if found is Calls.SAME else low

    return metric._replace(score=score)


def _binary(matches: Callable[..., bool]) -> Metric:
    return Metric(
        "binary", (0.0, 1.0), lambda prediction, reference: float(_with_library(matches, prediction, reference))
    )


def _of_form(matches: Callable[..., bool]) -> Metric:
    return _binary(matches)._replace(has_reference=False)


def _bounded(score: Callable[..., float], low: float = 0.0, high: float = 1.0, corpus: str | None = None) -> Metric:
    return Metric("bounded", (low, high), partial(_with_library, score), corpus=corpus)


def _with_library(score: Callable[..., float], prediction: str, reference: str) -> float:
    try:
        return score(prediction, reference)
    except ImportError as error:
        raise MissingDependencyError(error.name or "a library", "evaluate", "this metric") from error


_METRICS: dict[str, Metric] = {
    "exact_match": _of_words(_binary(exact_match.matches)),
    "substring_match": _of_words(_binary(substring_match.matches)),
    "token_f1": _of_words(_bounded(token_f1.score)),
    "edit_similarity": _of_words(_bounded(edit_similarity.score)),
    **{kind: _of_words(_bounded(partial(rouge.score, kind=kind))) for kind in ("rouge1", "rouge2", "rougeL")},
    "bleu": _bounded(partial(bleu_chrf_ter.score, kind="bleu"), 0.0, 100.0, "bleu"),
    "chrf": _bounded(partial(bleu_chrf_ter.score, kind="chrf"), 0.0, 100.0, "chrf"),
    "ter": Metric(
        "real",
        None,
        partial(_with_library, partial(bleu_chrf_ter.score, kind="ter")),
        higher_is_better=False,
        corpus="ter",
    ),
    "numeric": _of_words(_binary(numeric_match.matches)),
    "regex": _binary(regex_match.matches),
    "json_valid": _of_form(lambda prediction, _: json_match.is_valid(prediction)),
    "json_field_f1": _of_words(_bounded(json_match.field_f1), of_json=True),
    "tool_calls": _binary(tool_call_match.matches),
    "embedding_similarity": _of_words(_bounded(embedding_similarity.score, -1.0, 1.0)),
    "judge": _bounded(_judge),
}
