"""From another tool's log to a frozen dataset: python examples/import_from_log.py LOG [--name NAME]

LOG is a file, folder or glob in any format that `ft-cli capture import` reads: Langfuse, LiteLLM, OpenTelemetry spans,
OpenAI's stored completions, ShareGPT, Alpaca and others, as JSONL, JSON, CSV or Parquet, also compressed.
"""

from __future__ import annotations

import sys

import typer

from fine_tuning import DatasetBuilder, FineTuningError
from fine_tuning.distillation import DistillationDataCollector


def main(log: str, name: str = "from-log") -> None:
    """Import, build with checks and splits, print what each step did."""
    report = DistillationDataCollector().capture_file(log)
    print(f"read {report.read} rows: captured {report.captured}, duplicates {report.duplicates}")
    for rejected in report.rejected[:5]:
        print(f"rejected {rejected}")

    built = DatasetBuilder().build(name, secrets="mask", personal_data="mask", near_duplicates=0.9)
    print(f"dataset {name} {built['hash'][:19]}")
    for part, facts in built["parts"].items():
        print(f"  {part}: {facts['rows']} rows")


if __name__ == "__main__":
    try:
        typer.run(main)
    except FineTuningError as error:  # expected, such as a missing file: one line, no traceback
        sys.exit(str(error))
