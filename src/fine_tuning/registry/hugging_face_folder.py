"""A version as a Hugging Face model folder with a card that says where it comes from and how good it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fine_tuning.errors import DataError

CARD = "README.md"
NEEDED = ("config.json", "model.safetensors")


def card(version: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]], lineage: str,
         compared: Mapping[str, Mapping[str, Any]] | None = None) -> str:  # fmt: skip
    """The card, with the metadata that model hubs read.

    Args:
        compared: what was compared with the trainer's model before it was exported; see `export.token_parity`.
    """
    from huggingface_hub import EvalResult, ModelCardData

    name = f"{version['model_name']}-v{version['version']}"
    results = [
        EvalResult(task_type="text-generation", dataset_type="held-out", dataset_name=str(each["id"]),
                   metric_type=each["metric"], metric_value=each["accuracy"])
        for each in evaluations if each["accuracy"] is not None
    ]  # fmt: skip
    data = ModelCardData(
        base_model=version["base_model"], library_name="transformers", pipeline_tag="text-generation",
        model_name=name, eval_results=results or None,
    )  # fmt: skip
    lines = ["---", data.to_yaml(), "---", "", f"# {name}", "",
             f"Fine-tuned from `{version['base_model']}` on {version['dataset_size']:,} examples (job "
             f"`{version['job_id']}`).", "", "## Evaluations", ""]  # fmt: skip
    lines += ["| metric | value | examples | when |", "|---|---|---|---|"] if evaluations else []
    for each in evaluations:
        size, value = each["test_set_size"], each["accuracy"]
        shown = "unknown" if value is None else f"{value:.3f}"
        lines.append(f"| {each['metric']} | {shown} | {size:,} | {each['created_at'][:10]} |")
    lines += [] if evaluations else ["None is recorded."]
    lines += _compared(compared) if compared else []
    return "\n".join([*lines, "", "## Lineage", "", "```mermaid", lineage, "```", ""])


def _compared(compared: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = ["", "## Compared with the trainer's model", "",
             "| model | prompts with the same tokens | chosen tokens that agree | divergence (nats) |",
             "|---|---|---|---|"]  # fmt: skip
    for what, each in compared.items():
        alike = f"{each['prompts_alike']} of {each['prompts']}"
        lines.append(f"| {what} ({each['quantization']}) | {alike} | {each['agreement']:.1%} of {each['places']} | "
                     f"{each['divergence']:.2g} |")  # fmt: skip
    return lines


def base_of(folder: Path) -> str | None:
    """The base model that a folder's card names; None where there is none."""
    from huggingface_hub import ModelCard

    try:
        found = ModelCard.load(folder / CARD).data.base_model if (folder / CARD).is_file() else None
    except (ValueError, OSError):  # a card of another kind
        return None
    return found if isinstance(found, str) else None


def check(folder: Path) -> Path:
    """A model folder that can be registered.

    Raises:
        DataError: it lacks settings or weights, or has weights in a form that runs code.
    """
    if missing := [name for name in NEEDED if not (folder / name).is_file()]:
        pickled = [path.name for path in folder.glob("*.bin")] + [path.name for path in folder.glob("*.pt")]
        why = f"; {pickled[0]} may run code and is not read, save it as safetensors" if pickled else ""
        raise DataError(f"{folder} is no model folder: {missing[0]} is missing{why}")
    return folder.absolute()
