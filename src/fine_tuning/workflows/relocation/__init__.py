"""A model that is about to lose its host, trained again elsewhere on the same data, and compared with itself."""

from __future__ import annotations

from fine_tuning.workflows.relocation.relocate import relocate
from fine_tuning.workflows.relocation.relocation_plan import Failures, Outcome, Plan

__all__ = ["Failures", "Outcome", "Plan", "relocate"]
