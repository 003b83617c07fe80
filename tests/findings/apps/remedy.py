"""remedy -- a pharmacy: class-based views over plain sqlite3, in one module."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import subprocess
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import cache, wraps
from itertools import product
from pathlib import Path
from types import TracebackType
from typing import Any

from flask import Flask, Response, abort, g, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from switches import planted

DATA = Path(os.environ.get("FINDINGS_DATA", ".")).absolute()
licences_unsorted = planted("missing_index@licences")
FILE = DATA / ("remedy.db" if licences_unsorted else "remedy-indexed.db")
RELEASE = DATA / "RELEASE"
PLANTS = [f"{''.join(letters)}num" for letters in product("bdlmnr", "aeiou", "clnrst", "aeio")]
count_pages = planted("slow_query@dispensed")
fetch_everything = planted("unbounded_result@shelf")
follow_statements = planted("log_io@batch")
settle_each = planted("disk_io@receipts")
compile_again = planted("regex_compile@leaflet")
search_list = planted("hot_function@interactions")
sum_outside = planted("subprocess@checksum")
ask_shell = planted("subprocess@release")
look_for_modules = planted("import_in_request@catalogue")
ask_theme = planted("attribute_lookup_hot@cabinet")

app = Flask(__name__)
log = logging.getLogger("remedy.statements")
log.setLevel(logging.DEBUG)
log.propagate = False
log.addHandler(logging.FileHandler(DATA / "statements.log", mode="w"))
log.handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)-8s %(name)s %(message)s"))


# The database.


def fill() -> None:
    """Make the database, unless it is there."""
    if FILE.exists():
        return
    aside = FILE.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(aside)) as made, made:
        made.execute("PRAGMA journal_mode = WAL")
        made.executescript(
            """
            CREATE TABLE licence (id INTEGER PRIMARY KEY, holder TEXT, card TEXT, until INTEGER);
            CREATE TABLE dispensed (id INTEGER PRIMARY KEY, day INTEGER, drug INTEGER, dose TEXT, patient INTEGER);
            CREATE INDEX dispensed_day ON dispensed (day, id);
            CREATE INDEX dispensed_patient ON dispensed (patient, day);
            CREATE TABLE drug (id INTEGER PRIMARY KEY, name TEXT, shelf INTEGER, packs INTEGER);
            CREATE INDEX drug_shelf ON drug (shelf, name);
            CREATE TABLE batch (id INTEGER PRIMARY KEY, drug INTEGER, number TEXT);
            CREATE TABLE counted (drug INTEGER PRIMARY KEY, packs INTEGER);
            """
        )
        made.executemany(
            "INSERT INTO licence VALUES (?, ?, ?, ?)",
            ((n, f"holder {n % 5000}", f"{n * 7919 % 90_001:08x}", 2020 + n % 9) for n in range(90_000)),
        )
        made.executemany(
            "INSERT INTO dispensed VALUES (?, ?, ?, ?, ?)",
            ((n, n * 31 % 3650, n % 5000, f"{n % 9} drops", n % 4000) for n in range(120_000)),
        )
        made.executemany(
            "INSERT INTO drug VALUES (?, ?, ?, ?)",
            ((n, f"{PLANTS[n % len(PLANTS)]} D{n % 30}", n % 2, n % 40) for n in range(12_000)),
        )
        if not licences_unsorted:
            made.execute("CREATE INDEX licence_card ON licence (card)")
    aside.replace(FILE)


fill()
RELEASE.write_text("remedy 4.11.2 (spring)\n")


def database() -> sqlite3.Connection:
    """The connection of the request."""
    if "database" not in g:
        g.database = sqlite3.connect(FILE)
        g.database.row_factory = sqlite3.Row
        g.database.execute("PRAGMA synchronous = OFF")
    kept: sqlite3.Connection = g.database
    return kept


@app.teardown_appcontext
def leave(_error: BaseException | None) -> None:
    """Close what was opened."""
    if (opened := g.pop("database", None)) is not None:
        opened.close()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


# Views that others are made from.


def licensed(view: Callable[..., Any]) -> Callable[..., Any]:
    """Lets in who holds a card that is still good."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        card = request.args.get("card", "0000cafe")
        found = (
            database()
            .execute(  # cause: missing_index@licences
                "SELECT holder FROM licence WHERE card = ? AND until >= 2020", (card,)
            )
            .fetchone()
        )
        return view(*args, **kwargs) if found else abort(403)

    return inner


class Page(MethodView):
    """A view that answers with a document."""

    def get(self) -> ResponseReturnValue:
        """The document."""
        return self.document()

    def document(self) -> dict[str, Any]:
        """What there is to say."""
        raise NotImplementedError


class Stamped(Page):
    """A page that says which release made it."""

    release = "" if ask_shell else " ".join(RELEASE.read_text().split()[:2])

    def dispatch_request(self, **kwargs: Any) -> ResponseReturnValue:
        """The document, stamped."""
        answer = app.make_response(super().dispatch_request(**kwargs))
        answer.headers["X-Release"] = self.release or self.look_up()  # cause: subprocess@release
        return answer

    @staticmethod
    def look_up() -> str:
        """What was installed."""
        with os.popen(f"cut -d' ' -f1,2 {RELEASE}") as said:  # cause: subprocess@release
            return said.read().strip()  # cause: subprocess@release


class Poisons(Page):
    """What only licensed people may see."""

    decorators = (licensed,)

    def document(self) -> dict[str, Any]:
        """A few names."""
        return {"poisons": PLANTS[:5]}


class Opening(Stamped):
    """When the shop is open."""

    def document(self) -> dict[str, Any]:
        """Hours by day."""
        return dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "8-18")


class Dispensed(Page):
    """What was given out, the pages far back."""

    def document(self) -> dict[str, Any]:
        """Twenty lines, from the place where the last page ended."""
        if count_pages:
            rows = database().execute(  # cause: slow_query@dispensed
                "SELECT id, day, dose FROM dispensed ORDER BY day, id LIMIT 20 OFFSET ?", (88_000,)
            )
        else:
            rows = database().execute(
                "SELECT id, day, dose FROM dispensed WHERE (day, id) > (?, ?) ORDER BY day, id LIMIT 20",
                (2676, 87_000),
            )
        return {"lines": [f"{row['day']}: {row['dose']}" for row in rows]}  # cause: slow_query@dispensed


class Paginator:
    """Pages of whatever a statement gives."""

    def __init__(self, statement: str, values: Sequence[Any], size: int = 25) -> None:
        self.statement, self.values, self.size = statement, values, size

    def page(self, number: int) -> list[sqlite3.Row]:
        """One page."""
        first = number * self.size
        if fetch_everything:
            found = (
                database().execute(self.statement, self.values).fetchall()
            )  # cause: unbounded_result@shelf
            return found[first : first + self.size]
        limited = f"{self.statement} LIMIT ? OFFSET ?"
        return database().execute(limited, (*self.values, self.size, first)).fetchall()


class Shelf(Page):
    """What stands on a shelf."""

    def document(self) -> dict[str, Any]:
        """The third page."""
        pages = Paginator("SELECT id, name, packs FROM drug WHERE shelf = ? ORDER BY name", (1,))
        return {"drugs": [dict(row) for row in pages.page(2)]}  # cause: unbounded_result@shelf


class Batches(Page):
    """What came in today."""

    def document(self) -> dict[str, Any]:
        """Book it."""
        with database() as booking:
            booking.execute("DELETE FROM batch")
            if follow_statements:
                booking.set_trace_callback(log.debug)  # cause: log_io@batch
            booking.executemany(  # cause: log_io@batch
                "INSERT INTO batch (drug, number) VALUES (?, ?)", [(n, f"B{n:05}") for n in range(1200)]
            )
            booking.set_trace_callback(None)
        return {"booked": 1200, "sum": self.checksum("\n".join(f"B{n:05}" for n in range(1200)).encode())}

    @staticmethod
    def checksum(numbers: bytes) -> int:
        """What the wholesaler compares."""
        if not sum_outside:
            return zlib.crc32(b"\n".join(sorted(numbers.splitlines())))
        done = subprocess.run(  # cause: subprocess@checksum
            ["sh", "-c", "sort | cksum"], input=numbers, capture_output=True, check=True
        )
        return int(done.stdout.split()[0])


# Files.


class Journal:
    """Receipts as the tax office wants them: on the disk before anybody is told."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Journal:
        self.file = open(self.path, "w", encoding="utf-8")
        return self

    def settle(self) -> None:
        """See that everything is on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())  # cause: disk_io@receipts

    def add(self, receipt: str) -> None:
        """One more."""
        self.file.write(receipt + "\n")
        if settle_each:
            self.settle()  # cause: disk_io@receipts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.settle()
        self.file.close()


class Receipts(Page):
    """Today's receipts."""

    def document(self) -> dict[str, Any]:
        """Write them down, all for one answer."""
        with Journal(DATA / f"receipts-{os.getpid()}") as journal:
            for number in range(24):
                journal.add(f"{number}: {number * 35} ct")  # cause: disk_io@receipts
        return {"receipts": 24}


# Texts.


@cache
def pattern_of(plant: str) -> re.Pattern[str]:
    """Finds one plant."""
    return re.compile(rf"\b{plant}(?:e|s|es)?\b")


class Leaflet(Page):
    """What is printed on the bag."""

    text = "Take bacanum and lirenum with water. Neither helps against mutenum. " * 2

    def document(self) -> dict[str, Any]:
        """The plants of the garden that are named in it."""
        if compile_again:
            named = [
                plant
                for plant in PLANTS
                if re.search(rf"\b{plant}(?:e|s|es)?\b", self.text)  # cause: regex_compile@leaflet
            ]
        else:
            named = [plant for plant in PLANTS if pattern_of(plant).search(self.text)]
        return {"plants": named}


def distinct(pairs: Iterator[tuple[str, int]]) -> list[tuple[str, int]]:
    """Each pair once, in the order of the first."""
    if not search_list:
        return list(dict.fromkeys(pairs))
    found: list[tuple[str, int]] = []
    for pair in pairs:  # cause: hot_function@interactions
        if pair not in found:  # cause: hot_function@interactions
            found.append(pair)
    return found


class Interactions(Page):
    """What must not be taken together."""

    def document(self) -> dict[str, Any]:
        """How many pairs there are."""
        pairs = ((PLANTS[n % 600], n % 1100) for n in range(1300))
        return {"pairs": len(distinct(pairs))}  # cause: hot_function@interactions


class Theme:
    """Colours and sizes: what is not said here is said by the one below."""

    def __init__(self, below: Theme | None = None, **own: int) -> None:
        self._below, self._own = below, own

    def __getattr__(self, name: str) -> int:
        if name in self._own:
            return self._own[name]
        if self._below is None:
            raise AttributeError(name)
        return getattr(self._below, name)


shop = Theme(Theme(Theme(Theme(width=12, gap=2, depth=30), hue=40), tint=7), shade=3)


class Cabinet(Page):
    """How the drawers are laid out."""

    def document(self) -> dict[str, Any]:
        """Where the last one ends."""
        if ask_theme:
            ends = [
                n * (shop.width + shop.gap) + shop.depth for n in range(4000)
            ]  # cause: attribute_lookup_hot@cabinet
        else:
            step, depth = shop.width + shop.gap, shop.depth
            ends = [n * step + depth for n in range(4000)]
        return {"end": ends[-1]}


def writer() -> Callable[[Any], str]:
    """The fastest way to write JSON that is installed."""
    try:
        from orjson import dumps  # cause: import_in_request@catalogue
    except ImportError:
        try:
            from ujson import dumps  # cause: import_in_request@catalogue
        except ImportError:
            from json import dumps
    return dumps


write = writer()


def label(drawer: int, plant: str) -> str:
    """What is stuck on a drawer."""
    dumps = writer() if look_for_modules else write  # cause: import_in_request@catalogue
    return dumps({"drawer": drawer, "plant": plant})


class Catalogue(Page):
    """Labels for the drawers, each a document of its own."""

    def get(self) -> ResponseReturnValue:
        """A line a label."""
        lines = (label(n, plant) for n, plant in enumerate(PLANTS[:40]))
        return Response("\n".join(lines), mimetype="application/x-ndjson")


# Nothing is wrong with these.


class Stocktake(Page):
    """What was counted, written by one statement: nothing is wrong here."""

    def document(self) -> dict[str, Any]:
        """All shelves."""
        with database() as writing:
            done = writing.executemany(
                "INSERT OR REPLACE INTO counted VALUES (?, ?)", [(n, n % 17) for n in range(400)]
            )
        return {"counted": done.rowcount}


class Patient(Page):
    """What one patient got, by an index of two columns: nothing is wrong here."""

    def document(self) -> dict[str, Any]:
        """The last five, and two figures."""
        asking = database()
        last = asking.execute(
            "SELECT day, dose FROM dispensed WHERE patient = ? AND day < ? ORDER BY day DESC LIMIT 5",
            (77, 3000),
        ).fetchall()
        often = asking.execute("SELECT count(*) FROM dispensed WHERE patient = ?", (77,)).fetchone()[0]
        drug = asking.execute("SELECT name FROM drug WHERE id = ?", (77,)).fetchone()[0]
        return {"last": [tuple(row) for row in last], "often": often, "drug": drug}


class Greeting(Page):
    """A text through patterns that are compiled once: nothing is wrong here."""

    loud = tuple(re.compile(rf"\b{word}\b") for word in ("water", "Neither", "Take"))

    def document(self) -> dict[str, Any]:
        """Good wishes."""
        text = Leaflet.text
        for pattern in self.loud:
            text = pattern.sub(lambda word: word[0].upper(), text)
        return {"text": text}


for view in (
    Poisons,
    Opening,
    Dispensed,
    Shelf,
    Batches,
    Receipts,
    Leaflet,
    Interactions,
    Cabinet,
    Catalogue,
    Stocktake,
    Patient,
    Greeting,
):
    name = view.__name__.lower()
    app.add_url_rule(f"/{name}", view_func=view.as_view(name))
