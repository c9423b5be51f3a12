"""Relocation: train the data of a model on another base, and compare the new version with the old one."""

from __future__ import annotations

from fine_tuning.workflows.relocation.relocate import relocate
from fine_tuning.workflows.relocation.relocation_plan import Failures, Outcome, Plan

__all__ = ["Failures", "Outcome", "Plan", "relocate"]
