"""What all tables share: naming of constraints, partial indexes, columns with few values."""

from __future__ import annotations

from typing import TypedDict

from sqlalchemy import CheckConstraint, ColumnElement, MetaData, TextClause

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class IndexCondition(TypedDict):
    """The condition of a partial index, for both dialects."""

    sqlite_where: ColumnElement[bool] | TextClause
    postgresql_where: ColumnElement[bool] | TextClause


def only(condition: ColumnElement[bool] | TextClause) -> IndexCondition:
    """Restrict an index to the rows that meet a condition."""
    return {"sqlite_where": condition, "postgresql_where": condition}


def one_of(column: str, values: tuple[str, ...], name: str) -> CheckConstraint:
    """A constraint that a column holds one of these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)
