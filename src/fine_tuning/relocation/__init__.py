"""A model that is about to lose its host, trained again elsewhere on the same data, and compared with itself."""

from __future__ import annotations

from fine_tuning.relocation.plan import Failures, Outcome, Plan
from fine_tuning.relocation.relocating import relocate

__all__ = ["Failures", "Outcome", "Plan", "relocate"]
