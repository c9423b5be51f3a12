"""Costs and returns only store and read: their tests share a database on PostgreSQL."""

from tests.shared_database import database, shared_postgres_url

__all__ = ["database", "shared_postgres_url"]
