"""Tags of versions: key and value, both text."""

from __future__ import annotations

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.store import model_tags, model_versions, named_versions
from fine_tuning.store.database import Database


def set_tag(
    database: Database, name: str, version: int | None, tag: tuple[str, object], *, actor: str, reason: str
) -> bool:
    """Set a tag (key, value) of a version (the latest by default), or remove it (value None).

    Returns:
        False where there is no such version.

    Raises:
        UsageError: the key is not a valid name, or the value is not text.
    """
    key, value = tag
    checks.name("tag", key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"a tag's value must be text, not {value!r}")
    with database.write() as tx:
        name, version = named_versions.model_and_version(tx, name, version)
        record = model_versions.get(tx, name, version)
        return record is not None and model_tags.set_tag(
            tx, name, record["version"], key, value, actor=actor, reason=reason
        )
