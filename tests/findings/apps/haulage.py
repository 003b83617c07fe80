"""haulage -- lorries, their drivers and where they are: cursors of psycopg2 and SQL written by hand, on PostgreSQL."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import wraps
from typing import Any

import postgresql_tables
import psycopg2
import psycopg2.extras
import psycopg2.pool
from flask import Blueprint, Flask, Response, g, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from switches import planted

SCHEMA = "haulage"
DDL = [
    "CREATE TABLE lorry (id int PRIMARY KEY, plate text NOT NULL UNIQUE, depot int NOT NULL, tonnes int NOT NULL)",
    "INSERT INTO lorry SELECT n, 'HH-' || n, n % 8, 7 + n % 33 FROM generate_series(1, 150) n",
    "CREATE TABLE driver (id int PRIMARY KEY, name text NOT NULL, depot int NOT NULL)",
    "INSERT INTO driver SELECT n, 'Driver ' || n, n % 8 FROM generate_series(1, 200) n",
    "CREATE TABLE position (id int PRIMARY KEY, lorry_id int NOT NULL, at timestamp NOT NULL,"
    " lat real NOT NULL, lon real NOT NULL, speed int NOT NULL)",
    "INSERT INTO position SELECT n, n % 150 + 1, '2026-01-01'::timestamp + n * interval '20 seconds',"
    " 53 + n % 700 / 1000.0, 10 + n % 900 / 1000.0, n % 90 FROM generate_series(1, 60000) n",
    "CREATE INDEX ON position (lorry_id, at DESC)",
    "CREATE TABLE speed (id int PRIMARY KEY, lorry_id int NOT NULL, kmh int NOT NULL)",
    "INSERT INTO speed SELECT n, n % 150 + 1, n % 90 FROM generate_series(1, 4000) n",
    "CREATE TABLE imported (LIKE position)",
    "CREATE INDEX ON imported (lorry_id, at DESC)",
    "CREATE TABLE trip (id int PRIMARY KEY, lorry_id int NOT NULL, driver_id int NOT NULL, day date NOT NULL,"
    " km int NOT NULL, toll_cents int NOT NULL)",
    "INSERT INTO trip SELECT n, n % 150 + 1, n * 7 % 200 + 1, '2026-01-01'::date + n / 120, n * 13 % 700,"
    " n * 17 % 9000 FROM generate_series(1, 20000) n",
    "CREATE INDEX ON trip (day)",
    "CREATE INDEX ON trip (driver_id, day)",
    "CREATE TABLE fuel (lorry_id int NOT NULL, day date NOT NULL, litres int NOT NULL, batch text NOT NULL)",
    "CREATE INDEX ON fuel (batch)",
    "CREATE TABLE permission (driver_id int, action text, granted bool NOT NULL, PRIMARY KEY (driver_id, action))",
    "INSERT INTO permission SELECT n, a, true FROM generate_series(1, 200) n,"
    " unnest(ARRAY['drive', 'load', 'refuel', 'report']) a",
    "CREATE TABLE shut_out (address text PRIMARY KEY)",
    "INSERT INTO shut_out SELECT '192.0.2.' || n FROM generate_series(1, 200) n",
    "CREATE TABLE visit (id bigserial PRIMARY KEY, path text NOT NULL, at timestamp NOT NULL DEFAULT now())",
    "ANALYZE",
]
OPTIONS = f"-csearch_path={SCHEMA}"
insert_each = planted("n_plus_one@fuel")
many_by_driver = planted("n_plus_one@speeds")
connect_each_time = planted("connection_churn@visits")
sort_everything = planted("slow_query@last_seen")
ask_each_driver = planted("n_plus_one@rota")
same_again = planted("duplicate_query@lorry")

postgresql_tables.make(SCHEMA, DDL)
app = Flask(__name__)
tracked = Blueprint("tracked", __name__)
pool = psycopg2.pool.ThreadedConnectionPool(1, 4, postgresql_tables.DSN, options=OPTIONS)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@contextmanager
def cursor() -> Iterator[Any]:
    """A cursor of a kept connection, in a transaction."""
    connection = pool.getconn()
    try:
        with connection, connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as found:
            yield found
    finally:
        pool.putconn(connection)


def fuel_rows(batch: str) -> list[tuple[int, date, int, str]]:
    """What the cards for fuel say, as the company that issues them sends it."""
    return [
        (n % 150 + 1, date(2026, 1, 1) + timedelta(days=n // 150), 40 + n % 300, batch) for n in range(600)
    ]


class FuelView(MethodView):
    """Fuel that was bought."""

    init_every_request = False

    def get(self) -> ResponseReturnValue:
        """Take the list of the day."""
        batch = request.args.get("batch", "today")
        rows = fuel_rows(f"{batch}-{int(insert_each)}")
        with cursor() as asked:
            asked.execute("DELETE FROM fuel WHERE batch = %s", (rows[0][3],))
            if insert_each:
                for row in rows:
                    asked.execute(
                        "INSERT INTO fuel (lorry_id, day, litres, batch) VALUES (%s, %s, %s, %s)", row
                    )  # cause: n_plus_one@fuel
            else:
                psycopg2.extras.execute_values(
                    asked, "INSERT INTO fuel (lorry_id, day, litres, batch) VALUES %s", rows, page_size=1000
                )
            asked.execute("SELECT sum(litres) AS litres FROM fuel WHERE batch = %s", (rows[0][3],))
            return {"rows": len(rows), "litres": asked.fetchone()["litres"]}


app.add_url_rule("/fuel", view_func=FuelView.as_view("fuel"))


@app.get("/speeds/correct")
def correct() -> dict[str, Any]:
    """Speeds that the workshop measured anew."""
    rows = [(n % 90, 1 + n * 7) for n in range(500)]
    with cursor() as asked:
        if many_by_driver:
            asked.executemany("UPDATE speed SET kmh = %s WHERE id = %s", rows)  # cause: n_plus_one@speeds
        else:
            psycopg2.extras.execute_values(
                asked,
                "UPDATE speed SET kmh = new.kmh FROM (VALUES %s) AS new (kmh, id) WHERE speed.id = new.id",
                rows,
                page_size=1000,
            )
        asked.execute("SELECT count(*) AS fast FROM speed WHERE kmh > 80")
        return {"corrected": len(rows), "fast": asked.fetchone()["fast"]}


def beside(statement: str, *values: Any) -> int:
    """Run something in a transaction of its own, whatever becomes of the page's; how many rows it met."""
    if connect_each_time:
        connection = psycopg2.connect(
            postgresql_tables.DSN, options=OPTIONS
        )  # cause: connection_churn@visits
        with connection, connection.cursor() as asked:  # cause: connection_churn@visits
            asked.execute(statement, values)  # cause: connection_churn@visits
            met = asked.rowcount
        connection.close()
        return met
    with cursor() as asked:
        asked.execute(statement, values)
        return asked.rowcount


@tracked.before_request
def enter() -> ResponseReturnValue | None:
    """Only those that are not shut out."""
    met = beside(
        "SELECT 1 FROM shut_out WHERE address = %s", request.remote_addr
    )  # cause: connection_churn@visits
    if met:
        return {"error": "not you"}, 403
    return None


@tracked.teardown_request
def leave(error: BaseException | None) -> None:
    """Notes each visit."""
    beside("INSERT INTO visit (path) VALUES (%s)", request.path)  # cause: connection_churn@visits


@tracked.get("/depots/<int:depot>")
def depot(depot: int) -> dict[str, Any]:
    """What belongs to a depot."""
    with cursor() as asked:
        asked.execute("SELECT id, plate, tonnes FROM lorry WHERE depot = %s ORDER BY plate", (depot,))
        lorries = [dict(row) for row in asked.fetchall()]
        asked.execute("SELECT id, name FROM driver WHERE depot = %s ORDER BY name", (depot,))
        drivers = [dict(row) for row in asked.fetchall()]
        asked.execute(
            "SELECT day, sum(km) AS km FROM trip JOIN lorry ON lorry.id = lorry_id WHERE depot = %s"
            " AND day BETWEEN '2026-03-01' AND '2026-03-31' GROUP BY day ORDER BY day",
            (depot,),
        )
        days = {row["day"].isoformat(): row["km"] for row in asked.fetchall()}
    return {"lorries": lorries, "drivers": drivers, "days": days}


app.register_blueprint(tracked)
DISTINCT = (
    "SELECT DISTINCT ON (lorry_id) lorry_id, plate, at, lat, lon, speed FROM position"
    " JOIN lorry ON lorry.id = lorry_id ORDER BY lorry_id, at DESC"
)
EACH_NEWEST = (
    "SELECT lorry.id AS lorry_id, plate, at, lat, lon, speed FROM lorry CROSS JOIN LATERAL (SELECT at, lat, lon, speed"
    " FROM position WHERE lorry_id = lorry.id ORDER BY at DESC LIMIT 1) AS newest ORDER BY lorry.id"
)


def last_seen() -> list[dict[str, Any]]:
    """Where each lorry was when it last said so."""
    with cursor() as asked:
        asked.execute(DISTINCT if sort_everything else EACH_NEWEST)  # cause: slow_query@last_seen
        return [dict(row) for row in asked.fetchall()]


@app.get("/map.geojson")
def positions_on_map() -> dict[str, Any]:
    """All lorries on a map."""
    rows = last_seen()  # cause: slow_query@last_seen
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
                "properties": {"plate": row["plate"], "at": row["at"].isoformat(), "speed": row["speed"]},
            }
            for row in rows
        ],
    }


def drives(driver: int, day: date) -> list[dict[str, Any]]:
    """What a driver did on a day."""
    with cursor() as asked:
        asked.execute(
            "SELECT lorry_id, km FROM trip WHERE driver_id = %s AND day = %s ORDER BY id", (driver, day)
        )  # cause: n_plus_one@rota
        return [dict(row) for row in asked.fetchall()]


def drives_of(drivers: list[int], day: date) -> dict[int, list[dict[str, Any]]]:
    """What drivers did on a day."""
    found = defaultdict(list)
    with cursor() as asked:
        asked.execute(
            "SELECT driver_id, lorry_id, km FROM trip WHERE driver_id = ANY(%s) AND day = %s ORDER BY id",
            (drivers, day),
        )
        for row in asked.fetchall():
            found[row["driver_id"]].append({"lorry_id": row["lorry_id"], "km": row["km"]})
    return found


def lorry_of(number: int) -> dict[str, Any]:
    """A lorry."""
    if not same_again and number in g.setdefault("lorries", {}):
        return g.lorries[number]
    with cursor() as asked:
        asked.execute(
            "SELECT id, plate, depot, tonnes FROM lorry WHERE id = %s", (number,)
        )  # cause: duplicate_query@lorry
        found = dict(asked.fetchone())
    if not same_again:
        g.lorries[number] = found
    return found


@app.get("/rota")
def rota() -> dict[str, Any]:
    """Who drove what."""
    day = date.fromisoformat(request.args.get("day", "2026-02-11"))
    with cursor() as asked:
        asked.execute("SELECT id, name FROM driver WHERE depot IN (3, 4, 5) ORDER BY id")
        drivers = [dict(row) for row in asked.fetchall()]
    together = None if ask_each_driver else drives_of([driver["id"] for driver in drivers], day)
    for driver in drivers:
        trips = (
            drives(driver["id"], day) if together is None else together[driver["id"]]
        )  # cause: n_plus_one@rota
        driver["trips"] = trips
    return {"day": day.isoformat(), "drivers": drivers}


def weight_limit(number: int) -> int:
    """What a lorry may carry, in kilograms."""
    return lorry_of(number)["tonnes"] * 1000 - 3500  # cause: duplicate_query@lorry


def label(number: int) -> str:
    """How a lorry is written on papers."""
    found = lorry_of(number)  # cause: duplicate_query@lorry
    return f"{found['plate']} ({found['tonnes']} t)"


@app.get("/lorries/<int:number>/papers")
def papers(number: int) -> dict[str, Any]:
    """The papers for a lorry's trips of a month, a sheet for each."""
    with cursor() as asked:
        asked.execute(
            "SELECT id, day, km, toll_cents FROM trip WHERE lorry_id = %s AND day BETWEEN '2026-02-01' AND '2026-03-12'"
            " ORDER BY id",
            (number,),
        )
        trips = asked.fetchall()
    sheets = [
        {
            "trip": trip["id"],
            "lorry": label(number),  # cause: duplicate_query@lorry
            "limit": weight_limit(number),  # cause: duplicate_query@lorry
            "toll": f"{trip['toll_cents'] / 100:.2f}",
        }
        for trip in trips
    ]
    return {"sheets": sheets}


def permitted(action: str) -> Any:
    """Only for who may do this: one question, by the key; the driver is part of the address."""

    def decorate(view: Any) -> Any:
        @wraps(view)
        def guarded(number: int) -> ResponseReturnValue:
            with cursor() as asked:
                asked.execute(
                    "SELECT granted FROM permission WHERE driver_id = %s AND action = %s", (number, action)
                )
                found = asked.fetchone()
            if not (found and found["granted"]):
                return {"error": "not you"}, 403
            return view(number)

        return guarded

    return decorate


@app.get("/drivers/<int:number>/report.csv")
@permitted("report")
def report(number: int) -> Response:
    """A driver's trips and what each month came to, by the indexes they need: nothing is wrong here."""
    with cursor() as asked:
        asked.execute(
            "SELECT trip.day, plate, km, toll_cents FROM trip JOIN lorry ON lorry.id = lorry_id WHERE driver_id = %s"
            " ORDER BY day, trip.id",
            (number,),
        )
        trips = asked.fetchall()
        asked.execute(
            "SELECT to_char(day, 'YYYY-MM') AS month, sum(km) AS km, sum(toll_cents) AS cents FROM trip"
            " WHERE driver_id = %s GROUP BY 1 ORDER BY 1",
            (number,),
        )
        months = asked.fetchall()
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["day", "lorry", "km", "toll"])
    writer.writerows(
        [trip["day"], trip["plate"], trip["km"], f"{trip['toll_cents'] / 100:.2f}"] for trip in trips
    )
    writer.writerows([month["month"], "", month["km"], f"{month['cents'] / 100:.2f}"] for month in months)
    return Response(out.getvalue(), mimetype="text/csv")


@app.get("/positions/copy")
def copy() -> dict[str, Any]:
    """A day's positions of a lorry by COPY, in one transaction: nothing is wrong here."""
    number = request.args.get("from", 1, type=int)
    lines = "".join(
        f"{9_000 + n}\t{number % 150 + 1}\t2027-01-01 {n // 60:02d}:{n % 60:02d}:00\t53.5\t{10 + n / 999}\t{n % 80}\n"
        for n in range(1440)
    )
    with cursor() as asked:
        asked.execute("SELECT pg_advisory_xact_lock(17)")
        asked.execute("DELETE FROM imported WHERE lorry_id = %s", (number % 150 + 1,))
        asked.copy_expert("COPY imported (id, lorry_id, at, lat, lon, speed) FROM STDIN", io.StringIO(lines))
        asked.execute("SELECT max(at) AS newest FROM imported WHERE lorry_id = %s", (number % 150 + 1,))
        newest = asked.fetchone()["newest"]
    return {"copied": 1440, "newest": newest.isoformat()}


@app.get("/months")
def months() -> dict[str, Any]:
    """What each depot drove in a quarter, by the database, and its lorries: nothing is wrong here."""
    with cursor() as asked:
        asked.execute(
            "SELECT depot, date_trunc('month', day)::date AS month, sum(km) AS km, count(*) AS trips FROM trip"
            " JOIN lorry ON lorry.id = lorry_id WHERE day BETWEEN '2026-01-01' AND '2026-03-31'"
            " GROUP BY 1, 2 ORDER BY 1, 2"
        )
        rows = asked.fetchall()
        asked.execute("SELECT depot, plate, tonnes FROM lorry ORDER BY depot, plate")
        lorries = asked.fetchall()
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        depot = found.setdefault(row["depot"], {"months": [], "lorries": []})
        depot["months"].append([row["month"].isoformat()[:7], row["km"], row["trips"]])
    for row in lorries:
        found[row["depot"]]["lorries"].append(f"{row['plate']} {row['tonnes']} t")
    return {"depots": found}
