"""truth -- what each planted cause truly costs, measured by leaving it out:  python truth.py [APPLICATION...]

Without Hotplate. Every endpoint is asked in turn from one process with everything on, one with everything off and as
many as it has causes with one of them off (endpoints share processes: each process leaves out one cause of each), the
order changing from round to round. The median over the rounds of what it made a request slower goes to truth.json (a
machine that gets slower meanwhile does so for both); other applications stay as they are there.

Measured otherwise: a tail's p95, over more rounds; the first request of a process, over more processes; bytes, as what
the process grows by a request; a regression, as the causes of its second revision.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import planted
import running

ROUNDS, TAIL_ROUNDS, PROCESSES, GROWTH_REQUESTS, WARM_UP = 21, 60, 5, 40, 4
BUSY_LOAD, PATIENCE_S = 3.0, 3
ALL = "all"


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("app", nargs="*", help="only these applications")
    parser.add_argument("--without", action="append", default=[], help="leave out what needs this service")
    options = parser.parse_args()
    apps = [app for app in planted.applications(options.app) if not app.needs & set(options.without)]
    known = json.loads(planted.TRUTH.read_text()) if planted.TRUTH.exists() else {}
    running.raise_priority()
    with running.surroundings() as around:
        for app in apps:
            wait_quiet()
            known[app.name] = measure(app, around)
            show(app.name, known[app.name])
            planted.TRUTH.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    return 0


def wait_quiet() -> None:
    """Wait while others keep the machine busy, but not for ever."""
    until = time.monotonic() + PATIENCE_S
    while os.getloadavg()[0] > BUSY_LOAD and time.monotonic() < until:
        time.sleep(5)
    if os.getloadavg()[0] > BUSY_LOAD:
        print(f"truth: measured at load {os.getloadavg()[0]:.1f}", file=sys.stderr)


def measure(app: planted.Application, around: running.Services) -> dict[str, Any]:
    """Each endpoint's median now, with everything off, and what each cause costs."""
    if app.starts > 1:
        return {each.route: first_requests(app, each, around) for each in app.endpoints}
    variants = {"none": [], ALL: [cause.name for each in app.endpoints for cause in each.causes]}
    variants |= {str(turn): [one.causes[turn].name for one in app.endpoints if len(one.causes) > turn]
                 for turn in range(max((len(each.causes) for each in app.endpoints), default=0))}  # fmt: skip
    with ExitStack() as stack:
        servers = {}
        for name, off in variants.items():
            servers[name] = stack.enter_context(running.serving(app, around, off))
        for number in range(WARM_UP):
            for server in servers.values():
                for each in app.endpoints:
                    running.ask(server, each.path, number)
        return {each.route: truth_of(each, servers) for each in app.endpoints}


def truth_of(each: planted.Endpoint, servers: dict[str, Any]) -> dict[str, Any]:
    """One endpoint's figures from the running variants."""
    tail = any(cause.truth == "p95" for cause in each.causes)
    asked = ["none", ALL, *map(str, range(len(each.causes)))]
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(TAIL_ROUNDS if tail else ROUNDS):
        turned = number % len(asked)
        for name in asked[turned:] + asked[:turned]:
            times[name].append(running.ask(servers[name], each.path, WARM_UP + number))
    causes = {}
    for turn, cause in enumerate(each.causes):
        if cause.truth == "bytes":
            saving = growth(each, servers["none"]) - growth(each, servers[str(turn)])
        elif cause.truth == "p95":
            saving = p95(times["none"]) - p95(times[str(turn)])
        else:
            pairs = zip(times["none"], times[str(turn)], strict=True)
            saving = statistics.median(with_it - without for with_it, without in pairs)
        causes[cause.name] = {"saving": round(saving, 2), "basis": cause.truth}
    return {
        "now_ms": round(statistics.median(times["none"]), 2),
        "after_all_ms": round(statistics.median(times[ALL]), 2),
        "causes": causes,
    }


def first_requests(
    app: planted.Application, each: planted.Endpoint, around: running.Services
) -> dict[str, Any]:
    """Figures of an application that is judged by the first request of several processes."""
    first: dict[str, list[float]] = {"none": [], ALL: []}
    later: dict[str, list[float]] = {"none": [], ALL: []}
    off = {"none": [], ALL: [cause.name for one in app.endpoints for cause in one.causes]}
    for _ in range(PROCESSES):
        for name, causes in off.items():
            with running.serving(app, around, causes) as server:
                first[name].append(running.ask(server, each.path, 0))
                later[name] += [running.ask(server, each.path, number) for number in range(1, 5)]
    saving = statistics.median(first["none"]) - statistics.median(first[ALL])
    return {
        "now_ms": round(statistics.median(later["none"]), 2),
        "after_all_ms": round(statistics.median(later[ALL]), 2),
        "causes": {cause.name: {"saving": round(saving, 2), "basis": cause.truth} for cause in each.causes},
    }


def p95(values: list[float]) -> float:
    """The 95th percentile by nearest rank."""
    return sorted(values)[-(-len(values) * 95 // 100) - 1]


def growth(each: planted.Endpoint, server: Any) -> float:
    """Bytes that the process grows by a request."""
    before = resident(server.process.pid)
    for number in range(GROWTH_REQUESTS):
        running.ask(server, each.path, 1000 + number)
    return (resident(server.process.pid) - before) / GROWTH_REQUESTS


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no VmRSS of {pid}")


def show(name: str, found: dict[str, Any]) -> None:
    """A line an endpoint."""
    for route, one in found.items():
        causes = ", ".join(
            f"{cause} {each['saving']:g} ({each['basis']})" for cause, each in one["causes"].items()
        )
        print(
            f"{name} {route}: {one['now_ms']:g} ms, all off {one['after_all_ms']:g} ms; {causes or 'clean'}"
        )


if __name__ == "__main__":
    sys.exit(main())
