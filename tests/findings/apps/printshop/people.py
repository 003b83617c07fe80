"""Who may print: people with passwords, machines with keys."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from flask import Blueprint, abort
from switches import planted
from werkzeug.security import check_password_hash, generate_password_hash

try_each_key = planted("hot_function@keys")

bp = Blueprint("people", __name__)
ROUNDS = 2500
STORED = generate_password_hash("correct horse", method="pbkdf2:sha256:16000")


def digest(secret: str, salt: bytes) -> bytes:
    """What is kept of a key."""
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt, ROUNDS)


KEYS = {f"m{n:03d}": (bytes([n] * 8), digest(f"m{n:03d}.secret-{n}", bytes([n] * 8))) for n in range(24)}


def machine_of(key: str) -> str | None:
    """Whose key this is; a key begins with the machine's name."""
    if try_each_key:
        for name, (salt, kept) in KEYS.items():  # cause: hot_function@keys
            if hmac.compare_digest(digest(key, salt), kept):  # cause: hot_function@keys
                return name
        return None
    name = key.partition(".")[0]
    if name not in KEYS:
        return None
    salt, kept = KEYS[name]
    return name if hmac.compare_digest(digest(key, salt), kept) else None


@bp.get("/machine/<int:number>")
def machine(number: int) -> dict[str, Any]:
    """What a machine should print next."""
    at = 12 + number % 12
    name = machine_of(f"m{at:03d}.secret-{at}")  # cause: hot_function@keys
    if name is None:
        abort(403)
    return {"machine": name, "next": number}


@bp.get("/sessions/<int:number>")
def log_in(number: int) -> dict[str, Any]:
    """Somebody with a password, whose hash is meant to take a while: nothing is wrong here."""
    if not check_password_hash(STORED, "correct horse"):
        abort(403)
    return {"visitor": number}
