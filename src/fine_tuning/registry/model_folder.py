"""A version as a Hugging Face model folder with a card that says where it comes from and how good it is."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fine_tuning.errors import ConflictError, DataError, NotFoundError
from fine_tuning.files import explained, make_folder, written_whole

CARD = "README.md"
NEEDED = ("config.json", "model.safetensors")


def write(version: Mapping[str, Any], source: Path, target: Path, evaluations: Sequence[Mapping[str, Any]],
          lineage: str) -> Path:  # fmt: skip
    """Copy a version's weights, settings and tokenizer, and write its card. Returns the folder.

    Args:
        source: the folder of its model.
        evaluations: of the version; lineage: as Mermaid.

    Raises:
        NotFoundError: the model's files are gone.
        ConflictError: the target is there and not empty.
    """
    if not (source / NEEDED[0]).is_file():
        raise NotFoundError(f"the files of {version['model_name']} v{version['version']} are not at {source}")
    if target.is_dir() and any(target.iterdir()):
        raise ConflictError(f"{target} is not empty; name a new folder")
    make_folder(target.parent)
    with written_whole(target) as folder, explained(target, "write"):
        for path in sorted(source.iterdir()):
            if path.is_file() and path.suffix != ".gguf":
                shutil.copyfile(path, folder / path.name)
        (folder / CARD).write_text(card(version, evaluations, lineage), encoding="utf-8")
    return target


def card(version: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]], lineage: str) -> str:
    """The card, with the metadata that model hubs read."""
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
    return "\n".join([*lines, "", "## Lineage", "", "```mermaid", lineage, "```", ""])


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
