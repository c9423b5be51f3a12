"""The energy that this machine has used, where it is measured: processors by RAPL, NVIDIA GPUs by NVML."""

from __future__ import annotations

from pathlib import Path

GpuHandle = object  # NVML's, opaque
RAPL = Path("/sys/class/powercap")
_PACKAGES = "intel-rapl:[0-9]*"  # AMD's processors have the same name


class EnergyMeter:
    """Joules since it was created.

    Counters of processors wrap around at a limit: read the meter more often than that (once a minute is enough).

    Args:
        root: the kernel's folder of power counters.
    """

    def __init__(self, root: Path = RAPL) -> None:
        self._packages = [path for path in sorted(root.glob(_PACKAGES)) if ":" not in path.name.partition(":")[2]]
        self._last = {path: value for path in self._packages if (value := _number(path / "energy_uj")) is not None}
        self._gpus = _gpus()
        self._gpu_start = sum(map(_millijoules, self._gpus))
        self._joules = 0.0

    def read(self) -> float | None:
        """Joules of all counters; None without any."""
        for path, before in self._last.items():
            now = _number(path / "energy_uj")
            if now is None:
                continue
            if now < before:  # wrapped around
                before -= _number(path / "max_energy_range_uj") or before - now
            self._joules += (now - before) / 1e6
            self._last[path] = now
        if not self._last and not self._gpus:
            return None
        return self._joules + (sum(map(_millijoules, self._gpus)) - self._gpu_start) / 1e3


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # missing, or readable by the administrator only
        return None


def _gpus() -> list[GpuHandle]:
    """Handles of the GPUs whose energy is measured; none without NVIDIA's library."""
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


def _millijoules(gpu: GpuHandle) -> int:
    import pynvml

    return int(pynvml.nvmlDeviceGetTotalEnergyConsumption(gpu))
