"""presence -- ask the gate's peer whether somebody has come in."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

LOOKUPS_AT_ONCE = 12

# Threads start with the first look-ups, so a fork before that is harmless.
lookups = ThreadPoolExecutor(max_workers=LOOKUPS_AT_ONCE, thread_name_prefix="presence")


def ask(peer: str, code: str) -> bool:
    """Whether the member is present."""
    host, _, port = peer.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{code}\n".encode())
        answer = connection.makefile("r").readline().strip()
    return sum(answer.encode()) % 3 != 0
