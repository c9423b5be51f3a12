"""Packages of npm for tests that compare with them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 120


def installed(folder: Path, package: str) -> Path:
    """The folder with the package in it; the test is skipped where there is no Node or npm cannot get it."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node and npm are not installed")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm could not install {package} within {INSTALL_SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"npm could not install {package}: {done.stderr.strip().splitlines()[-1:]}")
    return folder
