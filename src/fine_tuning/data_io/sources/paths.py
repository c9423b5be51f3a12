"""From what a person names (files, folders, globs, addresses) to files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fine_tuning.errors import NotFoundError, UsageError

KINDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
_MAGIC = set("*?[")


def is_remote(name: str) -> bool:
    """Whether a name is an address of object storage, such as s3://bucket/key."""
    return "://" in name


def expand(names: Sequence[str | Path] | str | Path) -> list[str]:
    """The files that the names mean, each once, in the order given; those of a folder or glob sorted by path.

    Links to folders are not followed within a folder or glob, so that a loop of links ends.

    Raises:
        NotFoundError: a name means no file.
        UsageError: there are no names.
    """
    if isinstance(names, str | Path):  # a single name
        names = [names]
    if not names:
        raise UsageError("no files given; name files, folders or globs such as 'calls/*.jsonl'")
    found = [file for name in names for file in _files(str(name))]
    return list(dict.fromkeys(found))


def _files(name: str) -> list[str]:
    if is_remote(name):
        from fine_tuning.data_io.sources.remote import remote_files

        return remote_files(name)
    path = Path(name)
    if path.is_dir():
        return _sorted(path, "**/*", f"folder {name} holds no file named {', '.join(f'*{kind}' for kind in KINDS)}")
    if _MAGIC & set(name) and not path.exists():
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else name
        return _sorted(anchor, pattern, f"no file matches {name}; relative to {Path.cwd()}", any_kind=True)
    return [name]


def _sorted(folder: Path, pattern: str, otherwise: str, *, any_kind: bool = False) -> list[str]:
    try:
        there = list(folder.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise UsageError(f"cannot look for {pattern}: {error}") from None
    found = sorted(str(each) for each in there if each.is_file() and (any_kind or has_rows(each)))
    if not found:
        raise NotFoundError(otherwise)
    lost = next((each for each in there if each.is_symlink() and has_rows(each) and not is_there(each)), None)
    if lost is not None:
        raise NotFoundError(f"the link {lost} leads nowhere; remove it or name the files")
    return found


def is_there(path: Path) -> bool:
    """Whether a path leads to something; a loop of links does not."""
    try:
        return path.exists()
    except OSError:
        return False


def has_rows(path: Path | str) -> bool:
    """Whether a file's name is one of a file of rows."""
    return kind_of(str(path)) in KINDS


def kind_of(name: str) -> str:
    """The extension that says what is in a file, that of a compression left out."""
    plain = name.lower()
    for ending in COMPRESSIONS:
        plain = plain.removesuffix(ending)
    return Path(plain).suffix
