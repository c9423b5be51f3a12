"""Exports a classifier head, a cascade or a prompt: its folder, in which nothing is code."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from fine_tuning._util.files import atomic_folder, make_folder, sha256_file, translated_os_errors
from fine_tuning._util.model_names import version_name
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.serving.engine_choice import EngineKind, composed_kind
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.store import exports
from fine_tuning.store.records.exports import NewExport
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.model_export.export_plan import Exported, ExportPlan
from fine_tuning.workflows.model_export.source_model import find_exported, safe_file_name

TARGET = "safetensors"
MAIN = {
    EngineKind.HEAD: "head.safetensors",
    EngineKind.CASCADE: "cascade.json",
    EngineKind.FEW_SHOT: "examples.jsonl",
    EngineKind.PROMPT: "prompt.txt",
}


def export_composed(plan: ExportPlan, workspace: Workspace) -> Exported | None:
    """Copy the folder of a model of parts; None where the name is of another model, or of none.

    Raises:
        UsageError: it has no network that the target could hold.
        ConflictError: the folder is not empty.
    """
    with workspace.database.read() as tx:
        target = find_exported(tx, plan.name)
    if target is None or target.provider != LOCAL:
        return None
    source = Path(target.model)
    kind = composed_kind(source)
    if kind is None:
        return None
    if plan.target != TARGET:
        raise UsageError(f"{plan.name} is a {kind.value}, no network: export it with --to {TARGET}")
    label = plan.name if target.name is None or target.version is None else version_name(target.name, target.version)
    folder = new_folder(Path(plan.output or f"{safe_file_name(label)}-{plan.target}").absolute())
    make_folder(folder.parent)
    with atomic_folder(folder) as unfinished, translated_os_errors(folder, "write"):
        shutil.copytree(source, unfinished, dirs_exist_ok=True)
        record: NewExport = {
            "job_id": None,
            "target": TARGET,
            "quantization": None,
            "path": str(folder),
            "sha256": sha256_file(unfinished / MAIN[kind]),
            "parity": {},
        }
        with workspace.database.write() as tx:
            exports.add(tx, record, target.name, target.version)
    command = shlex.join(["ft-cli", "import-model", target.name or plan.name, str(folder)])
    return Exported(folder, folder / MAIN[kind], {}, command)


def new_folder(folder: Path) -> Path:
    """A folder that an export may create.

    Raises:
        ConflictError: there is something else already.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConflictError(f"{folder} is not a folder; name a new one")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConflictError(f"{folder} is not empty; name a new folder")
    return folder
