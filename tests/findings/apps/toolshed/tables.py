"""Tables of the club."""

from __future__ import annotations

import postgresql_tables

SCHEMA = "toolshed"
MEMBERS = (
    "(id int PRIMARY KEY, badge text NOT NULL, name text NOT NULL, joined date NOT NULL, phone text NOT NULL)"
)
SOME_MEMBERS = (
    "SELECT n, 'B-0' || (n % 30000), 'Member ' || n, date '2020-01-01' + n % 2000, '555-' || n"
    " FROM generate_series(1, 90000) n"
)

STATEMENTS = [
    "CREATE TABLE kinds (id int PRIMARY KEY, name text)",
    "INSERT INTO kinds SELECT n, 'Kind ' || n FROM generate_series(1, 30) n",
    "CREATE TABLE tools (id int PRIMARY KEY, name text, kind_id int, shelf int, daily_cents int)",
    "INSERT INTO tools SELECT n, 'Tool ' || n, n % 30 + 1, n % 75, 100 + n % 40 * 10 FROM generate_series(1, 500) n",
    "CREATE INDEX ON tools (shelf)",
    f"CREATE TABLE members {MEMBERS}",
    f"INSERT INTO members {SOME_MEMBERS}",
    f"CREATE TABLE members_by_badge {MEMBERS}",
    f"INSERT INTO members_by_badge {SOME_MEMBERS}",
    "CREATE INDEX ON members_by_badge (lower(badge))",
    "CREATE TABLE loans (id int PRIMARY KEY, tool_id int, member_id int, out_on date, days int, cents int)",
    "INSERT INTO loans SELECT n, n % 500 + 1, n * 7 % 90000 + 1, date '2025-01-01' + n % 500, n % 14, n % 60 * 25"
    " FROM generate_series(1, 105000) n ORDER BY 2, 1",
    "CREATE INDEX ON loans (tool_id)",
    "CREATE INDEX ON loans (member_id)",
    "CREATE TABLE postings (id int PRIMARY KEY, account text, cents int, posted_on date, remark text)",
    "INSERT INTO postings SELECT n, (ARRAY['rent', 'fees', 'loans', 'repairs'])[n % 4 + 1], n % 900 - 300,"
    " date '2026-01-01' + n % 300, 'by the desk, number ' || n FROM generate_series(1, 15000) n",
]


def make() -> None:
    """Have them."""
    postgresql_tables.make(SCHEMA, [*STATEMENTS, "ANALYZE"])
