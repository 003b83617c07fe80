"""The broker's schema, and how it is reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import postgresql_tables
import psycopg
import psycopg2
from psycopg_pool import ConnectionPool
from sqlalchemy import Connection, create_engine
from switches import planted

without_number = planted("missing_index@number")
without_renewal = planted("missing_index@renewals")
connect_each_time = planted("connection_churn@adjusters")

SCHEMA = f"brokerage_{int(without_number)}{int(without_renewal)}"
SEARCH = f"-c search_path={SCHEMA}"

engine = create_engine(
    "postgresql+psycopg2://",
    creator=lambda: psycopg2.connect(postgresql_tables.DSN, options=SEARCH),
    pool_size=3,
)


def make() -> None:
    """Tables and what is in them."""
    statements = [
        "CREATE TABLE holder (id serial PRIMARY KEY, name text NOT NULL, town text NOT NULL, born date NOT NULL)",
        "INSERT INTO holder (name, town, born) SELECT 'Holder ' || n, 'Town ' || n % 90, date '1950-01-01' + n % 18000"
        " FROM generate_series(1, 6000) n",
        "CREATE TABLE policy (id serial PRIMARY KEY, number text NOT NULL, holder_id int NOT NULL,"
        " product int NOT NULL, premium int NOT NULL, currency text NOT NULL, renewal date NOT NULL,"
        " state text NOT NULL)",
        "INSERT INTO policy (number, holder_id, product, premium, currency, renewal, state)"
        " SELECT 'P-' || lpad((n * 7919 % 100003)::text, 7, '0'), n % 6000 + 1, n % 12, 90 + n * 31 % 4000,"
        " (ARRAY['EUR','CHF','USD','GBP'])[n / 3000 % 4 + 1], date '2024-01-01' + (n * 13 % 3000), "
        " (ARRAY['active','active','active','active','lapsed'])[n / 3000 % 5 + 1] FROM generate_series(1, 100000) n",
        "CREATE INDEX policy_holder ON policy (holder_id)",
        "CREATE TABLE claim (id serial PRIMARY KEY, policy_id int NOT NULL, adjuster int NOT NULL, amount int NOT NULL,"
        " opened date NOT NULL, state text NOT NULL, told text NOT NULL)",
        "INSERT INTO claim (policy_id, adjuster, amount, opened, state, told)"
        " SELECT n * 17 % 100000 + 1, n % 40, 50 + n * 97 % 20000, date '2023-01-01' + n % 900,"
        " (ARRAY['settled','settled','settled','open'])[n % 4 + 1], repeat('water in the cellar, ', n % 4 + 1)"
        " FROM generate_series(1, 40000) n",
        "CREATE INDEX claim_policy ON claim (policy_id)",
        "CREATE INDEX claim_adjuster ON claim (adjuster, opened)",
        "CREATE TABLE event (id serial PRIMARY KEY, claim_id int NOT NULL, at timestamp NOT NULL, what text NOT NULL)",
        "INSERT INTO event (claim_id, at, what) SELECT n % 40000 + 1, timestamp '2024-01-01' + n * interval '1 minute',"
        " (ARRAY['called','wrote','paid','closed'])[n % 4 + 1] FROM generate_series(1, 120000) n",
        "CREATE INDEX event_claim ON event (claim_id, at)",
        "CREATE TABLE rate (currency text PRIMARY KEY, cents int NOT NULL)",
        "INSERT INTO rate VALUES ('EUR', 100), ('CHF', 104), ('USD', 92), ('GBP', 117)",
        "CREATE TABLE branch (id serial PRIMARY KEY, town text NOT NULL, street text NOT NULL)",
        "INSERT INTO branch (town, street) SELECT 'Town ' || n % 90, 'Street ' || n FROM generate_series(1, 200) n",
        "CREATE TABLE exposure (product int, state text, policies bigint, premium bigint, claimed bigint)",
        "INSERT INTO exposure SELECT p.product, p.state, count(*), sum(p.premium), sum(c.amount)"
        " FROM policy p LEFT JOIN claim c ON c.policy_id = p.id GROUP BY 1, 2",
    ]
    if not without_number:
        statements.append("CREATE INDEX policy_number ON policy (number)")
    if not without_renewal:
        statements.append("CREATE INDEX policy_renewal ON policy (renewal, state)")
    postgresql_tables.make(SCHEMA, [*statements, "ANALYZE holder, policy, claim, event, branch"])


@contextmanager
def core() -> Iterator[Connection]:
    """A connection of SQLAlchemy's pool."""
    with engine.connect() as connection:
        yield connection


pool = ConnectionPool(postgresql_tables.DSN, kwargs={"options": SEARCH}, min_size=1, max_size=3, open=False)


@contextmanager
def raw() -> Iterator[psycopg.Connection]:
    """A connection for what is written by hand."""
    if connect_each_time:
        own = psycopg.connect(postgresql_tables.DSN, options=SEARCH)  # cause: connection_churn@adjusters
        with own as connection:
            yield connection
    else:
        pool.open()
        with pool.connection() as connection:
            yield connection
