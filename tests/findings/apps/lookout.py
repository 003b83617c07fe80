"""lookout -- a dashboard for operators: it keeps nothing, and asks other services by whatever client was at hand."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import requests
from flask import Blueprint, Flask, g, request
from requests.adapters import HTTPAdapter
from switches import planted
from urllib3.util import Retry

HTTP = f"http://{os.environ['UPSTREAM']}"
PORT = int(os.environ["UPSTREAM_HTTP"])
TLS_PORT = int(os.environ["UPSTREAM_TLS"])
AUTHORITY = os.environ["UPSTREAM_CA"]
SERVICES = {"web": 14, "mail": 9, "search": 18, "billing": 12, "queue": 8, "images": 15}

probe_in_turn = planted("sequential_io@probes")
look_first = planted("slow_external@exists")
context_each_time = planted("tls_churn@payments")
ask_again_later = planted("sleep@reports")
flags_each_time = planted("slow_external@flags")
small_pieces = planted("chatty_reads@log")
connect_each_time = planted("dns_repeat@owner")
primary_first = planted("sleep@quota")

app = Flask(__name__)
releases = Blueprint("releases", __name__)
pool = ThreadPoolExecutor(8, thread_name_prefix="lookout")
mine = threading.local()


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


def session() -> requests.Session:
    """This thread's session."""
    if not hasattr(mine, "session"):
        mine.session = requests.Session()
        mine.session.trust_env = False
    return mine.session


def get(path: str) -> bytes:
    """What a service says."""
    answer = session().get(HTTP + path, timeout=5)
    answer.raise_for_status()
    return answer.content


def probe(name: str) -> dict[str, Any]:
    """Whether a service is well."""
    with urllib.request.urlopen(f"{HTTP}/{SERVICES[name]}/x90/{name}/healthz", timeout=5) as answer:
        return {"name": name, "status": answer.status, "says": answer.read(8).decode()}


@app.get("/probes")
def probes() -> dict[str, Any]:
    """Whether all services are well."""
    if probe_in_turn:
        found = []
        for name in SERVICES:  # cause: sequential_io@probes
            found.append(probe(name))  # cause: sequential_io@probes
    else:
        found = list(pool.map(probe, SERVICES))
    return {"services": found, "well": all(each["status"] == 200 for each in found)}


class Artifacts:
    """What the builds have left."""

    def exists(self, name: str) -> bool:
        """Whether there is such a thing."""
        answer = session().head(
            f"{HTTP}/35/x200000/artifacts/{name}", timeout=5
        )  # cause: slow_external@exists
        return answer.status_code == 200

    def fetch(self, name: str) -> bytes | None:
        """The thing, if there is one."""
        if look_first and not self.exists(name):  # cause: slow_external@exists
            return None
        answer = session().get(f"{HTTP}/22/x200000/artifacts/{name}", timeout=5)
        return None if answer.status_code == 404 else answer.content


artifacts = Artifacts()


@app.get("/artifacts/<int:number>")
def artifact(number: int) -> tuple[dict[str, Any], int]:
    """What is known of an artifact."""
    content = artifacts.fetch(f"build-{number}.tar")  # cause: slow_external@exists
    if content is None:
        return {"error": "no such artifact"}, 404
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}, 200


def secure_get(path: str) -> str:
    """What the payment service says."""
    if context_each_time:
        context = ssl.create_default_context(cafile=AUTHORITY)  # cause: tls_churn@payments
        url = f"https://localhost:{TLS_PORT}{path}"
        with urllib.request.urlopen(url, timeout=5, context=context) as answer:  # cause: tls_churn@payments
            return answer.read().decode()
    if not hasattr(mine, "payments"):
        context = ssl.create_default_context(cafile=AUTHORITY)
        mine.payments = http.client.HTTPSConnection("localhost", TLS_PORT, timeout=5, context=context)
    mine.payments.request("GET", path)
    return mine.payments.getresponse().read().decode()


@app.get("/payments")
def payments() -> dict[str, Any]:
    """The day's payments: the shop's account, its last transfer, and that transfer's receipt."""
    account = secure_get("/6/x40/accounts/shop")[:6]  # cause: tls_churn@payments
    transfer = secure_get(f"/6/x60/accounts/{account}/last")[4:12]  # cause: tls_churn@payments
    receipt = secure_get(f"/6/x400/transfers/{transfer}/receipt")  # cause: tls_churn@payments
    return {"account": account, "transfer": transfer, "receipt": len(receipt)}


numbers = count(time.time_ns())


@app.get("/reports/<int:number>")
def report(number: int) -> dict[str, Any]:
    """A report that another service makes on demand."""
    job = f"{number}-{next(numbers)}"
    if ask_again_later:
        while session().get(f"{HTTP}/u20/x500/jobs/{job}", timeout=5).status_code == 503:
            time.sleep(0.1)  # cause: sleep@reports
        return {"report": number, "size": 500}
    return {"report": number, "size": len(get(f"/20/x500/jobs/{job}?wait=5"))}


flags_kept: dict[str, Any] = {"until": 0.0}


def load_flags() -> dict[str, bool]:
    """Which features are on."""
    digits = get("/45/x64/flags?environment=production").decode()  # cause: slow_external@flags
    return {f"feature_{at}": digit in "13579" for at, digit in enumerate(digits[:20])}


@releases.before_request
def know_flags() -> None:
    """Features, for the view and its template."""
    if flags_each_time:
        g.flags = load_flags()  # cause: slow_external@flags
        return
    if flags_kept["until"] < time.monotonic():
        flags_kept.update(flags=load_flags(), until=time.monotonic() + 60)
    g.flags = flags_kept["flags"]


DEPLOYS = [
    {
        "service": f"service-{n % 30}",
        "revision": f"{n * 7919:07x}",
        "by": f"operator-{n % 7}",
        "minutes": n * 3,
    }
    for n in range(160)
]
PAGE = app.jinja_env.from_string(
    """<!doctype html><title>Deploys</title>
{% for deploy in deploys %}<p>{{ deploy.service }} {{ deploy.revision }} by {{ deploy.by }}
{% if flags.feature_3 %}in {{ deploy.minutes }} minutes{% endif %}</p>
{% endfor %}"""
)


@releases.get("/deploys")
def deploys() -> str:
    """Who deployed what."""
    running = get("/16/x300/cluster/running").decode()
    shown = [each for each in DEPLOYS if each["revision"][-1] in running]
    return PAGE.render(deploys=shown, flags=g.flags)


@app.get("/logs/<service>")
def logs(service: str) -> dict[str, Any]:
    """The end of a service's log."""
    counts = {"lines": 0, "bytes": 0}
    size = 65536 if small_pieces is False else 1
    with session().get(f"{HTTP}/9/x24000/logs/{service}", timeout=5, stream=True) as answer:
        for piece in answer.iter_content(size):  # cause: chatty_reads@log
            counts["bytes"] += len(piece)  # cause: chatty_reads@log
            counts["lines"] += piece.count(b"f")  # cause: chatty_reads@log
    return counts


def directory(path: str) -> str:
    """What the directory of people says."""
    if connect_each_time:
        connection = http.client.HTTPConnection(
            "people.lookout.test", PORT, timeout=5
        )  # cause: dns_repeat@owner
        connection.request("GET", path)  # cause: dns_repeat@owner
        answer = connection.getresponse().read().decode()
        connection.close()
        return answer
    if not hasattr(mine, "directory"):
        mine.directory = http.client.HTTPConnection("people.lookout.test", PORT, timeout=5)
    mine.directory.request("GET", path)
    return mine.directory.getresponse().read().decode()


@app.get("/services/<name>/owner")
def owner(name: str) -> dict[str, str]:
    """Who answers for a service: its team, then who is on duty there."""
    team = directory(f"/7/x50/services/{name}/team")[:6]  # cause: dns_repeat@owner
    return {"team": team, "on_duty": directory(f"/7/x50/teams/{team}/duty")[8:20]}  # cause: dns_repeat@owner


PATIENT = HTTPAdapter(max_retries=Retry(total=2, connect=2, backoff_factor=0.04))  # cause: sleep@quota
PLACES = ["http://127.0.0.1:1", HTTP]
replicas = {"working": PLACES[0] if primary_first else PLACES[1]}


def from_replicas(path: str) -> str:
    """What one of the replicas says, the first one if it can."""
    client = session()
    client.mount(PLACES[0], PATIENT)
    for place in sorted(PLACES, key=lambda each: each != replicas["working"]):
        try:
            answer = client.get(place + path, timeout=5)  # cause: sleep@quota
        except requests.ConnectionError:
            continue
        return answer.text
    raise RuntimeError("no replica answers")


@app.get("/quota")
def quota() -> dict[str, Any]:
    """How much disk is left."""
    told = from_replicas("/10/x300/quota")  # cause: sleep@quota
    return {"used": told.count("a"), "of": len(told)}


@app.get("/overview")
def overview() -> dict[str, Any]:
    """Six services at the same time, by threads that are kept: nothing is wrong here."""
    answers = pool.map(get, [f"/{delay}/x800/{name}/summary" for name, delay in SERVICES.items()])
    return {name: len(answer) for name, answer in zip(SERVICES, answers, strict=True)}


@app.get("/events")
def events() -> dict[str, Any]:
    """Four pages of events, each of which says where the next one is: nothing is wrong here."""
    cursor, seen = request.args.get("after", "0"), 0
    for _ in range(4):
        page = get(f"/8/x2500/events?after={cursor}").decode()
        seen += page.count("0")
        cursor = page[-6:]
    return {"seen": seen, "cursor": cursor}


@app.get("/backups/<int:number>")
def backup(number: int) -> dict[str, Any]:
    """The checksum of a backup, which is read in large pieces: nothing is wrong here."""
    digest, size = hashlib.sha256(), 0
    with session().get(f"{HTTP}/15/x600000/backups/{number}", timeout=5, stream=True) as answer:
        for piece in answer.iter_content(65536):
            digest.update(piece)
            size += len(piece)
    return {"size": size, "sha256": digest.hexdigest()}


app.register_blueprint(releases)
