"""Files, folders, globs and addresses of object storage as a list of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fine_tuning.data_io.sources import other_files, saved_datasets
from fine_tuning.errors import NotFoundError, UsageError

KINDS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".feather")
COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
_MAGIC = set("*?[")
_OPENED = ("~$", ".")  # what Excel keeps beside a file that it has open, and hidden files


def is_remote(name: str) -> bool:
    """Whether a name is an address in object storage, such as s3://bucket/key."""
    return "://" in name


def expand(names: Sequence[str | Path] | str | Path) -> list[str]:
    """The files that the names stand for, each once, in the order given; those of a folder or glob sorted by path.

    Links to folders are not followed within a folder or glob, so that a loop of links ends.

    Raises:
        NotFoundError: a name stands for no file.
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
        from fine_tuning.data_io.sources.object_storage import remote_files

        return saved_datasets.without_descriptions(remote_files(name))
    path = Path(name)
    if path.is_dir():
        if (saved := saved_datasets.files_of(path)) is not None:
            return saved
        kinds = ", ".join(f"*{kind}" for kind in KINDS)
        return _matches(path, "**/*", f"folder {name} has no file named {kinds}")
    if _MAGIC & set(name) and not path.exists():
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(path.anchor)) if path.is_absolute() else name
        return _matches(anchor, pattern, f"no file matches {name}; relative to {Path.cwd()}", any_kind=True)
    return [name]


def _matches(folder: Path, pattern: str, none_found: str, *, any_kind: bool = False) -> list[str]:
    try:
        paths = list(folder.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise UsageError(f"invalid pattern {pattern}: {error}") from None
    sheet = next((each for each in paths if not any_kind and other_files.is_spreadsheet(each.name)), None)
    if sheet is not None and not sheet.name.startswith(_OPENED):
        raise UsageError(f"{sheet} is a spreadsheet; {other_files.advice(str(sheet))}, and name the files to import")
    found = sorted(str(each) for each in paths if each.is_file() and (any_kind or _is_wanted(each)))
    if not found:
        raise NotFoundError(none_found)
    broken = next((each for each in paths if each.is_symlink() and has_rows(each) and not exists(each)), None)
    if broken is not None:
        raise NotFoundError(f"the link {broken} is broken; remove it or name the files")
    return found


def exists(path: Path) -> bool:
    """Whether a path exists; a loop of links does not."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_wanted(file: Path) -> bool:
    return has_rows(file) and not saved_datasets.is_about_dataset(file)


def has_rows(path: Path | str) -> bool:
    """Whether a file's extension is one of a file of rows."""
    return kind_of(str(path)) in KINDS


def kind_of(name: str) -> str:
    """The extension of a file's contents, without that of a compression."""
    plain = name.lower()
    for ending in COMPRESSIONS:
        plain = plain.removesuffix(ending)
    return Path(plain).suffix
