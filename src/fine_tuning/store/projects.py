"""Projects: whose keys, files, jobs and captured calls are kept apart from those of others in the same workspace."""

from __future__ import annotations

import re

from fine_tuning.errors import UsageError

DEFAULT_PROJECT = "default"  # of what is made on this machine, and of rows that are older than projects
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_project(name: str) -> str:
    """The name of a project, which may be a new one.

    Raises:
        UsageError: it is no such name.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"invalid project name {name!r}; use up to 64 letters, digits, dots, dashes and underscores")
    return name
