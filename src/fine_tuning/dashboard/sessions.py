"""Sessions of the dashboard: where API keys exist, a person signs in with one and gets a signed cookie.

The cookie names the key, whose record is read again at every request: revoking the key ends its sessions. The dashboard
shows all projects, so it accepts owners' keys only, and those of the default project while there is no other.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import NamedTuple

from itsdangerous import BadSignature, URLSafeTimedSerializer

from fine_tuning._util.files import create_private, translated_os_errors
from fine_tuning.errors import ConfigurationError
from fine_tuning.server import authentication
from fine_tuning.store.database import Database

COOKIE = "ft_session"
GUEST = "ft_guest"  # distinguishes browsers where there are no keys
SECRET_BYTES = 32
SECONDS = 7 * 24 * 3600


class Session(NamedTuple):
    """A signed-in person.

    Attributes:
        name: of the key, or of the browser where there are no keys; reviews are recorded under it.
        read_only: the key allows no changes.
        is_guest: no key was ever created, so nobody can sign in.
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
        if access.key_id is None or authentication.find_overseer(self._database, access.key_id) is None:
            return None
        return str(self._signer.dumps(access.key_id))

    def find(self, cookie: str | None, guest: str) -> Session | None:
        """The session of a cookie, or a guest session where no key was ever created; None without either."""
        if authentication.is_open(self._database):
            return Session(f"guest-{guest}", is_guest=True)
        try:
            key_id = self._signer.loads(cookie or "", max_age=SECONDS)
        except BadSignature:
            return None
        found = authentication.find_overseer(self._database, str(key_id))
        return None if found is None else Session(found["name"], found["read_only"])


def cookie_secret(home: Path) -> str:
    """The key that signs the workspace's cookies; created once, readable by its owner only.

    Raises:
        ConfigurationError: the file holds less than a whole key, with which sessions could be forged.
        StorageError: it cannot be written or read.
    """
    path = home / "dashboard.secret"
    if not path.exists():
        create_private(path, secrets.token_urlsafe(SECRET_BYTES))
    with translated_os_errors(path, "read"):
        secret = path.read_text("utf-8", "replace").strip()
    if not re.fullmatch(rf"[\w-]{{{SECRET_BYTES},}}", secret, re.ASCII):
        raise ConfigurationError(f"{path} is damaged; delete it, and everyone signs in again")
    return secret
