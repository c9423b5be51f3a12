"""Export of a fine-tuned model for other programs, after a parity check against its trainer's model."""

from __future__ import annotations

from fine_tuning.workflows.model_export.export_model import export_model
from fine_tuning.workflows.model_export.export_plan import Exported, ExportPlan

__all__ = ["ExportPlan", "Exported", "export_model"]
