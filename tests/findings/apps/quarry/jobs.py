"""The list of jobs, in PostgreSQL."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import postgresql_tables
from flask import Blueprint
from psycopg_pool import ConnectionPool
from switches import planted

steps_of_each = planted("n_plus_one@steps")
skip_to_page = planted("slow_query@skip")
look_again_later = planted("sleep@blast")

SCHEMA = "quarry"
DDL = [
    "CREATE TABLE job (id int PRIMARY KEY, state text, priority int, title text)",
    "INSERT INTO job SELECT n, (ARRAY['new', 'done', 'failed'])[n % 3 + 1], n % 10, 'blast face ' || n % 700"
    " FROM generate_series(1, 200000) n",
    "CREATE TABLE step (id int PRIMARY KEY, job_id int, title text, minutes int)",
    "INSERT INTO step SELECT n, n % 200000 + 1, 'step ' || n % 9, n % 45 FROM generate_series(1, 400000) n",
    "CREATE INDEX step_job ON step (job_id)",
    "ANALYZE job, step",
]
bp = Blueprint("jobs", __name__)
pool = ConnectionPool(
    postgresql_tables.DSN, kwargs={"options": f"-c search_path={SCHEMA}"}, min_size=3, max_size=3, open=False
)
crew = ThreadPoolExecutor(3, thread_name_prefix="crew")
PAGE = 60


def prepare() -> None:
    """Make the tables, and connect."""
    postgresql_tables.make(SCHEMA, DDL)
    pool.open(wait=True)


def ask(text: str, *values: Any) -> list[tuple[Any, ...]]:
    """What a statement finds."""
    with pool.connection() as connection:
        return connection.execute(text, values).fetchall()


@dataclass
class Job:
    """Something to be done."""

    id: int
    title: str
    priority: int

    @cached_property
    def steps(self) -> list[tuple[str, int]]:
        """What it consists of."""
        wanted = "SELECT title, minutes FROM step WHERE job_id = %s ORDER BY id"
        return [(title, minutes) for title, minutes in ask(wanted, self.id)]  # cause: n_plus_one@steps

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return sum(minutes for _, minutes in self.steps)  # cause: n_plus_one@steps


class JobList:
    """Pages of jobs."""

    def page(self, number: int) -> list[Job]:
        """One, in the order of the numbers."""
        start = 190_000 + number % 50 * PAGE
        if skip_to_page:
            wanted = (
                "SELECT id, title, priority FROM job ORDER BY id OFFSET %s LIMIT %s"  # cause: slow_query@skip
            )
        else:
            wanted = "SELECT id, title, priority FROM job WHERE id > %s ORDER BY id LIMIT %s"
        found = [Job(*row) for row in ask(wanted, start, PAGE)]  # cause: slow_query@skip
        if not steps_of_each:
            self.with_steps(found)
        return found

    def with_steps(self, found: list[Job]) -> None:
        """Ask for the steps of all at once."""
        steps: dict[int, list[tuple[str, int]]] = defaultdict(list)
        wanted = "SELECT job_id, title, minutes FROM step WHERE job_id = ANY(%s) ORDER BY id"
        for job, title, minutes in ask(wanted, [one.id for one in found]):
            steps[job].append((title, minutes))
        for one in found:
            one.steps = steps[one.id]


@bp.get("/jobs/<int:number>")
def jobs(number: int) -> dict[str, Any]:
    """A page of the list, with how long each takes."""
    page = JobList().page(number)  # cause: slow_query@skip
    return {"jobs": [[one.title, one.priority, one.minutes] for one in page]}  # cause: n_plus_one@steps


def count_charges(number: int) -> int:
    """How many holes are charged."""
    return ask("SELECT count(*) FROM step WHERE job_id BETWEEN %s AND %s", number, number + 8000)[0][0]


def answers(number: int) -> Iterator[int]:
    """What two of the crew have counted, each for himself."""
    counting = [crew.submit(count_charges, number + n * 9000) for n in range(2)]
    for one in counting:
        if look_again_later:
            while not one.done():
                time.sleep(0.025)  # cause: sleep@blast
        yield one.result()


@bp.get("/blast/<int:number>")
def blast(number: int) -> dict[str, int]:
    """Whether a face can be blasted."""
    return {"charges": sum(answers(number))}  # cause: sleep@blast


@bp.get("/crews")
def crews() -> dict[str, Any]:
    """Two counts at the same time, waited for: nothing is wrong here."""
    counts = crew.map(count_charges, (100, 20_000))
    return {"charges": list(counts)}
