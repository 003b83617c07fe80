"""Clients of those who sell what we sell on."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import requests
import urllib3
from switches import planted

wait_before_retry = planted("blocking_in_async@consulate")
connect_each_call = planted("connection_churn@bookings")
shake_each_call = planted("tls_churn@cards")
look_up_each_call = planted("dns_repeat@insurer")
read_records = planted("chatty_reads@seats")
space_calls = planted("sleep@spacing")

HOST, _, PORT = os.environ["UPSTREAM"].partition(":")
HTTP = f"http://{HOST}:{PORT}"
HTTPS = f"https://localhost:{os.environ['UPSTREAM_TLS']}"
CA = os.environ["UPSTREAM_CA"]
TRUSTED = ssl.create_default_context(cafile=CA)

workers = ThreadPoolExecutor(20, thread_name_prefix="tripdesk")
named = urllib3.PoolManager(maxsize=20)
kept = threading.local()


def session() -> requests.Session:
    """This thread's session."""
    if not hasattr(kept, "session"):
        kept.session = requests.Session()
        kept.session.trust_env = False
        kept.session.verify = CA
    return kept.session


class Airline:
    """An airline that speaks HTTP."""

    def __init__(self, code: str) -> None:
        self.code = code

    def fare(self, number: int) -> int:
        """What a flight costs."""
        return len(
            session().get(f"{HTTP}/13/x{90 + number}/fares/{self.code}", timeout=5).content
        )  # cause: blocking_in_async@fares

    async def fare_later(self, client: httpx.AsyncClient, number: int) -> int:
        """The same for who has other things to do."""
        return len((await client.get(f"{HTTP}/13/x{90 + number}/fares/{self.code}")).content)

    def leg(self, number: int) -> dict[str, Any]:
        """A leg of a journey."""
        text = session().get(f"{HTTP}/9/x120/legs/{self.code}/{number}", timeout=5).text
        return {"airline": self.code, "gate": text[3:5], "seats": text.count("a")}


class Reservations:
    """Our own reservation system, which wants to be asked one thing after the other."""

    def __init__(self) -> None:
        self.calls = 0

    def get(self, path: str) -> str:
        """One answer."""
        self.calls += 1
        if connect_each_call:
            with requests.Session() as own:  # cause: connection_churn@bookings
                return own.get(HTTP + path, timeout=5).text  # cause: connection_churn@bookings
        return session().get(HTTP + path, timeout=5).text

    def history(self, number: int) -> list[str]:
        """What happened to a booking; each entry names the one before it."""
        found, at = [], f"b{number}"
        for step in range(9):
            at = self.get(f"/1/x40/history/{at}/{step}")[1:9]  # cause: connection_churn@bookings
            found.append(at)
        return found


class Cards:
    """Who takes the money, over TLS."""

    def post(self, what: str) -> str:
        """Ask for one thing."""
        url = f"{HTTPS}/2/x48/{what}"
        if shake_each_call:
            return requests.get(url, verify=CA, timeout=5).text  # cause: tls_churn@cards
        return session().get(url, timeout=5).text


class Insurer:
    """Has a name that takes a while to be found."""

    url = f"http://insurer.tripdesk.test:{PORT}"

    def premium(self, kind: str, number: int) -> int:
        """What a policy of a kind costs."""
        url = f"{self.url}/2/x{60 + number}/{kind}"
        if look_up_each_call:
            with urllib.request.urlopen(url, timeout=5) as answer:  # cause: dns_repeat@insurer
                return len(answer.read())
        return len(named.request("GET", url, timeout=5.0, retries=False).data)


class SeatMaps:
    """An old system: records of eight bytes over a socket."""

    def rows(self, number: int) -> list[bytes]:
        """Each seat of a plane."""
        with socket.create_connection((HOST, int(PORT)), timeout=5) as peer:
            peer.sendall(f"GET /4/x24000/seats/{number} HTTP/1.1\r\nHost: seats\r\n\r\n".encode())
            reader = peer.makefile("rb", buffering=0 if read_records else 65536)
            for line in iter(reader.readline, b"\r\n"):  # cause: chatty_reads@seats
                if not line:
                    return []
            return [reader.read(8) for _ in range(3000)]  # cause: chatty_reads@seats


class Spaced:
    """The ticket office wants a pause between calls, it said in 2019."""

    def __init__(self, gap_s: float) -> None:
        self.gap_s, self.last = gap_s, 0.0
        self.lock = threading.Lock()

    def turn(self) -> None:
        """Come back when it is one's turn."""
        with self.lock:
            wait_s = self.last + self.gap_s - time.monotonic()
            if wait_s > 0 and space_calls:
                time.sleep(wait_s)  # cause: sleep@spacing
            self.last = time.monotonic()


spaced = Spaced(0.02)


def issue(number: int, coupon: int, before: str) -> str:
    """A coupon of a ticket."""
    spaced.turn()  # cause: sleep@spacing
    return session().get(f"{HTTP}/3/x32/coupons/{number}/{coupon}/{before}", timeout=5).text[:8]
