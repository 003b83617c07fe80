"""upstream -- the neighbours of the corpus: HTTP and HTTPS servers of fixed delays and a slow name server.

    python upstream.py HTTP_PORT HTTPS_PORT PEM HANDSHAKE_MS [NAME_SERVER_ADDRESS DNS_MS]

`GET /15/x400/p16/anything` is answered after 15 ms with 400 bytes in pieces of 16, each sent for itself (all three are
optional: at once, 20 bytes, whole), and the connection stays open. `GET /u80/anything` is a 503 until 80 ms after that
path was first asked for. A TLS handshake takes HANDSHAKE_MS before it begins. A process of its own, so that neither the
load nor the measured application shares its interpreter.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support_py import peers

first_asked: dict[str, float] = {}


def answer(connection: socket.socket, method: str, path: str) -> None:
    """Send the whole answer to a path, after its delay; to HEAD its head."""
    size = piece = 0
    status = "200 OK"
    for place, part in enumerate(path.strip("/").split("/")[:3]):
        if place == 0 and part.isdigit():
            time.sleep(int(part) / 1000)
        elif part[:1] == "x" and part[1:].isdigit():
            size = int(part[1:])
        elif part[:1] == "p" and part[1:].isdigit():
            piece = int(part[1:])
        elif part[:1] == "u" and part[1:].isdigit():
            age_s = time.monotonic() - first_asked.setdefault(path, time.monotonic())
            status = "200 OK" if age_s * 1000 >= int(part[1:]) else "503 Service Unavailable"
    size = size or 20
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
    if method == "HEAD":
        body, piece = b"", 0
    connection.sendall(head.encode() + (b"" if piece else body))
    for start in range(0, size if piece else 0, piece or 1):
        connection.sendall(body[start : start + piece])


def converse(connection: socket.socket) -> None:
    """Answer one request after the other until the client goes away."""
    with suppress(OSError):
        waiting = b""
        while True:
            while b"\r\n\r\n" not in waiting:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                waiting += chunk
            head, _, waiting = waiting.partition(b"\r\n\r\n")
            method, path = head.decode("latin-1").split(" ")[:2]
            answer(connection, method, path)


def plain(connection: socket.socket) -> None:
    """A plain connection."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        converse(connection)


def secured(pem: str, handshake_s: float) -> Callable[[socket.socket], None]:
    """Talks TLS, after a pause."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(handshake_s)
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
            converse(secure)

    return serve


def listen(port: int, serve: Callable[[socket.socket], None]) -> None:
    """Accept for ever, a thread a connection."""
    listener = socket.create_server(("127.0.0.1", port), backlog=256)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


if __name__ == "__main__":
    http, https, pem, handshake, *names = sys.argv[1:]
    if names:
        peers.name_server(int(names[1]) / 1000, names[0])
    listen(int(https), secured(pem, int(handshake) / 1000))
    listen(int(http), plain)
    threading.Event().wait()
