"""The version that a name stands for, now or at an earlier time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from fine_tuning._util.model_names import alias_name, parse_alias_name, parse_version_name
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.store import model_aliases, model_versions, registry_changes
from fine_tuning.store.records.model_versions import ModelVersion, RegistryChange


def find(connection: Connection, name: str) -> ModelVersion | None:
    """The version of `<name>-v<version>` or `<name>@<alias>`; of a registered name the deployed one, else the latest.

    None for a name that is not registered, or that has no such version or alias.
    """
    if (named := parse_version_name(name)) is not None and (found := model_versions.get(connection, *named)):
        return found
    if (aliased := parse_alias_name(name)) is not None:
        version = model_aliases.of_model(connection, aliased[0]).get(aliased[1])
        if version is not None:
            return model_versions.get(connection, aliased[0], version)
    return model_versions.deployed(connection, name) or model_versions.get(connection, name)


def find_or_raise(connection: Connection, name: str) -> ModelVersion | None:
    """As `find`; None for a name that has nothing to do with a registered model.

    Raises:
        NotFoundError: its model is registered, and has no such version or alias; the message says which it has.
    """
    if (found := find(connection, name)) is not None:
        return found
    if (aliased := parse_alias_name(name)) is not None and model_versions.get(connection, aliased[0]):
        model, alias = aliased
        known = ", ".join(model_aliases.of_model(connection, model)) or "none"
        raise NotFoundError(f"{model} has no alias {alias}; it has {known}")
    model, _, number = name.rpartition("-v")
    if number.isdecimal() and (versions := model_versions.versions(connection, model)):
        numbers = ", ".join(str(each["version"]) for each in versions)
        raise NotFoundError(f"{model} has no version {number}; it has {numbers}")
    return None


def model_and_version(connection: Connection, name: str, version: int | None = None) -> tuple[str, int | None]:
    """A registered model and its version, which a name may say too: `<name>-v<version>` and `<name>@<alias>`.

    Args:
        version: beside a model's name; None where the name alone says which.

    Raises:
        NotFoundError: as `find_or_raise`.
        UsageError: the name says another version.
    """
    if model_versions.get(connection, name) is not None:
        return name, version
    found = find_or_raise(connection, name)
    if found is None:
        return name, version
    if version not in (None, found["version"]):
        raise UsageError(f"{name} is version {found['version']} of {found['model_name']}, not {version}; give only one")
    return found["model_name"], found["version"]


class AnsweringVersions:
    """Which version of a model answered to a name, over time."""

    def __init__(self, since: Sequence[tuple[str, int | None]]) -> None:
        """Take the versions with the times (ISO 8601, UTC) since which they answered, oldest first."""
        self._times = [time for time, _ in since]
        self._versions = [version for _, version in since]

    def at(self, time: str) -> int | None:
        """The version that answered at a time (ISO 8601, UTC); before all of them, the first.

        None for a model without versions, and for an alias that was removed.
        """
        place = bisect_right(self._times, time) - 1
        return self._versions[max(0, place)] if self._versions else None


def answering(connection: Connection, name: str) -> AnsweringVersions:
    """Which version answered to a name over time.

    To a registered name the deployed one, else the latest then; to `<name>-v<version>` that one, and to
    `<name>@<alias>` the one that the alias pointed at.
    """
    if (named := parse_version_name(name)) is not None and model_versions.get(connection, *named) is not None:
        return AnsweringVersions([("", named[1])])
    if (aliased := parse_alias_name(name)) is not None and model_versions.get(connection, name) is None:
        changes = registry_changes.of_model(connection, aliased[0])
        return AnsweringVersions(
            [
                (each["created_at"], int(str(each["after"])) if each["after"] else None)
                for each in changes
                if (each["kind"], each["name"]) == ("alias", aliased[1])
            ]
        )
    return AnsweringVersions(list(_deployed(registry_changes.of_model(connection, name))))


def alias_names(connection: Connection, name: str) -> list[str]:
    """`<name>@<alias>` of every alias that a model has or had."""
    changes = registry_changes.of_model(connection, name)
    return sorted({alias_name(name, each["name"]) for each in changes if each["kind"] == "alias"})


def _deployed(changes: Sequence[RegistryChange]) -> Iterator[tuple[str, int]]:
    """The version that a plain name stood for, at each change of the history of its model."""
    deployed, latest = None, None
    for change in changes:
        version = change["version"]
        if change["kind"] != "status" or version is None:
            continue
        if change["before"] is None:
            latest = max(latest or 0, version)
        if change["after"] == "DEPLOYED":
            deployed = version
        elif deployed == version:
            deployed = None
        yield change["created_at"], deployed or latest or version
