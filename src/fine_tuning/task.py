"""Task integration: the fine-tuned model behind a task, in the host application's table or in the workspace."""

from fine_tuning.store.tasks import FineTunedModelMixin, Task

__all__ = ["FineTunedModelMixin", "Task"]
