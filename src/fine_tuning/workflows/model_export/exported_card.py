"""The model card of an exported model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fine_tuning.registry import lineage, model_card
from fine_tuning.registry.lineage_graph import as_mermaid
from fine_tuning.store import evaluations, jobs
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.store.records.exports import ParityFigures
from fine_tuning.store.records.rows import records
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.model_export.exported_weights import note_on_base
from fine_tuning.workflows.model_export.source_model import SourceModel


def write_card(workspace: Workspace, source: SourceModel, folder: Path, figures: Mapping[str, ParityFigures]) -> None:
    """Write the model card into the folder of an export, with the figures of its parity check."""
    if source.version is None:
        card = _card_of_job(workspace, source)
    else:
        with workspace.database.read() as tx:
            name, number = source.version["model_name"], source.version["version"]
            measured = records(Evaluation, evaluations.of_version(tx, name, number))
            graph = as_mermaid(lineage.trace(tx, source.version))
        card = model_card.model_card(source.version, measured, graph, figures)
    if (folder / "adapter_config.json").is_file() and (note := note_on_base(source)):
        card += f"\nIt is an adapter; {note}.\n"
    (folder / model_card.FILE_NAME).write_text(card, encoding="utf-8")


def _card_of_job(workspace: Workspace, source: SourceModel) -> str:
    """The card of a model that is not registered."""
    with workspace.database.read() as tx:
        job = jobs.get(tx, source.job_id or "")
    base = "an unknown base" if job is None else job["model"]
    data = source.training_file.name if source.training_file is not None else "unknown"
    return (
        f"# {source.label}\n\nFine-tuned by job {source.job_id} from {base} on {data}.\n"
        "It is not registered: no evaluation or deployment is recorded.\n"
    )
