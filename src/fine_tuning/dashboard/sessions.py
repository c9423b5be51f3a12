"""Sessions of the dashboard: where API keys exist, a person signs in with one and gets a signed cookie.

The cookie names the key, whose record is read again at every request: revoking the key ends its sessions. The dashboard
shows all projects, so it accepts keys of the default project only.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from itsdangerous import BadSignature, URLSafeTimedSerializer

from fine_tuning._util.files import make_folder
from fine_tuning.server import authentication
from fine_tuning.store.database import Database

COOKIE = "ft_session"
GUEST = "ft_guest"  # distinguishes browsers where there are no keys
SECONDS = 7 * 24 * 3600


class Session(NamedTuple):
    """A signed-in person.

    Attributes:
        name: of the key, or of the browser where there are no keys; reviews are recorded under it.
        read_only: the key allows no changes.
        is_guest: there are no keys, so nobody can sign in.
    """

    name: str
    read_only: bool = False
    is_guest: bool = False


class Sessions:
    """The sessions of one workspace."""

    def __init__(self, database: Database, secret: str) -> None:
        self._database = database
        self._signer = URLSafeTimedSerializer(secret, salt=COOKIE)

    def open(self, key: str) -> str | None:
        """The cookie for a key; None for a key without access to the dashboard."""
        access = authentication.access(self._database, f"Bearer {key.strip()}")
        if access.key_id is None or access.project != authentication.DEFAULT_PROJECT:
            return None
        return str(self._signer.dumps(access.key_id))

    def find(self, cookie: str | None, guest: str) -> Session | None:
        """The session of a cookie, or a guest session where there are no keys; None without either."""
        if not authentication.any_valid(self._database):
            return Session(f"guest-{guest}", is_guest=True)
        try:
            key_id = self._signer.loads(cookie or "", max_age=SECONDS)
        except BadSignature:
            return None
        found = authentication.find(self._database, str(key_id))
        return None if found is None else Session(found["name"], found["read_only"])


def cookie_secret(home: Path) -> str:
    """The key that signs the workspace's cookies; created once, readable by its owner only."""
    path = make_folder(home) / "dashboard.secret"
    with suppress(FileExistsError):
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()
