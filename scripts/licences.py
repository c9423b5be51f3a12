"""List what the project is made of: sbom.json (CycloneDX), and docs/licences.md, the licences of all dependencies.

`python -m scripts.licences` writes both from the packages of this environment; `--check` writes sbom.json alone and
exits with 1 if docs/licences.md is out of date. A licence that is not permitted here is an error in both, and so is a
package that constraints.txt does not have, or has in another version.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from license_expression import Licensing
from packaging.utils import canonicalize_name
from packaging.version import Version
from scripts.write_constraints import ALL, OF_CUDA

ROOT = Path(__file__).parent.parent
SBOM, PAGE = ROOT / "sbom.json", ROOT / "docs" / "licences.md"
PERMITTED = frozenset(
    "0BSD Apache-2.0 BSD BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 CNRI-Python ISC LGPL-2.1-or-later LGPL-3.0-only MIT"
    " MIT-0 MIT-CMU MPL-2.0 PSF-2.0 Python-2.0 Zlib".split()
)  # of packages that are used as they are, from an application under Apache-2.0
LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
INSTALLER = "pip"  # which comes with Python
EXCEPTIONS = frozenset({"LLVM-exception"})  # each of which permits more
_LICENSING = Licensing()
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
READ = {  # in the licence files of packages whose metadata names none that is known
    "axe-playwright-python": "MIT",
    "daft": "Apache-2.0",
    "docutils": "BSD-2-Clause",  # and the public domain; only a mode for Emacs, which nothing imports, is under the GPL
    "protobuf": "BSD-3-Clause",
    "ray": "Apache-2.0",
    "transformers": "Apache-2.0",
    "uvloop": "MIT OR Apache-2.0",
    "wordllama": "MIT",
}
HEADER = """# Licences

What `make setup` installs, by the licence that each package declares. `python -m scripts.licences` writes this page,
and a software bill of materials in CycloneDX's format (`sbom.json`); CI refuses a dependency whose licence that script
does not list. NVIDIA's libraries for CUDA, which come with torch on Linux, have NVIDIA's own terms.
"""


def main() -> int:
    """Write or check; 1 if a licence is not permitted or the page is out of date."""
    installed = components()
    if other := unlocked({name: each["version"] for name, each in installed.items()}):
        print(
            f"not as constraints.txt has them, so that the bill is of no release: {', '.join(other)}", file=sys.stderr
        )
        return 1
    found = {name: READ.get(name) or declared(each) for name, each in installed.items()}
    refused = {name: licence for name, licence in found.items() if not is_permitted(licence)}
    for name, licence in refused.items():
        print(
            f"{name}: {licence or 'no licence in its metadata'} is not permitted in {Path(__file__).name}",
            file=sys.stderr,
        )
    if refused:
        return 1
    text = page(found)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        print("docs/licences.md is out of date: run `python -m scripts.licences`", file=sys.stderr)
        return 1
    return 0


def components() -> dict[str, dict[str, Any]]:
    """What cyclonedx-py finds in this environment, by name, without CUDA's libraries; writes sbom.json."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    options = ["--output-reproducible", "--output-file", str(SBOM), sys.executable]
    subprocess.run([*command, *options], check=True, capture_output=True)
    found = json.loads(SBOM.read_text(encoding="utf-8"))["components"]
    return {each["name"]: each for each in found if not OF_CUDA.match(each["name"])}


def unlocked(installed: dict[str, str]) -> list[str]:
    """The packages whose version is another than that of constraints.txt, or that it does not have."""
    locked = {canonicalize_name(name): version for name, version in LOCKED.findall(ALL.read_text(encoding="utf-8"))}
    return sorted(
        f"{name} {version}"
        for name, version in installed.items()
        if name != INSTALLER and Version(version).public != Version(locked.get(canonicalize_name(name), "0")).public
    )


def declared(component: dict[str, Any]) -> str:
    """The licence of a component as an SPDX expression, which comes before classifiers; empty if it declares none."""
    stated = component.get("licenses", [])
    for each in stated:
        if "expression" in each or "id" in each["license"]:
            return str(each.get("expression") or each["license"]["id"])
    names = [each["license"]["name"].rpartition(" :: ")[2] for each in stated]
    return " AND ".join(CLASSIFIERS.get(name, name) for name in names)


def is_permitted(licence: str) -> bool:
    """Whether the project may depend on what has this licence: on all that it joins by AND, on one of those by OR."""
    if not licence:
        return False
    parsed = _LICENSING.parse(licence)
    return bool(parsed.subs({symbol: _of(symbol) for symbol in parsed.symbols}).simplify() == _LICENSING.TRUE)


def _of(symbol: Any) -> Any:
    name, _, exception = str(symbol).partition(" WITH ")
    permitted = name in PERMITTED and (not exception or exception in EXCEPTIONS)
    return _LICENSING.TRUE if permitted else _LICENSING.FALSE


def page(found: dict[str, str]) -> str:
    """The page: a table of licences and the packages that have each."""
    by_licence: defaultdict[str, list[str]] = defaultdict(list)
    for name, licence in found.items():
        by_licence[licence].append(name)
    rows = [
        f"| {licence} | {', '.join(sorted(names, key=str.lower))} |" for licence, names in sorted(by_licence.items())
    ]
    return "\n".join([HEADER, "| licence | packages |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.exit(main())
