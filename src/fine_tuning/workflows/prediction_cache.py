"""Predictions kept on disk, so that an interrupted evaluation resumes and repeated calls are not paid again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fine_tuning._util.files import make_folder, translated_os_errors
from fine_tuning.workflows.evaluation_questions import Prediction, Question


def kept_note(predictions: Sequence[Prediction], what: str = "predictions") -> str:
    """How many predictions are of earlier runs, since when, and of which model; empty where none is."""
    kept = [each for each in predictions if each.is_cached]
    if not kept:
        return ""
    times = [each.answered_at for each in kept if each.answered_at is not None]
    since = f", the oldest of {datetime.fromisoformat(min(times)):%Y-%m-%d %H:%M} UTC" if times else ""
    models = sorted({each.served_by for each in kept if each.served_by is not None})
    by = f", answered by {', '.join(models)}" if models else ""
    return f"{len(kept):,} {what} are from earlier runs{since}{by}"


class PredictionCache:
    """The predictions of one model with one set of options, one JSON line each."""

    def __init__(
        self, folder: Path, model: Mapping[str, object], options: Mapping[str, object], *, fresh: bool
    ) -> None:
        """Open the cache.

        Args:
            folder: of all caches; made if needed.
            model: `LLMService.get_config()`.
            options: of the calls, such as max_tokens.
            fresh: ignore the predictions of earlier runs.
        """
        key = {name: model[name] for name in ("provider", "provider_model", "version")}
        self._file = make_folder(folder) / f"{_hash([key, dict(options)])[:24]}.jsonl"
        self._known = {} if fresh else dict(self._read())

    def _read(self) -> Iterator[tuple[str, Prediction]]:
        if not self._file.is_file():
            return
        for line in self._file.read_text("utf-8", "replace").split("\n"):  # texts may hold other line separators
            try:
                row = json.loads(line)
                yield (
                    row["question"],
                    Prediction(
                        row["text"],
                        None,
                        row["latency_ms"],
                        row["cost"],
                        served_by=row.get("served_by"),
                        answered_at=row.get("answered_at"),
                        is_cached=True,
                    ),
                )
            except (ValueError, KeyError, TypeError, RecursionError):
                continue  # the last line of a run that was killed

    def find(self, question: Question) -> Prediction | None:
        """The prediction of an earlier run."""
        return self._known.get(_key(question))

    def add(self, question: Question, prediction: Prediction) -> None:
        """Keep a prediction; a failed call is not kept, so that it is repeated next time."""
        if prediction.error is not None:
            return
        row = {
            "question": _key(question),
            "text": prediction.text,
            "latency_ms": prediction.latency_ms,
            "cost": prediction.cost,
            "served_by": prediction.served_by,
            "answered_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with translated_os_errors(self._file, "write"), self._file.open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps(row))  # ASCII: half a surrogate pair is not UTF-8


def _key(question: Question) -> str:
    messages = list(question.messages)
    return _hash([messages, list(question.tools)] if question.tools else messages)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()
