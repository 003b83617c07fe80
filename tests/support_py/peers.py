"""peers -- slow local servers for tests of waits: a name server, a TLS server, an HTTP server."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

NAME_SERVER = "127.9.9.9"  # port 53, the only one that resolv.conf can name


def resolver_prefix(folder: Path, address: str = NAME_SERVER) -> Sequence[str] | None:
    """Arguments before a command that make it ask this name server; None where that takes rights that we lack."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return None
    conf = folder / "resolv.conf"
    conf.write_text(f"nameserver {address}\noptions timeout:5 attempts:1\n")
    hosts = folder / "nsswitch.conf"
    hosts.write_text("hosts: files dns\n")
    script = f'mount --bind {conf} /etc/resolv.conf && mount --bind {hosts} /etc/nsswitch.conf && exec "$@"'
    prefix = ["unshare", "-m", "sh", "-c", script, "sh"]
    done = subprocess.run([*prefix, "true"], check=False, capture_output=True, timeout=10)
    return prefix if done.returncode == 0 else None


def name_server(delay_s: float, address: str = NAME_SERVER) -> None:
    """Answer every A query with 127.0.0.1 after `delay_s`, on a thread of its own."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))

    def answer(query: bytes, client: tuple[str, int]) -> None:
        at = 12
        while query[at]:
            at += query[at] + 1
        (kind,) = struct.unpack(">H", query[at + 1 : at + 3])
        head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, int(kind == 1), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + b"\x7f\x00\x00\x01" if kind == 1 else b""
        time.sleep(delay_s)
        udp.sendto(head + query[12 : at + 5] + record, client)

    def serve() -> None:
        while True:
            query, client = udp.recvfrom(512)
            threading.Thread(target=answer, args=(query, client), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def certificate(folder: Path) -> Path:
    """A key and a certificate for localhost in one file."""
    path = folder / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(path), "-out", str(folder / "cert.pem")],
        check=True,
        capture_output=True,
        timeout=60,
    )  # fmt: skip
    path.write_text(path.read_text() + (folder / "cert.pem").read_text())
    return path


def _listen(serve: Callable[[socket.socket], None]) -> int:
    """Port of a new listener; each connection is served on a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def accept() -> None:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def tls_server(pem: Path, handshake_s: float, piece_s: float) -> int:
    """Port of a server that takes its time for each handshake and answers each byte with one, after a while."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def serve(plain: socket.socket) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(handshake_s)
        with context.wrap_socket(plain, server_side=True) as secure:
            while secure.recv(1):
                time.sleep(piece_s)
                secure.sendall(b"x")

    return _listen(serve)


def http_server(first_byte_s: float, rest_s: float) -> int:
    """Port of a server that waits before its answer, and again in the middle of it."""

    def serve(client: socket.socket) -> None:
        with client:
            while client.recv(65536):
                time.sleep(first_byte_s)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n0123456789")
                time.sleep(rest_s)
                client.sendall(b"0123456789")

    return _listen(serve)


def kept_http_server(delay_s: float, pem: Path | None = None, handshake_s: float = 0) -> int:
    """Port of a server that answers each request after `delay_s`, /N after N ms, and keeps the connection. With a
    certificate it speaks TLS.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if pem is not None:
        context.load_cert_chain(pem)

    def serve(plain: socket.socket) -> None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(handshake_s)
        with context.wrap_socket(plain, server_side=True) if pem is not None else plain as client:
            while head := client.recv(65536):
                path = head.split(b" ", 2)[1].strip(b"/")
                time.sleep(int(path) / 1e3 if path.isdigit() else delay_s)
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789")

    return _listen(serve)


def redis_server(delay_s: float) -> int:
    """Port of a server that answers each command with OK, a GET only after `delay_s`."""

    def serve(client: socket.socket) -> None:
        with client:
            while said := client.recv(65536):
                time.sleep(delay_s if b"\r\nGET\r\n" in said else 0)
                client.sendall(b"+OK\r\n" * len(re.findall(rb"^\*\d+\r$", said, re.MULTILINE)))

    return _listen(serve)


def stream_server(size: int) -> int:
    """Port of a server that answers the first bytes of a connection with `size` bytes at once."""

    def serve(client: socket.socket) -> None:
        with client:
            client.recv(64)
            client.sendall(b"x" * size)
            client.recv(64)

    return _listen(serve)


def silent_server() -> int:
    """Port of a server that accepts and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    _keep.append(listener)
    return int(listener.getsockname()[1])


_keep: list[socket.socket] = []
