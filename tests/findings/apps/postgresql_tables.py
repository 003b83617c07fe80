"""postgresql_tables -- schemas of the corpus on the private PostgreSQL: each made once, by whoever comes first."""

from __future__ import annotations

import os
import zlib

import psycopg2

DSN = os.environ.get("FINDINGS_POSTGRESQL", "")


def make(schema: str, statements: list[str]) -> None:
    """Make a schema with these statements, unless it is there; those who start together wait for the first."""
    connection = psycopg2.connect(DSN)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (zlib.crc32(schema.encode()),))
            cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE SCHEMA {schema}")
                cursor.execute(f"SET LOCAL search_path TO {schema}")
                for statement in statements:
                    cursor.execute(statement)
    finally:
        connection.close()
