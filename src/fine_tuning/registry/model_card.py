"""Model cards: README.md of a model folder, with the metadata that model hubs read, evaluations and lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fine_tuning._util.model_names import version_name
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.store.records.exports import ParityFigures
from fine_tuning.store.records.model_versions import ModelVersion

FILE_NAME = "README.md"


def model_card(
    version: ModelVersion,
    evaluations: Sequence[Evaluation],
    lineage: str,
    parity: Mapping[str, ParityFigures] | None = None,
) -> str:
    """The card of a version in Markdown.

    Args:
        lineage: as a Mermaid flowchart; see `lineage_graph.as_mermaid`.
        parity: how alike the exported model and the trainer's are; see `export.token_parity`.
    """
    from huggingface_hub import EvalResult, ModelCardData

    name = version_name(version["model_name"], version["version"])
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type="held-out",
            dataset_name=str(each["id"]),
            metric_type=each["metric"],
            metric_value=each["accuracy"],
        )
        for each in evaluations
        if each["accuracy"] is not None
    ]
    data = ModelCardData(
        base_model=version["base_model"],
        library_name="transformers",
        pipeline_tag="text-generation",
        model_name=name,
        eval_results=results or None,
    )
    size, job_id = version["dataset_size"], version["job_id"]
    description = f"Fine-tuned from `{version['base_model']}` on {size:,} examples (job `{job_id}`)."
    lines = ["---", data.to_yaml(), "---", "", f"# {name}", "", description, "", "## Evaluations", ""]
    lines += _evaluation_rows(evaluations) if evaluations else ["No evaluation is recorded."]
    lines += _parity_section(parity) if parity else []
    return "\n".join([*lines, "", "## Lineage", "", "```mermaid", lineage, "```", ""])


def _evaluation_rows(evaluations: Sequence[Evaluation]) -> list[str]:
    lines = ["| metric | value | examples | date |", "|---|---|---|---|"]
    for each in evaluations:
        value = "unknown" if each["accuracy"] is None else f"{each['accuracy']:.3f}"
        lines.append(f"| {each['metric']} | {value} | {each['test_set_size']:,} | {str(each['created_at'])[:10]} |")
    return lines


def _parity_section(parity: Mapping[str, ParityFigures]) -> list[str]:
    lines = [
        "",
        "## Parity with the trainer's model",
        "",
        "| model | prompts with identical tokens | token agreement | divergence (nats) |",
        "|---|---|---|---|",
    ]
    for model, each in parity.items():
        prompts = f"{each['prompts_alike']} of {each['prompts']}"
        agreement = f"{each['agreement']:.1%} of {each['places']}"
        lines.append(f"| {model} ({each['quantization']}) | {prompts} | {agreement} | {each['divergence']:.2g} |")
    return lines
