"""courier -- a JSON API that sends parcels: nearly all it knows it asks of other services."""

from __future__ import annotations

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Lock, local
from typing import Any

import requests
import urllib3
from flask import Flask, request
from switches import planted

HTTP = f"http://{os.environ['UPSTREAM']}"
TLS = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
PORT = int(os.environ["UPSTREAM_HTTP"])
CARRIERS = ("snail", "arrow", "heron", "mule")
METRICS = ("metrics.courier.test", 8125)

app = Flask(__name__)
app.json.sort_keys = True
carriers_in_turn = planted("sequential_io@quotes")
rates_each_time = planted("slow_external@rates")
client_each_time = planted("tls_churn@labels")
pause_between = planted("sleep@labels")
resolve_each_time = planted("dns_repeat@metrics")
read_bytes = planted("chatty_reads@scale")
refresh_inline = planted("tail_latency@depots")
one_session = planted("lock_contention@stock")
token_each_time = planted("slow_external@token")
in_turn = planted("sequential_io@checkout")

session = requests.Session()
session.trust_env = False
pool = ThreadPoolExecutor(8, thread_name_prefix="courier")
manager = urllib3.PoolManager(maxsize=8)


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def ask(path: str) -> str:
    """The answer of a service; connections are kept."""
    return manager.request("GET", HTTP + path, timeout=5.0, retries=False).data.decode()


def quote(carrier: str) -> dict[str, Any]:
    """What a carrier wants."""
    return {"carrier": carrier, "cents": 400 + len(ask(f"/12/x300/quotes/{carrier}"))}


@app.get("/quotes")
def quotes() -> dict[str, Any]:
    """What all carriers want."""
    if carriers_in_turn:
        found = []
        for carrier in CARRIERS:  # cause: sequential_io@quotes
            found.append(quote(carrier))  # cause: sequential_io@quotes
        return {"quotes": found}
    return {"quotes": list(pool.map(quote, CARRIERS))}


rates_kept: dict[str, str] = {}


def exchange_rates() -> str:
    """The rates of the day."""
    if rates_each_time:
        return session.get(f"{HTTP}/40/x200/rates/today", timeout=5).text  # cause: slow_external@rates
    if "today" not in rates_kept:
        rates_kept["today"] = session.get(f"{HTTP}/40/x200/rates/today", timeout=5).text
    return rates_kept["today"]


@app.get("/rates")
def rates() -> dict[str, Any]:
    """A price in other currencies."""
    digits = exchange_rates()[:3]  # cause: slow_external@rates
    return {
        code: round(12.5 + ord(digit) / 100, 2)
        for code, digit in zip(("SEK", "PLN", "CHF"), digits, strict=True)
    }


class LabelClient:
    """Prints labels at the post office."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = os.environ["UPSTREAM_CA"]

    def label(self, parcel: str) -> str:
        """A label for a parcel, which may depend on another's."""
        return self.session.get(f"{TLS}/3/x120/labels/{parcel}", timeout=5).text  # cause: tls_churn@labels


labels_kept = LabelClient()


@app.get("/labels")
def labels() -> dict[str, Any]:
    """Labels for the parcels of a shipment, each numbered after the one before."""
    made, last = [], "0"
    for _ in range(3):
        client = LabelClient() if client_each_time else labels_kept  # cause: tls_churn@labels
        last = client.label(last)[:4]  # cause: tls_churn@labels
        made.append(last)
        if pause_between:
            time.sleep(0.01)  # not more than a hundred a second  # cause: sleep@labels
    return {"labels": made}


class Metrics:
    """Counts things at a server that collects such counts."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address: tuple[str, int] | None = None

    def count(self, name: str, number: int = 1) -> None:
        """Send a count."""
        line = f"{name}:{number}|c".encode()
        if resolve_each_time:
            self.socket.sendto(line, METRICS)  # cause: dns_repeat@metrics
            return
        if self.address is None:
            self.address = (socket.gethostbyname(METRICS[0]), METRICS[1])
        self.socket.sendto(line, self.address)


metrics = Metrics()


@app.get("/parcels/<int:number>")
def parcel(number: int) -> dict[str, Any]:
    """Where a parcel is."""
    metrics.count("parcels.asked")  # cause: dns_repeat@metrics
    place = ask(f"/4/parcels/{number}")
    metrics.count("parcels.answered", len(place))  # cause: dns_repeat@metrics
    return {"number": number, "place": place[:8]}


def read_line(connection: socket.socket) -> bytes:
    """A line of the old protocol of the scales."""
    line = b""
    while not line.endswith(b"\r\n"):
        line += connection.recv(1)  # cause: chatty_reads@scale
    return line


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes, one after the other."""
    return b"".join(connection.recv(1) for _ in range(size))  # cause: chatty_reads@scale


@app.get("/scale")
def scale() -> dict[str, Any]:
    """The last weighings, as the scales in the hall tell them."""
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as connection:
        connection.sendall(b"GET /0/x9000/weighings HTTP/1.1\r\nHost: scale\r\n\r\n")
        if read_bytes:
            while read_line(connection) != b"\r\n":  # cause: chatty_reads@scale
                pass
            told = read_exactly(connection, 9000)  # cause: chatty_reads@scale
        else:
            with connection.makefile("rb") as answer:
                while answer.readline() != b"\r\n":
                    pass
                told = answer.read(9000)
    return {"weighings": len(told), "heavy": told.count(b"f")}


depots: dict[str, Any] = {"at": -1, "list": ""}
asked_so_far = count()


def refresh_depots() -> None:
    """Ask for the list of depots."""
    depots["list"] = ask("/70/x500/depots")  # cause: tail_latency@depots


def nearest(parcels: int) -> str:
    """The depot for so many parcels, from a list that is asked for anew every ten times."""
    if not depots["list"]:
        depots["list"] = ask("/70/x500/depots")
    elif next(asked_so_far) % 10 == 9:
        if refresh_inline:
            refresh_depots()  # cause: tail_latency@depots
        else:
            pool.submit(refresh_depots)
    return depots["list"][parcels % 100 : parcels % 100 + 6]


@app.get("/depot")
def depot() -> dict[str, str]:
    """Where to bring a parcel."""
    place = nearest(request.args.get("parcels", 1, type=int))  # cause: tail_latency@depots
    return {"depot": place, "opens": ask("/6/hours")[:4]}


class Warehouse:
    """Asks the warehouse; sessions of requests are not for several threads at once."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.session = requests.Session()
        self.mine = local()

    def left(self, article: str) -> int:
        """How many of an article are left."""
        if one_session:
            with self.lock:  # cause: lock_contention@stock
                answer = self.session.get(
                    f"{HTTP}/10/x64/stock/{article}", timeout=5
                )  # cause: lock_contention@stock
        else:
            if not hasattr(self.mine, "session"):
                self.mine.session = requests.Session()
            answer = self.mine.session.get(f"{HTTP}/10/x64/stock/{article}", timeout=5)
        return len(answer.content)


warehouse = Warehouse()


@app.get("/stock")
def stock() -> dict[str, Any]:
    """What is left of four articles, asked for at the same time."""
    articles = ("box", "tape", "foil", "cord")
    return dict(
        zip(articles, pool.map(warehouse.left, articles), strict=True)
    )  # cause: lock_contention@stock


token_kept: dict[str, Any] = {}


def token() -> str:
    """What the shop's services want to see; good for an hour."""
    if token_each_time:
        return ask("/15/x40/token")  # cause: slow_external@token
    if token_kept.get("until", 0) < time.monotonic():
        token_kept.update(token=ask("/15/x40/token"), until=time.monotonic() + 3600)
    return token_kept["token"]


@app.get("/checkout")
def checkout() -> dict[str, Any]:
    """What a parcel costs, whether there is insurance for it, and when it comes."""
    key = token()[:4]  # cause: slow_external@token
    if in_turn:
        price = ask(f"/10/x120/price?key={key}")  # cause: sequential_io@checkout
        insurance = ask(f"/10/x90/insurance?key={key}")  # cause: sequential_io@checkout
        arrival = ask(f"/10/x60/arrival?key={key}")  # cause: sequential_io@checkout
    else:
        paths = [f"/10/x120/price?key={key}", f"/10/x90/insurance?key={key}", f"/10/x60/arrival?key={key}"]
        price, insurance, arrival = pool.map(ask, paths)
    return {"price": len(price), "insurance": len(insurance), "arrival": len(arrival)}


@app.get("/zones")
def zones() -> dict[str, Any]:
    """Four services asked at the same time by threads that are kept: nothing is wrong here."""
    return {"zones": list(pool.map(ask, [f"/9/x40/zones/{n}" for n in range(4)]))}


pickup_token: dict[str, Any] = {"until": 0.0}


@app.get("/pickup")
def pickup() -> dict[str, Any]:
    """A token that is kept, and one question: nothing is wrong here."""
    if pickup_token["until"] < time.monotonic():
        pickup_token.update(token=ask("/15/x40/token"), until=time.monotonic() + 3600)
    return {"at": ask(f"/7/x30/pickup?key={pickup_token['token'][:4]}")}


@app.get("/claim")
def claim() -> dict[str, Any]:
    """A claim, then its owner, then the owner's bank: each answer is needed for the next; nothing is wrong here."""
    owner = ask("/4/x30/claims/7")[:5]
    bank = ask(f"/4/x30/owners/{owner}")[:6]
    return {"owner": owner, "bank": ask(f"/4/x30/banks/{bank}")}
