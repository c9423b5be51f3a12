"""What `ft-cli capture import --dry-run` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fine_tuning.commands import output
from fine_tuning.data_io.messages import Message

if TYPE_CHECKING:
    from fine_tuning.distillation.import_preview import ImportPreview, SampledCall

MAX_TEXT = 160  # characters of a message
MAX_REASONS = 10


def print_preview(names: str, preview: ImportPreview) -> None:
    """The counts, some calls, and the reasons for which rows would be left out."""
    report = preview.report
    facts = {
        "formats detected": output.counts(report.formats),
        "files read as": output.counts(report.assumed),
        "read": report.read,
        "would be captured": report.captured,
        "duplicates": report.duplicates,
        "preference pairs": report.preferences or None,
        **report.unread,
        "left out by field": output.counts(report.left_out_by),
        "columns kept as metadata": output.counts(report.unread_columns),
        "answers kept as text": f"{preview.unread_messages} (they are JSON of messages)"
        if preview.unread_messages
        else None,
        "keys of messages not read": output.counts(report.unread_keys),
        "cut off": f"{report.cut_off} (datasets are built without them)" if report.cut_off else None,
        "rejected": len(report.rejected),
    }
    shown = {name: value for name, value in facts.items() if value not in (None, "")}
    output.print_facts(f"Dry run of {names}: nothing was stored", shown)
    for sample in preview.samples:
        _print_sample(sample)
    first = {row["reason"]: f"{Path(row['file']).name}:{row['line']}" for row in reversed(report.rejected)}
    _print_reasons("Rejected", preview.reasons, first)
    _print_reasons("Stored, but not fit for training", preview.untrainable, {})


def _print_sample(sample: SampledCall) -> None:
    model, rating = sample["model"], sample["rating"]
    output.echo(f"{sample['file']}, line {sample['line']} ({sample['format']}, model {model}, rated {rating})")
    if sample["tools"]:
        output.echo(f"  tools      {', '.join(str(tool.get('function', {}).get('name')) for tool in sample['tools'])}")
    for message in sample["messages"]:
        _print_message(message["role"], message)
    for message in sample["rejected"] or ():
        _print_message("rejected", message)
    output.echo()


def _print_message(label: str, message: Message) -> None:
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    lines = [str(part.get("text", "")) if part.get("type") == "text" else f"[{part.get('type')}]" for part in parts]
    lines += [
        f"calls {call['function']['name']} {call['function']['arguments']}" for call in message.get("tool_calls", [])
    ]
    for number, line in enumerate(filter(None, lines)):
        output.echo(f"  {'' if number else label:<10} {_short(line)}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 3]}..."


def _print_reasons(title: str, reasons: Counter[str], first: Mapping[str, str]) -> None:
    """Print how many rows have each reason, and the first row of those in `first`."""
    if not reasons:
        return
    named = [(count, first.get(reason, ""), reason) for reason, count in reasons.most_common(MAX_REASONS)]
    if first:
        output.print_table(title, ["Rows", "First row", "Reason"], named)
    else:
        output.print_table(title, ["Rows", "Reason"], [(count, reason) for count, _, reason in named])
    if len(reasons) > MAX_REASONS:
        output.echo(f"  ... and {len(reasons) - MAX_REASONS} more reasons; --json lists them all")
