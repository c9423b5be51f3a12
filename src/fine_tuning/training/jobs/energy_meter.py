"""The energy that this machine has used, where it tells: processors by RAPL, NVIDIA GPUs by NVML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

RAPL = Path("/sys/class/powercap")
_PACKAGES = "intel-rapl:[0-9]*"  # AMD's processors are told of under the same name


class EnergyMeter:
    """Joules since it was made. Processors count to a limit and begin again, so that it wants to be read now and then.

    Args:
        root: where the kernel tells of processors.
    """

    def __init__(self, root: Path = RAPL) -> None:
        self._packages = [path for path in sorted(root.glob(_PACKAGES)) if ":" not in path.name.partition(":")[2]]
        self._last = {path: value for path in self._packages if (value := _number(path / "energy_uj")) is not None}
        self._gpus = _gpus()
        self._gpu_start = sum(map(_millijoules, self._gpus))
        self._joules = 0.0

    def read(self) -> float | None:
        """Joules of all that tells; None where nothing does."""
        for path, before in self._last.items():
            now = _number(path / "energy_uj")
            if now is None:
                continue
            if now < before:  # it has begun again
                before -= _number(path / "max_energy_range_uj") or before - now
            self._joules += (now - before) / 1e6
            self._last[path] = now
        if not self._last and not self._gpus:
            return None
        return self._joules + (sum(map(_millijoules, self._gpus)) - self._gpu_start) / 1e3


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # not there, or only for the administrator
        return None


def _gpus() -> list[Any]:
    """Handles of the GPUs that tell their energy; none without NVIDIA's library."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        found = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(pynvml.nvmlDeviceGetCount())]
        for gpu in found:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
    except pynvml.NVMLError:
        return []
    return found


def _millijoules(gpu: Any) -> int:
    import pynvml

    return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu))
