"""A self-contained training script for the user's machine, and its parameters."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from string import Template
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.base_models import catalogue
from fine_tuning.errors import UsageError
from fine_tuning.export import modelfile

# Ollama's names of models, and the ids of weights that can be fine-tuned.
TRAINABLE = {
    "llama2": "unsloth/llama-2-7b-chat",
    "llama3": "unsloth/llama-3-8b-Instruct",
    "llama3.1": "unsloth/Meta-Llama-3.1-8B-Instruct",
    "llama3.2": "unsloth/Llama-3.2-3B-Instruct",
    "mistral": "unsloth/mistral-7b-instruct-v0.3",
    "qwen2.5": "unsloth/Qwen2.5-7B-Instruct",
    "gemma2": "unsloth/gemma-2-9b-it",
    "phi3": "unsloth/Phi-3-mini-4k-instruct",
}


class ScriptConfig(TypedDict):
    """Parameters of a training script."""

    base_model: str
    dataset_path: str
    output_model_name: str
    num_epochs: int
    learning_rate: float
    batch_size: int


class StoredScriptConfig(ScriptConfig):
    """Parameters of a training script, as written to a file."""

    created_at: str
    config_path: str


def check_config(
    base_model: str,
    dataset_path: str | Path,
    output_model_name: str,
    num_epochs: int,
    learning_rate: float,
    batch_size: int,
) -> ScriptConfig:
    """The parameters of a script.

    Raises:
        UsageError: a number is not positive, or the name is not one that Ollama accepts.
    """
    modelfile.check_name(output_model_name)
    checks.name("base_model", base_model)
    checks.count("num_epochs", num_epochs, 1)
    checks.count("batch_size", batch_size, 1)
    if not checks.amount("learning_rate", learning_rate):
        raise UsageError(f"learning_rate must be greater than 0, not {learning_rate!r}")
    return {
        "base_model": base_model,
        "dataset_path": str(dataset_path),
        "output_model_name": output_model_name,
        "num_epochs": num_epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
    }


def script(config: ScriptConfig, script_name: str, models_folder: Path) -> str:
    """The text of the script; the files of an embedded base model are prepared in `models_folder`."""
    weights, modelfile_text = _trainable(config["base_model"], models_folder)
    folder = file_name(config["output_model_name"])
    literals = {
        "base_model_literal": repr(weights),
        "dataset_path_literal": repr(str(Path(config["dataset_path"]).absolute())),
        "folder_literal": repr(folder),
        "folder": folder,
        "output_model_name_literal": repr(config["output_model_name"]),
        "modelfile_literal": repr(modelfile_text),
        "script_name": ascii(script_name)[1:-1].replace('"', '\\"'),
    }
    template = resources.files("fine_tuning.training.loop").joinpath("unsloth_script.py.template").read_text("utf-8")
    return Template(template).substitute(config, **literals)


def file_name(model_name: str) -> str:
    """An Ollama model name as the name of a file."""
    return model_name.replace("/", "_").replace(":", "_")


def _trainable(base_model: str, models_folder: Path) -> tuple[str, str]:
    """The weights that the script loads, and their Modelfile with a placeholder for the trained weights' folder."""
    if base_model in TRAINABLE:
        return TRAINABLE[base_model], "FROM @WEIGHTS@\n"
    if not catalogue.is_embedded(base_model) and not Path(base_model).is_dir():
        return base_model, "FROM @WEIGHTS@\n"
    folder = catalogue.resolve(base_model, models_folder).path
    text = modelfile.modelfile(folder, "placeholder", None)
    return str(folder), text.replace(f"FROM {folder}", "FROM @WEIGHTS@", 1)
