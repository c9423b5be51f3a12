"""How files would be imported: their formats, some calls as they would be stored, and what would be left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypedDict

from fine_tuning.data_io.dialects.messages_in_text import listed_messages
from fine_tuning.data_io.messages import Message, Tool, messages_of_example
from fine_tuning.data_io.sources import RawRow
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.row_problems import untrainable
from fine_tuning.distillation.row_reader import Import, ReadCall
from fine_tuning.store.records.rows import JsonColumn

SAMPLES = 3  # calls of each format


class SampledCall(TypedDict):
    """A call as it would be stored."""

    format: str
    file: str
    line: int
    messages: list[Message]
    tools: list[Tool] | None
    rejected: list[Message] | None
    rating: int
    domain: str
    task_type: str
    model: str
    metadata: JsonColumn


@dataclass
class ImportPreview:
    """What an import would do; nothing is stored.

    Attributes:
        report: its counts; `captured` counts every call of the rows once, also one that is stored already.
        samples: the first calls of each format.
        reasons: how many rows would be rejected for each reason.
        unread_messages: calls whose answer is kept as text that is JSON of a list of messages.
        untrainable: how many calls would be stored, and refused when a dataset is built from them, for each reason.
    """

    report: ImportReport
    samples: list[SampledCall] = field(default_factory=list)
    unread_messages: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    untrainable: Counter[str] = field(default_factory=Counter)


def preview(rows: Iterable[RawRow], defaults: Defaults) -> ImportPreview:
    """Read rows as an import would, without storing them; see `DistillationDataCollector.preview_files`."""
    run = Import(defaults, rows)
    found = ImportPreview(run.report)
    seen: set[str] = set()
    sampled: Counter[str] = Counter()
    for call in run.all_calls():
        if call.better["id"] in seen:
            run.report.duplicates += 1
            continue
        seen.add(call.better["id"])
        run.report.captured += 1
        run.report.preferences += call.worse is not None
        found.untrainable.update({f"{each.code}: {each.message}" for each in untrainable(call.better, call.worse)})
        found.unread_messages += listed_messages(messages_of_example(call.better)[-1].get("content")) is not None
        sampled[call.format] += 1
        if sampled[call.format] <= SAMPLES:
            found.samples.append(_sample(call))
    found.reasons.update(row["reason"] for row in run.report.rejected)
    return found


def _sample(call: ReadCall) -> SampledCall:
    record = call.better
    return {
        "format": call.format,
        "file": call.file,
        "line": call.line,
        "messages": messages_of_example(record),
        "tools": record["tools"],
        "rejected": None if call.worse is None else messages_of_example(call.worse)[-1:],
        "rating": record["rating"],
        "domain": record["domain"],
        "task_type": record["task_type"],
        "model": record["model_used"],
        "metadata": record["metadata"],
    }
