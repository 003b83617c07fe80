"""score -- how right `hotplate report` is on the corpus:  python score.py [options] [APPLICATION...]

Each application runs under `hotplate run --level trace`, is asked for all its endpoints in turn, one request at a
time, and its report is compared with what is planted (planted.py) and what that truly costs (truth.json). Prints what
was missed and what was false, then the figures; exit 3 when one is below its gate.

With --repaired every cause is left out, and no finding is right: what the advice leads to must not be advised
against.

Predicted savings are those of this run, true ones of a quiet machine. How much slower this run was, by the medians of
all endpoints, is printed as its pace. A machine that is slow stretches what computes and not what waits, so the gate
judges each saving at the pace of its own endpoint.

A finding is right when its kind and its line are those of a planted cause. A second one for the same cause is false,
unless the sidecar allows that kind beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import planted
import running
from support_py.cli import HOTPLATE, clean_environment

HEALTH = "GET /health"  # asked once, to see that the application is there
NEAR = 0.9  # of two causes whose true savings are this close either may come first


def main() -> int:
    """Score, print, judge."""
    options = parse()
    truth = json.loads(planted.TRUTH.read_text()) if planted.TRUTH.exists() else {}
    apps = [app for app in planted.applications(options.app) if options.half in (None, app.half)]
    apps = [app for app in apps if not app.needs & set(options.without)]
    running.raise_priority()
    apps = [app.repaired() if options.repaired else app for app in apps]
    began, rows, reports = time.monotonic(), [], {}
    with running.surroundings() as around, contextlib.closing(reports_of(apps, around)) as found:
        for app, report in found:
            reports[app.name] = report
            rows += score_app(app, report, truth.get(app.name, {}))
            print(f"{app.name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    result = {"figures": {half: figures(rows, half) for half in halves(rows)}, "endpoints": rows}
    result["not_checked"] = sorted({each["kind"] for one in reports.values() for each in one["not_checked"]})
    show(result, truth_known=bool(truth))
    print(f"took {time.monotonic() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps({**result, "reports": reports}, indent=1))
    return judge(result["figures"]["all"], options)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("app", nargs="*", help="only these applications")
    parser.add_argument("--half", choices=("blind", "open"))
    parser.add_argument(
        "--without", action="append", default=[], help="leave out what needs this service (mariadb, names)"
    )
    parser.add_argument("--repaired", action="store_true", help="leave every cause out; nothing may be found")
    parser.add_argument("--json", type=Path, help="write everything here, reports too")
    parser.add_argument("--min-recall", type=float, default=0)
    parser.add_argument("--min-precision", type=float, default=0)
    parser.add_argument(
        "--min-first", type=float, default=0, help="share of endpoints whose costliest cause is first"
    )
    parser.add_argument(
        "--max-error", type=float, default=9e9, help="median error of savings, each at its endpoint's pace"
    )
    parser.add_argument("--max-clean", type=int, default=10**9, help="findings on clean endpoints")
    return parser.parse_args()


def reports_of(
    apps: Sequence[planted.Application], around: running.Services
) -> Generator[tuple[planted.Application, dict[str, Any]]]:
    """Each application with its report. Two are on the way at a time: while one is asked, the other starts or stops."""
    asking = threading.Lock()
    pool = ThreadPoolExecutor(2)
    try:
        most_starts_first = sorted(apps, key=lambda app: -app.starts)
        yield from zip(
            most_starts_first,
            pool.map(lambda app: report_of(app, around, asking), most_starts_first),
            strict=True,
        )
    finally:
        pool.shutdown(cancel_futures=True)


def report_of(app: planted.Application, around: running.Services, asking: threading.Lock) -> dict[str, Any]:
    """Run an application under Hotplate and return its report. It is asked while nobody else is."""
    folder = around.folder / "store" / app.name
    folder.mkdir(parents=True)
    run = [HOTPLATE, "run", "--level", "trace", "--store", str(folder / "hotplate.db"), "--"]
    if any(cause.truth == "regression" for each in app.endpoints for cause in each.causes):
        off = [cause.name for each in app.endpoints for cause in each.causes if cause.truth == "regression"]
        with running.serving(app, around, off, run, HOTPLATE_REVISION="r1") as server, asking:
            load(server, app)
    for _ in range(app.starts):
        with running.serving(app, around, app.off, run, HOTPLATE_REVISION="r2") as server, asking:
            load(server, app)
    command = [HOTPLATE, "report", "--json", "--store", str(folder / "hotplate.db")]
    done = subprocess.run(
        command, check=False, cwd=folder, env=clean_environment(), capture_output=True, text=True, timeout=120
    )
    if done.returncode != 0:
        raise RuntimeError(f"{app.name}: hotplate report: {done.returncode} {done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def load(server: Any, app: planted.Application) -> None:
    """All endpoints in turn, warm-up included."""
    for number in range(app.warm_up + app.requests // app.starts):
        for each in app.endpoints:
            running.ask(server, each.path, number)


def score_app(
    app: planted.Application, report: dict[str, Any], truth: dict[str, Any]
) -> list[dict[str, Any]]:
    """A row an endpoint, and one for findings of routes that nobody declared."""
    rows, left = [], [one for one in report["findings"] if one["route"] != HEALTH]
    now_ms = {one["route"]: one["now_ms"] for one in report["routes"]}
    for each in app.endpoints:
        own = [finding for finding in left if finding["route"] == each.route]
        left = [finding for finding in left if finding["route"] != each.route]
        rows.append(score_endpoint(app, each, own, truth.get(each.route, {})))
        known_ms = truth.get(each.route, {}).get("now_ms")
        if known_ms and now_ms.get(each.route):
            rows[-1]["pace"] = now_ms[each.route] / known_ms
    if left:
        stray = planted.Endpoint(app.name, "", "elsewhere", ())
        rows.append(score_endpoint(app, stray, left, {}))
    return rows


def score_endpoint(
    app: planted.Application, each: planted.Endpoint, findings: list[dict[str, Any]], truth: dict[str, Any]
) -> dict[str, Any]:
    """What was told of an endpoint against what is planted there."""
    savings = {name: one["saving"] for name, one in truth.get("causes", {}).items()}
    told: dict[str, dict[str, Any]] = {}
    false, first = [], None
    for finding in sorted(findings, key=lambda one: one["rank"]):
        matching = [cause for cause in each.causes if cause.told_by(finding)]
        new = [cause for cause in matching if cause.name not in told]
        if new:
            cause = min(new, key=lambda one: one.kind != finding["kind"])
            told[cause.name] = finding
            first = first or cause.name
        elif not any(cause.excuses(finding) for cause in each.causes + each.excused):
            false.append(finding)
            first = first or "false"
    missed = [cause for cause in each.causes if cause.name not in told]
    return {
        "app": app.name,
        "half": app.half,
        "route": each.route,
        "clean": not each.causes,
        "causes": [cause.name for cause in each.causes],
        "missed": [cause.name for cause in missed],
        "elsewhere": {
            cause.name: place for cause in missed if (place := told_elsewhere(cause, false)) is not None
        },
        "told": {name: brief(finding, savings.get(name)) for name, finding in told.items()},
        "false": [brief(finding, None) for finding in false],
        "first": None if not each.causes else right_first(first, each, savings),
    }


def told_elsewhere(cause: planted.Cause, false: list[dict[str, Any]]) -> str | None:
    """Where a missed cause is told with the right kind at a line that nobody would edit for it."""
    places = [f"{one['file']}:{one['line']}" for one in false if one["kind"] in cause.also | {cause.kind}]
    return places[0] if places else None


def right_first(first: str | None, each: planted.Endpoint, savings: dict[str, float]) -> bool:
    """Whether the first finding names the cause that truly costs most, or one as dear."""
    timed = [cause.name for cause in each.causes if cause.truth != "bytes"]
    most = max((savings.get(name, 0) for name in timed), default=0)
    if first is None or first == "false":
        return False
    return first not in timed or savings.get(first, 0) >= most * NEAR


def brief(finding: dict[str, Any], truth: float | None) -> dict[str, Any]:
    """What the output needs of a finding, with the true saving and the error where it is known."""
    kept = (
        "kind",
        "file",
        "line",
        "via",
        "rank",
        "basis",
        "predicted_saving_ms",
        "predicted_saving_bytes",
        "title",
    )
    out = {name: finding[name] for name in kept if name in finding}
    predicted = finding.get(
        "predicted_saving_bytes" if finding["kind"] == "memory_growth" else "predicted_saving_ms"
    )
    if truth is not None and truth > 0 and predicted is not None:
        out |= {"truth": truth, "error": abs(predicted - truth) / truth}
    return out


def error_of(one: dict[str, Any], pace: float) -> float:
    """The error of a prediction made on a machine that was `pace` times slower; bytes have no pace."""
    if one["kind"] == "memory_growth":
        return float(one["error"])
    true = one["truth"] * pace
    return abs(float(one["predicted_saving_ms"]) - true) / true


def halves(rows: Sequence[dict[str, Any]]) -> list[str]:
    """`all` and each half that is there."""
    return ["all", *sorted({row["half"] for row in rows})]


def figures(rows: Sequence[dict[str, Any]], half: str) -> dict[str, Any]:
    """The figures of one half, or of all."""
    mine = [row for row in rows if half in ("all", row["half"])]
    causes = sum(len(row["causes"]) for row in mine)
    right, wrong = sum(len(row["told"]) for row in mine), sum(len(row["false"]) for row in mine)
    told = [one for row in mine for one in row["told"].values() if "error" in one]
    errors = sorted(one["error"] for one in told)
    paces = [row["pace"] for row in mine if "pace" in row]
    pace = statistics.median(paces) if paces else 1.0
    at_pace = [
        error_of(one, row.get("pace", 1.0)) for row in mine for one in row["told"].values() if "error" in one
    ]
    firsts = [row["first"] for row in mine if row["first"] is not None]
    return {
        "endpoints": len(mine),
        "clean": sum(row["clean"] for row in mine),
        "causes": causes,
        "recall": right / causes if causes else 1.0,
        "kind_recall": (right + sum(len(row["elsewhere"]) for row in mine)) / causes if causes else 1.0,
        "precision": right / (right + wrong) if right + wrong else 1.0,
        "first": sum(firsts) / len(firsts) if firsts else 1.0,
        "pace": pace,
        "error_median": statistics.median(errors) if errors else None,
        "error_at_pace": statistics.median(at_pace) if at_pace else None,
        "error_p90": errors[min(len(errors) - 1, int(len(errors) * 0.9))] if errors else None,
        "on_clean": sum(len(row["false"]) for row in mine if row["clean"]),
    }


def show(result: dict[str, Any], truth_known: bool) -> None:
    """What is missed or false, endpoint by endpoint, then the figures."""
    for row in result["endpoints"]:
        for name in row["missed"]:
            where = f", told at {row['elsewhere'][name]}" if name in row["elsewhere"] else ""
            print(f"missed  {row['app']} {row['route']}: {name}{where}")
        for one in row["false"]:
            print(f"false   {row['app']} {row['route']}: {line_of(one)}")
        for name, one in row["told"].items():
            if one.get("error", 0) > 0.5:
                print(f"saving  {row['app']} {row['route']}: {name} {line_of(one)}, truly {one['truth']:.4g}")
        if row["first"] is False and row["told"]:
            print(f"first   {row['app']} {row['route']}: another cause costs more")
    if result["not_checked"]:
        print("not checked:", " ".join(result["not_checked"]))
    for half, one in result["figures"].items():
        error = "savings not judged" if one["error_median"] is None else (
            f"saving error median {one['error_median']:.0%}"
            f" ({one['error_at_pace']:.0%} at each one's pace, {one['pace']:.2f}), p90 {one['error_p90']:.0%}"
        )  # fmt: skip
        print(
            f"{half}: {one['endpoints']} endpoints ({one['clean']} clean), {one['causes']} causes:"
            f" recall {one['recall']:.3f} ({one['kind_recall']:.3f} at any line), precision {one['precision']:.3f},"
            f" costliest first {one['first']:.3f},"
            f" {error}, {one['on_clean']} findings on clean ones"
        )
    if not truth_known:
        print("no truth.json: savings and order are not judged (make truth)")


def line_of(one: dict[str, Any]) -> str:
    """A finding in a line."""
    via = f" via {one['via']}" if one.get("via") else ""
    saving = one.get("predicted_saving_ms", one.get("predicted_saving_bytes", 0)) or 0
    return f"{one['kind']} {one.get('file')}:{one.get('line')}{via} saves {saving:.4g} ({one.get('title')})"


def judge(figure: dict[str, Any], options: argparse.Namespace) -> int:
    """3 with a line for every gate that is not passed, else 0."""
    gates = {
        "recall": figure["recall"] >= options.min_recall,
        "precision": figure["precision"] >= options.min_precision,
        "costliest first": figure["first"] >= options.min_first,
        "saving error": (figure["error_at_pace"] or 0) <= options.max_error,
        "findings on clean ones": figure["on_clean"] <= options.max_clean,
    }
    for name, passed in gates.items():
        if not passed:
            print(f"below its gate: {name}", file=sys.stderr)
    return 0 if all(gates.values()) else 3


if __name__ == "__main__":
    sys.exit(main())
