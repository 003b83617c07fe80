"""clean_quotes -- a healthy JSON API: nothing here is worth a finding.

A quote asks four depots at once on the process's own pool of threads, which stay; tariffs and distances are
looked up once and remembered. Needs peer.py (PEER=host:port).
"""

from __future__ import annotations

import math
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

from flask import Flask, abort, request

DEPOTS = {"ash": (2.1, 7.9), "birch": (5.5, 1.2), "cedar": (8.4, 6.6), "elm": (3.3, 3.8)}
ZONES = {"near": (3.0, 4.0), "mid": (9.0, 9.0), "far": (21.0, 17.0)}

app = Flask(__name__)
pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="depots")
connections = threading.local()


def depot_line() -> Any:
    """This thread's own open connection to the depots' peer."""
    line = getattr(connections, "line", None)
    if line is None:
        host, _, port = os.environ.get("PEER", "127.0.0.1:5650").partition(":")
        line = connections.line = socket.create_connection((host, int(port)), timeout=10).makefile("rw")
    return line


def ask_depot(depot: str, parcels: int) -> int:
    """How many of the parcels the depot can take today."""
    line = depot_line()
    line.write(f"{depot} {parcels}\n")
    line.flush()
    name, _, count = line.readline().strip().partition(" ")
    return max(0, int(count) - len(name))


@lru_cache(maxsize=1024)
def distance(depot: str, zone: str) -> float:
    """Kilometres from a depot to the middle of a zone."""
    return math.dist(DEPOTS[depot], ZONES[zone])


@lru_cache(maxsize=1024)
def tariff(zone: str, weight_class: int) -> float:
    """Price of a kilometre."""
    return round((0.4 + 0.15 * weight_class) * (1.2 if zone == "far" else 1.0), 2)


def offer(depot: str, zone: str, capacity: int, weights: list[float]) -> dict[str, Any]:
    """One depot's offer for the parcels it can take."""
    taken = weights[:capacity]
    price = sum(tariff(zone, min(9, int(weight // 5))) * distance(depot, zone) for weight in taken)
    return {"depot": depot, "parcels": len(taken), "price": round(price, 2), "weight": round(sum(taken), 1)}


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/quote/<zone>")
def quote(zone: str) -> dict[str, Any]:
    """The four depots' offers, cheapest first."""
    if zone not in ZONES:
        abort(404)
    parcels = min(request.args.get("parcels", 60, type=int), 500)
    weights = [round(0.5 + number * 7 % 40, 1) for number in range(parcels)]
    capacities = pool.map(ask_depot, DEPOTS, [parcels] * len(DEPOTS))
    offers = [
        offer(depot, zone, capacity, weights) for depot, capacity in zip(DEPOTS, capacities, strict=True)
    ]
    return {"zone": zone, "offers": sorted(offers, key=lambda found: (found["price"], found["depot"]))}
