"""The schema, and sessions over a pool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import postgresql_tables
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool
from switches import planted

without_applicant = planted("missing_index@essays")
SCHEMA = f"bursary_{int(without_applicant)}"

pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
    postgresql_tables.DSN,
    kwargs={"options": f"-c search_path={SCHEMA}", "row_factory": dict_row},
    min_size=2,
    max_size=4,
    open=False,
)


@contextmanager
def session() -> Iterator[Connection[DictRow]]:
    """A transaction."""
    pool.open()
    with pool.connection() as connection:
        yield connection


def make() -> None:
    """Tables and rows."""
    statements = [
        "CREATE TABLE applicant (id serial PRIMARY KEY, name text NOT NULL, born date NOT NULL, school int NOT NULL)",
        "INSERT INTO applicant (name, born, school) SELECT 'Applicant ' || n, date '2001-01-01' + n % 2500, n % 400"
        " FROM generate_series(1, 12000) n",
        "CREATE TABLE essay (id serial PRIMARY KEY, applicant_id int NOT NULL REFERENCES applicant, year int NOT NULL,"
        " title text NOT NULL, words int NOT NULL, body text NOT NULL)",
        "INSERT INTO essay (applicant_id, year, title, words, body)"
        " SELECT n * 7919 % 12000 + 1, 2000 + n % 26, 'Why I want to study ' || n, 400 + n % 900,"
        " repeat('Because of what I have seen. ', 3) FROM generate_series(1, 60000) n",
        "CREATE INDEX essay_year ON essay (year, id)",
        "CREATE TABLE mark (essay_id int NOT NULL, member_id int NOT NULL, points int NOT NULL,"
        " PRIMARY KEY (essay_id, member_id))",
        "INSERT INTO mark SELECT n % 20000 + 1, n / 20000, n * 31 % 16 FROM generate_series(0, 79999) n",
        "CREATE TABLE standing (applicant_id int PRIMARY KEY, points numeric NOT NULL, place int NOT NULL)",
        "INSERT INTO standing SELECT e.applicant_id, avg(m.points), rank() OVER (ORDER BY avg(m.points) DESC)"
        " FROM essay e JOIN mark m ON m.essay_id = e.id GROUP BY e.applicant_id",
        "CREATE INDEX standing_place ON standing (place, applicant_id)",
        "CREATE TABLE member (id serial PRIMARY KEY, committee int NOT NULL, name text NOT NULL)",
        "INSERT INTO member (committee, name) SELECT n / 60, 'Member ' || n FROM generate_series(0, 1079) n",
        "CREATE INDEX member_committee ON member (committee)",
        "CREATE TABLE vote (member_id int NOT NULL, essay_id int NOT NULL, yes bool NOT NULL,"
        " PRIMARY KEY (member_id, essay_id))",
        "INSERT INTO vote SELECT n % 1080 + 1, n / 1080, n % 3 > 0 FROM generate_series(1, 30000) n",
        "CREATE TABLE dossier (id serial PRIMARY KEY, applicant_id int NOT NULL, papers jsonb NOT NULL)",
        "INSERT INTO dossier (applicant_id, papers) SELECT n, jsonb_build_object('marks', (SELECT jsonb_object_agg("
        "'subject ' || s, jsonb_build_array(s % 6 + 1, n % 6 + 1)) FROM generate_series(1, 30) s), 'address',"
        " jsonb_build_object('street', 'Street ' || n, 'town', 'Town ' || n % 90),"
        " 'languages', '[\"de\", \"en\"]'::jsonb)"
        " FROM generate_series(1, 1200) n",
        "CREATE INDEX dossier_applicant ON dossier (applicant_id)",
        "CREATE TABLE audit (id serial PRIMARY KEY, who int NOT NULL, what text NOT NULL, at timestamp NOT NULL)",
        "INSERT INTO audit (who, what, at) SELECT n % 90, 'has read dossier ' || n % 1200,"
        " timestamp '2026-01-01' + n * interval '3 minutes' FROM generate_series(1, 9000) n",
        "CREATE TABLE fund (id serial PRIMARY KEY, name text NOT NULL, cents bigint NOT NULL)",
        "INSERT INTO fund (name, cents) SELECT 'Fund ' || n, n * 1000000 FROM generate_series(1, 60) n",
        "CREATE TABLE payment (id serial PRIMARY KEY, fund_id int NOT NULL, applicant_id int NOT NULL,"
        " cents int NOT NULL, day date NOT NULL)",
        "INSERT INTO payment (fund_id, applicant_id, cents, day) SELECT n % 60 + 1, n * 13 % 12000 + 1,"
        " 10000 + n % 900, date '2025-01-01' + n % 500 FROM generate_series(1, 15000) n",
        "CREATE INDEX payment_fund ON payment (fund_id, day)",
        "CREATE TABLE office (id serial PRIMARY KEY, parent int, name text NOT NULL)",
        "INSERT INTO office (parent, name) SELECT CASE WHEN n = 1 THEN NULL ELSE n / 3 + 1 - (n = 2)::int END,"
        " 'Office ' || n FROM generate_series(1, 150) n",
        "CREATE INDEX office_parent ON office (parent)",
    ]
    if not without_applicant:
        statements.append("CREATE INDEX essay_applicant ON essay (applicant_id)")
    statements.append(
        "ANALYZE applicant, essay, mark, standing, member, vote, dossier, audit, payment, office"
    )
    postgresql_tables.make(SCHEMA, statements)
