"""LocalFineTuner: the methods of OpenAIFineTuner, on this machine."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.training.jobs.local_trainer import LocalTrainer


class LocalFineTuner(FineTuner):
    """Trains LoRA adapters in a separate process; needs neither key nor network for the embedded base model.

    A job outlives the process that started it: any other can watch, pause, cancel and resume it.

    Args:
        workspace: by default the one that the environment names.
    """

    def __init__(self, *, workspace: Workspace | None = None) -> None:
        workspace = workspace or open_workspace()
        self._local = LocalTrainer(workspace)
        super().__init__(workspace, self._local)

    def together(self) -> AbstractContextManager[None]:
        """Let one process train the jobs that are started or resumed in the block: it starts as the block ends.

        Those on the same base model (LoRA, supervised) have its weights in memory once, and share products.
        """
        return self._local.together()

    def resume_like(self, model: str, training_path: str | Path, **hyperparameters: object) -> JobView | None:
        """Resume the newest paused job with this base model, data and hyperparameters; None where there is none.

        Args:
            training_path: a file with the data; see `find_file`.
        """
        found = self._local.paused_like(model, self.find_file(training_path), hyperparameters)
        return None if found is None else self.resume_job(found)

    def ended_like(self, model: str, training_path: str | Path, **hyperparameters: object) -> JobView | None:
        """The newest job with this base model, data and these hyperparameters alone that has ended without a failure.

        Args:
            training_path: a file with the data; see `find_file`.
        """
        found = self._local.ended_like(model, self.find_file(training_path), hyperparameters)
        return None if found is None else self.get_job_status(found)

    def create_fine_tuning_job(
        self,
        model: str = DEFAULT_BASE_MODEL,
        training_file_id: str = "",
        validation_file_id: str | None = None,
        suffix: str | None = None,
        learning_rate_multiplier: float | str = 1.0,
        n_epochs: int | str = 3,
        **hyperparameters: object,
    ) -> JobView:
        """As `FineTuner.create_fine_tuning_job`.

        Args:
            model: a base model's name in the catalogue, a local folder, or a Hugging Face id.
            hyperparameters: batch_size, max_steps, seed, lora_rank and others; see
                `training.loop.training_config.HYPERPARAMETERS`.
        """
        return super().create_fine_tuning_job(
            model,
            training_file_id,
            validation_file_id,
            suffix,
            learning_rate_multiplier,
            n_epochs,
            **hyperparameters,
        )
