"""The office: files, logs, and programs that others have written."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import subprocess
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g
from switches import planted

line_for_each = planted("log_io@trucks")
sync_each = planted("disk_io@weighings")
ask_program = planted("subprocess@digest")
collect_after = planted("gc_pressure@slag")

bp = Blueprint("office", __name__)
FOLDER = Path(os.environ["FINDINGS_DATA"]) / f"quarry-{os.getpid()}"
FOLDER.mkdir(parents=True, exist_ok=True)
HEAPS = [[n, [n % 7, n % 11], {"stone": n % 90}] for n in range(70_000)]

log = logging.getLogger("quarry.scales")
log.setLevel(logging.DEBUG if line_for_each else logging.INFO)
log.propagate = False
to_file = logging.FileHandler(FOLDER / "scales.log")
to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s:%(lineno)d %(message)s"))
log.addHandler(to_file)


class Scales:
    """Weighs lorries, and writes down what it has weighed."""

    def weigh(self, truck: int, number: int) -> int:
        """One."""
        weight = 9000 + truck * 131 % 21_000 + number % 13
        log.debug("truck %d of turn %d weighs %d kg", truck, number, weight)  # cause: log_io@trucks
        return weight

    def keep(self, weights: list[int]) -> None:
        """In a file that survives the lightning."""
        with (FOLDER / "weighings.txt").open("w") as out:
            for start in range(0, len(weights), 40):
                out.write(",".join(map(str, weights[start : start + 40])) + "\n")
                if sync_each:
                    out.flush()
                    os.fsync(out.fileno())  # cause: disk_io@weighings
            out.flush()
            os.fsync(out.fileno())


scales = Scales()


@bp.get("/trucks/<int:number>")
def trucks(number: int) -> dict[str, int]:
    """All lorries of a day."""
    weights = [scales.weigh(truck, number) for truck in range(1000)]  # cause: log_io@trucks
    scales.keep(weights)  # cause: disk_io@weighings
    log.info("turn %d: %d kg", number, sum(weights))
    return {"kilograms": sum(weights)}


PLANS = []
for turn in range(3):
    PLANS.append(FOLDER / f"plan-{turn}.bin")
    PLANS[-1].write_bytes(bytes(range(256)) * (80 + turn))


def digest_of(path: Path) -> str:
    """The fingerprint of a plan."""
    if ask_program:
        told = subprocess.run(
            ["sha256sum", str(path)], check=True, capture_output=True
        )  # cause: subprocess@digest
        return told.stdout.decode().split()[0]
    with path.open("rb") as plan:
        return hashlib.file_digest(plan, "sha256").hexdigest()


@bp.get("/plans")
def plans() -> dict[str, str]:
    """Whether the plans are the right ones."""
    return {plan.name: digest_of(plan) for plan in PLANS}  # cause: subprocess@digest


@bp.after_request
def tidy(answer: Response) -> Response:
    """Give back what a big page took."""
    if g.get("big") and collect_after:
        gc.collect()  # cause: gc_pressure@slag
    return answer


@bp.get("/slag/<int:number>")
def slag(number: int) -> dict[str, Any]:
    """The heaps of slag."""
    g.big = True
    return {"heaps": [heap[0] for heap in HEAPS[number : number + 400]]}


plan_kept: dict[str, tuple[int, str]] = {}


@bp.get("/notice")
def notice() -> dict[str, Any]:
    """What hangs at the gate, read again when it has changed, and a little log: nothing is wrong here."""
    changed = PLANS[0].stat().st_mtime_ns
    if plan_kept.get("gate", (0, ""))[0] != changed:
        plan_kept["gate"] = (changed, hashlib.sha256(PLANS[0].read_bytes()).hexdigest())
    for who in ("foreman", "driver", "guard"):
        log.info("shown to the %s", who)
    return {"notice": plan_kept["gate"][1]}
