"""Routes of the gateway: each change is a revision, and the newest revision is what the route is."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Select, delete, func, select, update

from fine_tuning.store import tables
from fine_tuning.store.records.routes import Route, RouteRevision
from fine_tuning.store.records.rows import record, records
from fine_tuning.store.upsert import insert

_table, _history = tables.routes, tables.route_revisions
_REVISION = [column for column in _history.c if column.name != "id"]


def get(connection: Connection, project: str, name: str) -> Route | None:
    """A route, or None."""
    row = connection.execute(_current().where(*_is(project, name))).mappings().one_or_none()
    return None if row is None else record(Route, row)


def listed(connection: Connection, project: str | None = None) -> list[Route]:
    """The routes of a project, or of all, by name."""
    query = _current().order_by(_table.c.project, _table.c.name)
    query = query if project is None else query.where(_table.c.project == project)
    return records(Route, connection.execute(query).mappings())


def lock(connection: Connection, project: str, name: str) -> None:
    """Block other writers of a route until the transaction ends; a new one is there without a revision until then."""
    new = insert(connection, _table).values(project=project, name=name, revision=0, shadow_calls=0, shadow_dollars=0.0)
    connection.execute(new.on_conflict_do_nothing())
    connection.execute(select(_table.c.revision).where(*_is(project, name)).with_for_update())


def revise(connection: Connection, revision: RouteRevision) -> None:
    """Add a revision, which the route is from now on; the caller has locked the route."""
    project, name = revision["project"], revision["name"]
    connection.execute(_history.insert(), dict(revision))
    if revision["policy"] is None:
        connection.execute(delete(_table).where(*_is(project, name)))
    else:
        connection.execute(update(_table).where(*_is(project, name)).values(revision=revision["revision"]))


def last_revision(connection: Connection, project: str, name: str) -> int:
    """The number of the newest revision; 0 where there never was one."""
    query = select(func.max(_history.c.revision)).where(_history.c.project == project, _history.c.name == name)
    return connection.scalar(query) or 0


def history(connection: Connection, project: str, name: str) -> list[RouteRevision]:
    """Every revision of a route, also of a deleted one, oldest first."""
    query = select(*_REVISION).where(_history.c.project == project, _history.c.name == name)
    return records(RouteRevision, connection.execute(query.order_by(_history.c.revision)).mappings())


def begun(connection: Connection, project: str, name: str) -> int:
    """The revision since which a route was not set, returned or promoted by anyone."""
    is_its = (_history.c.project == project) & (_history.c.name == name) & (_history.c.action != "advance")
    return connection.scalar(select(func.max(_history.c.revision)).where(is_its)) or 0


def revision_at(connection: Connection, project: str, name: str, number: int) -> RouteRevision | None:
    """A revision by its number."""
    is_it = (_history.c.project == project) & (_history.c.name == name) & (_history.c.revision == number)
    row = connection.execute(select(*_REVISION).where(is_it)).mappings().one_or_none()
    return None if row is None else record(RouteRevision, row)


def reset_shadow(connection: Connection, project: str, name: str) -> None:
    """Begin the budget of the shadow anew."""
    connection.execute(update(_table).where(*_is(project, name)).values(shadow_calls=0, shadow_dollars=0.0))


def take_shadow(
    connection: Connection, project: str, name: str, max_calls: int | None, max_dollars: float | None
) -> bool:
    """Count a call of the shadow, if its budget allows one more."""
    limits = [] if max_calls is None else [_table.c.shadow_calls < max_calls]
    limits += [] if max_dollars is None else [_table.c.shadow_dollars < max_dollars]
    statement = update(_table).where(*_is(project, name), *limits).values(shadow_calls=_table.c.shadow_calls + 1)
    return connection.execute(statement).rowcount == 1


def add_shadow_dollars(connection: Connection, project: str, name: str, dollars: float) -> None:
    """Count what a call of the shadow cost."""
    statement = update(_table).where(*_is(project, name))
    connection.execute(statement.values(shadow_dollars=_table.c.shadow_dollars + dollars))


def _current() -> Select[tuple[object, ...]]:
    """Routes with what their revisions say."""
    is_its = (
        (_history.c.project == _table.c.project)
        & (_history.c.name == _table.c.name)
        & (_history.c.revision == _table.c.revision)
    )
    return select(_table, _history.c.policy, _history.c.share, _history.c.created_at.label("changed_at")).join(
        _history, is_its
    )


def _is(project: str, name: str) -> list[ColumnElement[bool]]:
    return [_table.c.project == project, _table.c.name == name]
