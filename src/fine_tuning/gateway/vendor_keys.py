"""Keys of vendors that the gateway holds for a project, so that its applications need none: encrypted in the database.

The key that encrypts them is in the environment alone. A held key can be used and replaced, never read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fine_tuning.errors import ConfigurationError, MissingDependencyError, NotFoundError, UsageError
from fine_tuning.settings import Settings
from fine_tuning.store import vendor_keys
from fine_tuning.store.database import Database
from fine_tuning.store.projects import check_project

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_SETTING = "FINE_TUNING_SECRET_KEY"
_MAKE_ONE = "make one, and keep it apart from the database: ft-cli vendor-keys secret"


def new_secret() -> str:
    """A value for FINE_TUNING_SECRET_KEY."""
    return _fernet().generate_key().decode()


class VendorKeys:
    """Encrypts and decrypts by the setting.

    Raises:
        ConfigurationError: it is missing, or none that `new_secret` makes.
        MissingDependencyError: cryptography is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        from cryptography.fernet import MultiFernet

        if settings.secret_key is None:
            raise ConfigurationError(f"{_SETTING} is not set, by which vendors' keys are encrypted; {_MAKE_ONE}")
        secrets = [each.strip() for each in settings.secret_key.get_secret_value().split(",") if each.strip()]
        try:
            self._keys = MultiFernet([_fernet()(each) for each in secrets])
        except ValueError:
            raise ConfigurationError(f"{_SETTING} is no key for encryption; {_MAKE_ONE}") from None

    def hold(self, database: Database, project: str, upstream: str, key: str) -> None:
        """Hold a vendor's key for a project, in place of the one that is held.

        Raises:
            UsageError: it is no key that a header can carry.
        """
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError("a vendor's key has printable ASCII characters without spaces; copy it again")
        text = json.dumps([check_project(project), upstream, key])
        with database.write() as tx:
            vendor_keys.put(tx, project, upstream, self._keys.encrypt(text.encode()).decode())

    def held(self, database: Database, project: str, upstream: str) -> str | None:
        """The key that is held for a project; None where there is none.

        Raises:
            ConfigurationError: it was encrypted by another secret, or is another row's.
        """
        from cryptography.fernet import InvalidToken

        with database.read() as tx:
            encrypted = vendor_keys.encrypted(tx, project, upstream)
        if encrypted is None:
            return None
        try:
            *owner, key = json.loads(self._keys.decrypt(encrypted))
        except InvalidToken:
            owner, key = [], ""
        if owner != [project, upstream]:
            raise ConfigurationError(
                f"the key of {upstream} that is held for project {project} was encrypted by another {_SETTING}; "
                f"store it again: ft-cli vendor-keys set {upstream} --project {project}"
            )
        return str(key)


def forget(database: Database, project: str, upstream: str) -> None:
    """Delete a held key.

    Raises:
        NotFoundError: none is held.
    """
    with database.write() as tx:
        if not vendor_keys.remove(tx, project, upstream):
            raise NotFoundError(f"no key of {upstream} is held for project {project}; see ft-cli vendor-keys list")


def _fernet() -> type[Fernet]:
    try:
        from cryptography.fernet import Fernet
    except ImportError as error:
        raise MissingDependencyError("cryptography", "serve", "holding vendors' keys") from error
    return Fernet
