"""Databases on a PostgreSQL server that take the place of the files of the workspaces that `random_kills` makes."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url

HOME, KEPT, RESTORED = "killed_home", "killed_kept", "killed_restored"
EMPTY = "template1"


@dataclass(frozen=True)
class Databases:
    """The databases of a run, made and copied as its folders are.

    Attributes:
        server: the URL of a database in which others may be created.
    """

    server: str

    def enter(self, name: str) -> None:
        """Make it the database of every workspace that this process opens."""
        url = make_url(self.server).set(database=name)
        os.environ["FINE_TUNING_DATABASE_URL"] = url.render_as_string(hide_password=False)

    def copy(self, name: str, template: str) -> None:
        """Make a database as another one is, in place of what it was."""
        names = {"name": Identifier(name), "template": Identifier(template)}
        with psycopg.connect(self.server, autocommit=True) as connection:
            # A process that was killed may still have a connection.
            connection.execute(SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**names))
            connection.execute(SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))
