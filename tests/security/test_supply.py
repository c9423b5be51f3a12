"""What is installed and released: each dependency by version and hash, and wheels that are equal to the byte."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts import licences
from scripts.write_constraints import OF_CUDA

from tests.conftest import PROJECT

ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?P<rest>.*\n(?:^ +.*\n)*)", re.MULTILINE)


def locked() -> dict[str, tuple[str, str]]:
    """The version and the further lines of each dependency of both files."""
    text = "".join((PROJECT / name).read_text() for name in ("constraints.txt", "constraints-cuda.txt"))
    return {canonicalize_name(found["name"]): (found["version"], found["rest"]) for found in ENTRY.finditer(text)}


def test_every_line_of_the_constraints_is_a_version_or_its_hash() -> None:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    odd = [
        line
        for line in lines
        if not re.match(r"#|[\w.-]+==\S+( ; .*)? \\$| {4}--hash=sha256:[0-9a-f]{64}( \\)?$", line)
    ]
    assert odd == []
    assert all("--hash=sha256:" in rest for _, rest in locked().values())


def test_every_dependency_of_every_extra_is_locked_within_its_range() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = [text for each in project["optional-dependencies"].values() for text in each]
    found = locked()
    for text in [*project["dependencies"], *extras]:
        needed = Requirement(text)
        version, _ = found[canonicalize_name(needed.name)]
        assert needed.specifier.contains(version), text


@pytest.mark.parametrize(
    ("licence", "permitted"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND AGPL-3.0-only", False),
        ("Apache-2.0 AND Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MPL-2.0 AND (GPL-2.0-only OR MIT)", True),
        ("", False),
        ("Proprietary", False),
    ],
)
def test_licence_is_permitted_only_where_the_list_has_all_that_it_asks_for(licence: str, permitted: bool) -> None:
    assert licences.is_permitted(licence) is permitted


def test_bill_names_what_the_constraints_lock() -> None:
    installed = {name: version for name, (version, _) in locked().items() if not OF_CUDA.match(name)}
    assert licences.unlocked({**installed, "pip": "1.0"}) == []
    assert licences.unlocked({"pydantic": "0.0.1", "no-such-package": "1.0", "numpy": installed["numpy"]}) == [
        "no-such-package 1.0",
        "pydantic 0.0.1",
    ]


def test_two_builds_of_the_wheel_are_equal_to_the_byte(tmp_path: Path) -> None:
    built = []
    for name, mask, moment in (("one", 0o022, 1_000_000_000), ("two", 0o077, 1_700_000_000)):
        checkout, before = tmp_path / name / "checkout", os.umask(mask)
        try:
            shutil.copytree(PROJECT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
            for file in ("pyproject.toml", "README.md", "LICENSE"):
                shutil.copyfile(PROJECT / file, checkout / file)
        finally:
            os.umask(before)
        for file in checkout.rglob("*"):
            os.utime(file, (moment, moment))
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / name)]
        subprocess.run(command, check=True, cwd=checkout, capture_output=True)
        (wheel,) = (tmp_path / name).glob("*.whl")
        built.append(wheel.read_bytes())
    assert built[0] == built[1]
