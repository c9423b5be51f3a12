"""What is stored, and the only place that knows SQL.

`database.py` opens and migrates, `tables/` declares, `records/` has the types of rows, and one module per entity holds
its queries as functions of a connection, so that several can share one transaction.
"""
