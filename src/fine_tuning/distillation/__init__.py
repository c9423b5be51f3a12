"""Capture a big model's good answers, to teach a small one."""

from fine_tuning.distillation.data_collector import (
    DistillationDataCollector,
    capture_cloud_success,
    get_distillation_status,
)

__all__ = ["DistillationDataCollector", "capture_cloud_success", "get_distillation_status"]
