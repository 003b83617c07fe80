"""mill -- threads, locks, pauses, child processes, files and logs, each used once well and once badly."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import Any

import requests
from flask import Flask
from switches import planted

FOLDER = Path(os.environ.get("FINDINGS_DATA", ".")).absolute()
NEIGHBOUR = f"http://{os.environ['UPSTREAM']}"
SACKS = [f"sack-{n:04d}" for n in range(220)]

app = Flask(__name__)
pool = ThreadPoolExecutor(4, thread_name_prefix="mill")
session = requests.Session()
session.trust_env = False


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


# Threads.

thread_a_sack = planted("thread_churn@grind")
pool_a_row = planted("thread_churn@rows")


def weigh(sack: str, weights: dict[str, int]) -> None:
    """Weight of a sack, by its number."""
    weights[sack] = 50 + int(sack[-2:]) % 7


def weights_of(sacks: list[str]) -> dict[str, int]:
    """Weights of all sacks."""
    weights: dict[str, int] = {}
    threads = []
    for sack in sacks:  # cause: thread_churn@grind
        thread = threading.Thread(target=weigh, args=(sack, weights))  # cause: thread_churn@grind
        threads.append(thread)
        thread.start()  # cause: thread_churn@grind
    for thread in threads:
        thread.join()
    return weights


@app.get("/grind")
def grind() -> dict[str, Any]:
    """What today's sacks weigh."""
    weights: dict[str, int] = {}
    if thread_a_sack:
        weights = weights_of(SACKS)
    else:
        for sack in SACKS:
            weigh(sack, weights)
    return {"kilos": sum(weights.values())}


def sorted_row(row: list[str]) -> list[str]:
    """A row of sacks by number, heaviest end first."""
    return sorted(row, key=lambda sack: sack[::-1])


@app.get("/rows")
def rows() -> dict[str, Any]:
    """Sacks by row, each row put in order."""
    found = []
    for start in range(0, len(SACKS), 10):
        parts = [SACKS[at : at + 1] for at in range(start, start + 10)]
        if pool_a_row:
            with ThreadPoolExecutor(max_workers=10) as workers:  # cause: thread_churn@rows
                found.append(list(workers.map(sorted_row, parts)))  # cause: thread_churn@rows
        else:
            found.append([sorted_row(part) for part in parts])
    return {"rows": len(found)}


# Locks.

gauges_lock, prices_lock = threading.Lock(), threading.Lock()
gauges: dict[str, int] = {}
prices: dict[str, int] = {"wheat": 1}
ask_under_lock = planted("lock_contention@silo")
refresh_under_lock = planted("lock_contention@stock")


def ask_gauge(name: str) -> int:
    """Level of a silo, from its gauge."""
    return len(session.get(f"{NEIGHBOUR}/12/gauge/{name}", timeout=5).text)


def read_gauge(name: str) -> None:
    """Note the level of a silo."""
    if ask_under_lock:
        with gauges_lock:  # cause: lock_contention@silo
            gauges[name] = ask_gauge(name)  # cause: lock_contention@silo
    else:
        level = ask_gauge(name)
        with gauges_lock:
            gauges[name] = level


@app.get("/silo")
def silo() -> dict[str, int]:
    """Levels of all silos, asked at the same time."""
    list(pool.map(read_gauge, ("north", "south", "east", "west")))
    return gauges


def fetch_prices() -> dict[str, int]:
    """Today's prices."""
    text = requests.get(f"{NEIGHBOUR}/40/prices", timeout=5).text
    return {"wheat": len(text), "rye": 7}


def refresh_prices() -> None:
    """Keep the prices fresh, for ever."""
    global prices
    while True:
        if refresh_under_lock:
            with prices_lock:  # cause: lock_contention@stock
                prices = fetch_prices()  # cause: lock_contention@stock
        else:
            fresh = fetch_prices()
            with prices_lock:
                prices = fresh
        time.sleep(0.004)


@app.get("/stock")
def stock() -> dict[str, int]:
    """Prices as they are now."""
    if not any(thread.name == "prices" for thread in threading.enumerate()):
        threading.Thread(target=refresh_prices, name="prices", daemon=True).start()
    with prices_lock:  # cause: lock_contention@stock
        return dict(prices)


@app.get("/tally")
def tally() -> dict[str, int]:
    """A lock that nobody else wants: nothing is wrong here."""
    counts: dict[str, int] = {}
    for sack in SACKS:
        with gauges_lock:
            counts[sack[-1]] = counts.get(sack[-1], 0) + 1
    return counts


# Pauses.

settle = planted("sleep@hopper")
be_gentle = planted("sleep@sieve")


def wait_until_settled() -> int:
    """Give the hopper time, three times."""
    waits = 0
    while waits < 3:
        if settle:
            time.sleep(0.011)  # cause: sleep@hopper
        waits += 1
    return waits


@app.get("/hopper")
def hopper() -> dict[str, int]:
    """Fill the hopper."""
    return {"waits": wait_until_settled()}


def gently(view: Callable[[], Any]) -> Callable[[], Any]:
    """A decorator that spares the machine."""

    @wraps(view)
    def inner() -> Any:
        if be_gentle:
            time.sleep(0.025)  # cause: sleep@sieve
        return view()

    return inner


@app.get("/sieve")
@gently
def sieve() -> dict[str, int]:
    """Sift what is there."""
    return {"sifted": len(SACKS)}


# Child processes.

words = FOLDER / "words.txt"
sorted_words: dict[float, int] = {}
sort_each_time = planted("subprocess@label")


def write_words() -> None:
    """A list of words, once."""
    if not words.exists():
        aside = words.with_suffix(f".{os.getpid()}")
        aside.write_text("".join(f"word{n * 7919 % 30011}\n" for n in range(20000)))
        aside.replace(words)


def different_words() -> int:
    """How many different words there are."""
    done = subprocess.run(
        ["sort", "-u", str(words)], check=True, capture_output=True
    )  # cause: subprocess@label
    return done.stdout.count(b"\n")


@app.get("/label")
def label() -> dict[str, int]:
    """Words for labels."""
    changed = words.stat().st_mtime
    if sort_each_time:
        return {"words": different_words()}
    if changed not in sorted_words:
        sorted_words[changed] = different_words()
    return {"words": sorted_words[changed]}


# Files.

samples = FOLDER / "samples"
samples_kept: dict[str, int] = {}
read_each_time = planted("disk_io@samples")
safe_each_line = planted("disk_io@audit")


def write_samples() -> None:
    """Many small files, once."""
    if not samples.exists():
        aside = samples.with_suffix(f".{os.getpid()}")
        aside.mkdir()
        for n in range(900):
            (aside / f"{n:04d}.txt").write_text(f"moisture {n % 20}\n")
        try:
            aside.replace(samples)
        except OSError:  # another process was first
            pass


def moisture() -> dict[str, int]:
    """What every sample says."""
    found = {}
    for name in os.listdir(samples):  # cause: disk_io@samples
        with open(samples / name) as file:  # cause: disk_io@samples
            found[name] = int(file.read().split()[1])  # cause: disk_io@samples
    return found


@app.get("/samples")
def sampled() -> dict[str, int]:
    """The wettest sample."""
    if read_each_time:
        return {"wettest": max(moisture().values())}  # cause: disk_io@samples
    if not samples_kept:
        samples_kept.update(moisture())
    return {"wettest": max(samples_kept.values())}


@app.get("/audit")
def audit() -> dict[str, int]:
    """Note each movement of the day."""
    with open(FOLDER / f"audit-{os.getpid()}.txt", "w") as file:
        for sack in SACKS[:80]:
            file.write(f"moved {sack}\n")
            if safe_each_line:
                file.flush()
                os.fsync(file.fileno())  # cause: disk_io@audit
    return {"noted": 80}


@app.get("/ticket")
def ticket() -> dict[str, int]:
    """One line into a file: nothing is wrong here."""
    with open(FOLDER / f"tickets-{os.getpid()}.txt", "w") as file:
        file.write("ticket\n")
    return {"ticket": 1}


# Logs.

trace, journal = logging.getLogger("mill.trace"), logging.getLogger("mill.journal")
trace.propagate = journal.propagate = False


class Appending(logging.Handler):
    """Writes each record to a file that it opens for it."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        with open(FOLDER / "journal.txt", "a") as file:  # cause: log_io@journal
            file.write(self.format(record) + "\n")  # cause: log_io@journal


def set_up_logs() -> None:
    """Where records go, and from which level on."""
    lines = logging.FileHandler(FOLDER / f"trace-{os.getpid()}.txt", "w")
    lines.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    trace.addHandler(lines)
    trace.setLevel(logging.DEBUG if planted("log_io@route") else logging.INFO)
    journal.addHandler(Appending())
    journal.setLevel(logging.INFO if planted("log_io@journal") else logging.WARNING)


@app.get("/route")
def route() -> dict[str, int]:
    """The way of each sack through the mill."""
    steps = 0
    for sack in SACKS:
        for floor in range(8):
            trace.debug("sack %s passes floor %d", sack, floor)  # cause: log_io@route
            steps += 1
    return {"steps": steps}


@app.get("/journal")
def written() -> dict[str, int]:
    """Write down what came in."""
    for sack in SACKS * 2:
        journal.info("received %s", sack)  # cause: log_io@journal
    return {"received": len(SACKS)}


@app.get("/status")
def status() -> dict[str, str]:
    """A few lines of log: nothing is wrong here."""
    for part in ("stones", "sieves", "belts"):
        trace.info("%s are fine", part)
    return {"status": "fine"}


write_words()
write_samples()
set_up_logs()
