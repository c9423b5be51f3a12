"""Account export: the fine-tuning jobs, models, checkpoints and files of an OpenAI account, or of a compatible host."""

from __future__ import annotations

from fine_tuning.workflows.account_export.export_account import export_account
from fine_tuning.workflows.account_export.export_report import Report

__all__ = ["Report", "export_account"]
