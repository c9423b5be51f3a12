"""OllamaFineTuner: training scripts for the user's machine, and Modelfiles for Ollama."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fine_tuning._util.files import atomic_write, write_json
from fine_tuning.datasets.training_formats import rows_in
from fine_tuning.errors import UsageError
from fine_tuning.export import modelfile, ollama
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.training.loop import time_estimate, training_script
from fine_tuning.training.loop.training_script import StoredScriptConfig


class OllamaFineTuner:
    """Prepares local fine-tuning and imports the result into Ollama.

    Args:
        ollama_base_url: address of the Ollama server; only `create`, `show` and `delete` call it.
        workspace: by default the one that the environment names.
    """

    def __init__(self, ollama_base_url: str = "http://localhost:11434", *, workspace: Workspace | None = None) -> None:
        workspace = workspace or open_workspace()
        self.ollama_base_url = ollama_base_url
        self.output_dir = workspace.folder("artifacts") / "ollama"
        self._models_folder = workspace.folder("models")

    def prepare_dataset_for_unsloth(
        self, examples: Sequence[Mapping[str, object]], output_path: str | Path | None = None
    ) -> str:
        """Write examples as an Alpaca JSON array. Returns the path.

        Raises:
            UsageError: there are no examples.
            DataError: an example lacks prompt or response.
        """
        if not examples:
            raise UsageError("no examples to prepare; build some with DatasetBuilder first")
        path = Path(output_path) if output_path else self.output_dir / f"unsloth_dataset_{_stamp()}.json"
        write_json(path, rows_in(examples, "alpaca"))
        return str(path)

    def create_fine_tuning_config(
        self,
        base_model: str,
        dataset_path: str | Path,
        output_model_name: str,
        num_epochs: int = 3,
        learning_rate: float = 0.0005,
        batch_size: int = 4,
    ) -> StoredScriptConfig:
        """Check the parameters and write them to a JSON file. Returns them, with `created_at` and `config_path`.

        Raises:
            UsageError: a number is not positive, or the name is not one that Ollama accepts.
        """
        config = training_script.check_config(
            base_model, dataset_path, output_model_name, num_epochs, learning_rate, batch_size
        )
        path = self.output_dir / f"{training_script.file_name(output_model_name)}_config.json"
        stored: StoredScriptConfig = {
            **config,
            "created_at": datetime.now(UTC).isoformat(),
            "config_path": str(path),
        }
        write_json(path, stored)
        return stored

    def generate_unsloth_script(
        self,
        base_model: str,
        dataset_path: str | Path,
        output_model_name: str,
        num_epochs: int = 3,
        learning_rate: float = 0.0005,
        batch_size: int = 4,
        output_path: str | Path | None = None,
    ) -> str:
        """Write a self-contained Python script that trains, merges and writes a Modelfile. Returns its path.

        It uses Unsloth where that and a GPU are available, else TRL and PEFT, also on a CPU.

        Args:
            base_model: an Ollama name (llama2, mistral ...), a Hugging Face id, a folder, or an embedded base
                model, whose files are prepared now.

        Raises:
            UsageError: as for `create_fine_tuning_config`.
        """
        config = training_script.check_config(
            base_model, dataset_path, output_model_name, num_epochs, learning_rate, batch_size
        )
        file_name = f"finetune_{training_script.file_name(output_model_name)}_{_stamp()}.py"
        path = Path(output_path) if output_path else self.output_dir / file_name
        text = training_script.script(config, path.name, self._models_folder)
        with atomic_write(path) as stream:
            stream.write(text)
        path.chmod(0o755)
        return str(path)

    def estimate_training_time(
        self,
        num_examples: int,
        num_epochs: int = 3,
        gpu_type: str = "a100",
        *,
        parameters: float | None = None,
        tokens_per_example: float = time_estimate.TOKENS_PER_EXAMPLE,
        base_model: str | None = None,
    ) -> time_estimate.TrainingTime:
        """Estimate the time of LoRA training on a named GPU, or, measured with a few steps, on this machine.

        For a named GPU it is computed: tokens x 4 x parameters over 40 % of its peak rate.

        Args:
            gpu_type: a GPU of `training.loop.time_estimate.PEAK_FLOPS`, or "here" to measure this machine for some
                seconds.
            parameters: of the model; by default 7e9 for a GPU, and for "here" those of the base model.
            base_model: the model that is trained to measure this machine; by default the embedded one. Its speed is
                scaled to `parameters`.

        Returns:
            num_examples, num_epochs, total_examples, total_tokens, gpu_type, parameters, tokens_per_second,
            start_seconds (before the first and after the last step, 0 for a GPU), estimated_seconds,
            estimated_minutes, estimated_hours.

        Raises:
            UsageError: an unknown GPU (the message lists the known ones) or a number out of range.
            TrainingError: the base model cannot be trained here.
        """
        here = time_estimate.BaseModelHere(base_model, self._models_folder)
        return time_estimate.training_time(num_examples, num_epochs, gpu_type, parameters, tokens_per_example, here)

    def create_ollama_modelfile(
        self,
        model_path: str | Path,
        model_name: str,
        system_prompt: str | None = None,
        output_path: str | Path | None = None,
    ) -> str:
        """Write a Modelfile for merged weights (folder or GGUF file). Returns its path.

        Raises:
            UsageError: the name is not one that Ollama accepts.
        """
        path = (
            Path(output_path) if output_path else self.output_dir / f"Modelfile_{training_script.file_name(model_name)}"
        )
        text = modelfile.modelfile(Path(model_path), model_name, system_prompt)
        with atomic_write(path) as stream:
            stream.write(text)
        return str(path)

    def create(
        self,
        model_path: str | Path,
        model_name: str,
        system_prompt: str | None = None,
        on_message: Callable[[str], None] = lambda _: None,
        *,
        on_status: Callable[[str], None] | None = None,
    ) -> None:
        """Create the model in the running Ollama; see `export.ollama.create`.

        Args:
            on_message: called with Ollama's status messages.
            on_status: older name of on_message.
        """
        ollama.create(self.ollama_base_url, Path(model_path), model_name, system_prompt, on_status or on_message)

    def show(self, model_name: str) -> JsonColumn:
        """Facts of a model in the running Ollama: template, parameters, details, capabilities ...

        Raises:
            NotFoundError: it has no such model.
            ProviderError: it does not answer.
        """
        return ollama.show(self.ollama_base_url, model_name)

    def delete(self, model_name: str) -> bool:
        """Remove a model from the running Ollama; False where there was none.

        Raises:
            ProviderError: it does not answer.
        """
        return ollama.delete(self.ollama_base_url, model_name)


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
