"""porter -- a warehouse: threads, locks, logs and caches inside one process."""

from __future__ import annotations

import gc
import logging
import logging.handlers
import os
import queue
import tempfile
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3
from flask import Blueprint, Flask, Response, request
from switches import planted

HTTP = f"http://{os.environ['UPSTREAM']}"
FOLDER = Path(tempfile.mkdtemp(prefix="porter-", dir=os.environ["FINDINGS_DATA"]))
SHELVES = [
    {"shelf": n, "boxes": [n * k % 17 for k in range(6)], "place": (n % 40, n // 40)} for n in range(25_000)
]
ARTICLES = [f"article {n * 7919 % 10007}" for n in range(900)]

log_each_row = planted("log_io@rows")
mail_at_once = planted("slow_external@mail")
thread_each = planted("thread_churn@shelves")
sync_each_line = planted("log_io@audit")
score_all = planted("gil_contention@scores")
keep_all = planted("memory_growth@results")
collect_after = planted("gc_pressure@exports")

app = Flask(__name__)
exports = Blueprint("exports", __name__)
manager = urllib3.PoolManager(maxsize=8)
pool = ThreadPoolExecutor(4, thread_name_prefix="porter")


class SafeHandler(logging.FileHandler):
    """A log of which nothing may be lost."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, and wait until the disk has it."""
        super().emit(record)
        if sync_each_line:
            os.fsync(self.stream.fileno())  # cause: log_io@audit


def logger_of(name: str, handler: logging.Handler) -> logging.Logger:
    """A logger of its own."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger(f"porter.{name}")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    return logger


intake_log = logger_of("intake", logging.FileHandler(FOLDER / "intake.log"))
audit_log = logger_of("audit", SafeHandler(FOLDER / "audit.log"))
later: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
quiet_log = logger_of("quiet", logging.handlers.QueueHandler(later))
listener = logging.handlers.QueueListener(later, logging.FileHandler(FOLDER / "quiet.log"))
listener.start()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def room_in(shelf: int, found: dict[int, int]) -> None:
    """How much room a shelf has."""
    found[shelf] = 100 - sum(SHELVES[shelf]["boxes"])


def room(shelves: list[int]) -> dict[int, int]:
    """How much room some shelves have."""
    found: dict[int, int] = {}
    if thread_each:
        threads = [
            threading.Thread(target=room_in, args=(n, found)) for n in shelves
        ]  # cause: thread_churn@shelves
        for thread in threads:
            thread.start()  # cause: thread_churn@shelves
        for thread in threads:
            thread.join()  # cause: thread_churn@shelves
    else:
        for shelf in shelves:
            room_in(shelf, found)
    return found


@app.get("/room")
def room_page() -> dict[str, int]:
    """How much room there is."""
    free = room(list(range(0, 1200, 8)))  # cause: thread_churn@shelves
    return {"room": sum(free.values())}


@app.get("/close")
def close() -> dict[str, int]:
    """Close the till; every step goes to the log of which nothing may be lost."""
    for step in range(60):
        audit_log.info("till 4, step %d", step)  # cause: log_io@audit
    return {"steps": 60}


@app.get("/open")
def open_till() -> dict[str, int]:
    """Open the till; its steps are logged by a thread for that, which is kept: nothing is wrong here."""
    for step in range(60):
        quiet_log.info("till 4, step %d", step)
    return {"steps": 60}


scores: dict[int, float] = {}
visits: queue.SimpleQueue[int] = queue.SimpleQueue()


def score(shelf: int) -> float:
    """How much a shelf is worth a visit."""
    boxes = SHELVES[shelf]["boxes"]
    return sum(box * box for box in boxes) / (1 + max(boxes))  # cause: gil_contention@scores


def rescore() -> None:
    """Work the scores out anew after each visit."""
    while True:
        visited = visits.get()
        for shelf in range(40_000) if score_all else (visited,):
            scores[shelf % 25_000] = score(shelf % 25_000)  # cause: gil_contention@scores


threading.Thread(target=rescore, daemon=True, name="rescore").start()


def ask(path: str) -> str:
    """The answer of a service; connections are kept."""
    return manager.request("GET", HTTP + path, timeout=5.0, retries=False).data.decode()


@app.get("/shelves/<int:number>")
def shelf_page(number: int) -> dict[str, Any]:
    """A shelf; that it was visited counts for the scores, which are worked out in the background."""
    visits.put(number)  # cause: gil_contention@scores
    owner = ask(f"/3/x40/shelves/{number}")[:4]
    contract = ask(f"/3/x40/owners/{owner}")[:5]
    paid = ask(f"/3/x40/contracts/{contract}")[:6]
    return {"shelf": number, "owner": owner, "contract": contract, "paid": paid}


def take(articles: list[str]) -> int:
    """Take articles in; how many letters their names have."""
    letters = 0
    for number, article in enumerate(articles):
        letters += len(article)
        if log_each_row:
            intake_log.debug(
                "row %d: took %s, %d letters so far", number, article, letters
            )  # cause: log_io@rows
    if not log_each_row:
        intake_log.debug("took %d rows, %d letters", len(articles), letters)
    return letters


def tell_supplier(letters: int) -> None:
    """Write to the supplier that it came."""
    ask(f"/18/x30/mail?letters={letters}")  # cause: slow_external@mail


@app.get("/intake")
def intake() -> dict[str, Any]:
    """Take in what a lorry brought, and tell the supplier."""
    letters = take(ARTICLES)  # cause: log_io@rows
    if mail_at_once:
        tell_supplier(letters)  # cause: slow_external@mail
    else:
        pool.submit(tell_supplier, letters)
    return {"letters": letters}


results: OrderedDict[str, list[str]] = OrderedDict()


def search(words: str) -> list[str]:
    """Articles that match; kept for whoever asks next."""
    if words not in results:
        results[words] = [f"{article} for {words}" for article in ARTICLES]  # cause: memory_growth@results
        if not keep_all and len(results) > 4:
            results.popitem(last=False)
    return results[words]


@app.get("/search")
def search_page() -> dict[str, Any]:
    """The first articles that match."""
    found = search(request.args["words"])  # cause: memory_growth@results
    return {"count": len(found), "first": found[:5]}


@exports.after_request
def tidy_up(response: Response) -> Response:
    """Leave no memory behind after an export."""
    if collect_after:
        gc.collect()  # cause: gc_pressure@exports
    return response


@exports.get("/export")
def export() -> Response:
    """Some shelves as text."""
    text = "\n".join(f"{each['shelf']};{each['place']};{sum(each['boxes'])}" for each in SHELVES[:600])
    return Response(text, mimetype="text/csv")


app.register_blueprint(exports)


@app.get("/stocktake")
def stocktake() -> dict[str, Any]:
    """Four services asked by a pool that is kept: nothing is wrong here."""
    return {"counts": [len(each) for each in pool.map(ask, [f"/8/x{90 + n}/halls/{n}" for n in range(4)])]}


board_lock = threading.Lock()
board: dict[str, int] = {"ticks": 0}


def tick() -> None:
    """Count on, under the lock that the page takes, too; each time for a moment."""
    while True:
        with board_lock:
            board["ticks"] += 1
        time.sleep(0.05)


threading.Thread(target=tick, daemon=True, name="tick").start()


@app.get("/board")
def board_page() -> dict[str, bool]:
    """What the board shows, by a lock that nobody holds for long: nothing is wrong here."""
    shown = []
    for _ in range(20):
        with board_lock:
            shown.append(board["ticks"] >= 0)
    return {"runs": all(shown)}
