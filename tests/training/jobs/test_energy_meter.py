"""Energy as the kernel tells it, from files that look like its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from fine_tuning.training.jobs.energy_meter import EnergyMeter
from fine_tuning.training.jobs.job_outcome import local_cost


def package(root: Path, name: str, joules: float) -> Path:
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
    (folder / "max_energy_range_uj").write_text("1000000000\n")  # 1,000 J
    return folder


def test_read_sums_packages_and_handles_counter_wraparound(tmp_path: Path) -> None:
    package(tmp_path, "intel-rapl:0", 900)
    package(tmp_path, "intel-rapl:1", 10)
    package(tmp_path, "intel-rapl:0:0", 5)  # a part of the first, not counted twice
    meter = EnergyMeter(tmp_path)
    package(tmp_path, "intel-rapl:0", 950)
    package(tmp_path, "intel-rapl:1", 30)
    assert meter.read() == pytest.approx(70)
    package(tmp_path, "intel-rapl:0", 40)
    package(tmp_path, "intel-rapl:0:0", 500)
    assert meter.read() == pytest.approx(70 + 90)


def test_read_without_counters_returns_none(tmp_path: Path) -> None:
    assert EnergyMeter(tmp_path).read() is None


def test_local_cost_sums_time_and_energy() -> None:
    assert local_cost(1800, 3.6e6, 2.0, 0.3) == pytest.approx(1.3)
    assert local_cost(1800, None, 2.0, 0.3) == pytest.approx(1.0)
    assert local_cost(1800, 3.6e6, None, 0.3) == pytest.approx(0.3)
    assert local_cost(1800, None, None, 0.3) is None
