"""planted -- the applications with planted causes: what each declares, where its marks are, how it is run.

An application is `apps/<name>.py` or `apps/<name>/` with a sidecar `apps/<name>.toml`:

    app = "workshop:create_app()"        # what the server loads
    half = "blind"                       # blind: written without a look at the rules; open: beside them, or seen since
    needs = ["upstream"]                 # services: upstream (HTTP, HTTPS), names (and slow DNS), mariadb, postgresql
    vendor = true                        # the folder vendor/site-packages is on its path: extensions as a library
    starts = 1                           # processes that the requests are spread over, one after the other
    warm_up = 3                          # requests of each endpoint before the counted ones, in each process
    requests = 18                        # counted requests of each endpoint, over all processes; 25 where the truth of
                                         # a cause is no median
    endpoints = [...]                    # see below; none with causes = [] may get a finding

    [[endpoint]]
    path = "/jobs"                       # what is asked for; {n} is the number of the request
    route = "GET /jobs"                  # as the report writes it; default: GET and the path
    causes = ["n_plus_one@jobs"]         # kind@word, unique in the application
    [endpoint.cause."n_plus_one@jobs"]   # only where something is to be said
    also = ["slow_query"]                # kinds that are as right, where two honestly are
    beside = ["hot_function"]            # kinds that may be told of the same lines as well, and need not
    truth = "median"                     # what is measured: median, p95, first (of a process), bytes (a request);
                                         # regression: the cause is left out in a first revision

Every cause is marked where a person would edit: `# cause: n_plus_one@jobs` at the end of the line (in templates
`{# cause: ... #}`); several lines may bear the same mark, and a mark in a statement of several lines means all of
them. The environment variable CAUSES_OFF names causes that the application leaves out, by running repaired code.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
APPS = HERE / "apps"
VENDOR = HERE / "vendor" / "site-packages"
TRUTH = HERE / "truth.json"

KINDS = frozenset(
    """
    n_plus_one duplicate_query missing_index slow_query unbounded_result orm_overhead thread_churn connection_churn
    tls_churn dns_repeat chatty_reads sequential_io slow_external blocking_in_async lock_contention gil_contention
    template_hot serialization_hot import_in_request regex_compile gc_pressure hot_function attribute_lookup_hot
    sleep subprocess disk_io log_io memory_growth cold_start tail_latency regression
    """.split()  # noqa: SIM905 thirty-one lines otherwise
)
MARK = re.compile(r"(?:#|\{#) cause: ([\w@.\- ]+?)(?: *#\})?\s*$")


class CorpusError(ValueError):
    """A sidecar or a mark that is wrong."""


@dataclass(frozen=True)
class Cause:
    """One planted cause and the lines where it may be told, as the report writes files."""

    name: str
    kind: str
    lines: frozenset[tuple[str, int]]
    also: frozenset[str]
    beside: frozenset[str]
    truth: str

    def told_by(self, finding: dict[str, object]) -> bool:
        """Whether a finding names this cause: an accepted kind at one of its lines."""
        place = (str(finding.get("file", "")), int(str(finding.get("line", 0))))
        return finding["kind"] in self.also | {self.kind} and place in self.lines

    def excuses(self, finding: dict[str, object]) -> bool:
        """Whether a finding is another view of the same lines that the sidecar allows."""
        place = (str(finding.get("file", "")), int(str(finding.get("line", 0))))
        return finding["kind"] in self.beside and place in self.lines


@dataclass(frozen=True)
class Endpoint:
    """One page: what to ask for, and what is wrong with it."""

    app: str
    path: str
    route: str
    causes: tuple[Cause, ...]
    excused: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Application:
    """One application of the corpus."""

    name: str
    target: str
    half: str
    needs: frozenset[str]
    vendor: bool
    starts: int
    warm_up: int
    requests: int
    endpoints: tuple[Endpoint, ...] = field(default=())
    off: tuple[str, ...] = ()

    def repaired(self) -> Application:
        """The same without any of its causes."""
        off = tuple(cause.name for each in self.endpoints for cause in each.causes)
        clean = tuple(replace(each, causes=(), excused=each.causes) for each in self.endpoints)
        return replace(self, endpoints=clean, off=off)


def applications(names: list[str] | None = None) -> list[Application]:
    """All applications (or those named), by name; CorpusError for what is not right in them."""
    found = [load(path) for path in sorted(APPS.glob("*.toml"))]
    known = {each.name for each in found}
    for name in names or ():
        if name not in known:
            raise CorpusError(f"no application {name!r} (there are {', '.join(sorted(known))})")
    return [each for each in found if not names or each.name in names]


def load(sidecar: Path) -> Application:
    """The application of a sidecar."""
    data = tomllib.loads(sidecar.read_text())
    marks = marks_of(sidecar.stem)
    endpoints = tuple(endpoint(sidecar.stem, each, marks) for each in data["endpoint"])
    declared = [cause.name for each in endpoints for cause in each.causes]
    if len(set(declared)) != len(declared):
        raise CorpusError(f"{sidecar.name}: a cause is declared twice")
    if left := set(marks) - set(declared):
        raise CorpusError(f"{sidecar.name}: marked but not declared: {', '.join(sorted(left))}")
    return Application(
        sidecar.stem,
        data["app"],
        data["half"],
        frozenset(data.get("needs", ())),
        data.get("vendor", False),
        data.get("starts", 1),
        data.get("warm_up", 3),
        data.get("requests", requests_for(endpoints)),
        endpoints,
    )


def requests_for(endpoints: tuple[Endpoint, ...]) -> int:
    """How many requests the truth of all causes takes: a median is known sooner than a tail or a growth."""
    medians = all(cause.truth == "median" for each in endpoints for cause in each.causes)
    return 18 if medians else 25


def endpoint(app: str, data: dict[str, object], marks: dict[str, set[tuple[str, int]]]) -> Endpoint:
    """One endpoint of a sidecar."""
    path = str(data["path"])
    said = data.get("cause", {})
    assert isinstance(said, dict)
    causes = []
    for name in data.get("causes", ()):  # type: ignore[attr-defined]
        kind = name.partition("@")[0]
        more = said.get(name, {})
        also, beside = frozenset(more.get("also", ())), frozenset(more.get("beside", ()))
        if name not in marks or not {kind} | also | beside <= KINDS:
            raise CorpusError(f"{app}: {name} has no mark or no known kind")
        causes.append(Cause(name, kind, frozenset(marks[name]), also, beside, more.get("truth", "median")))
    return Endpoint(app, path, str(data.get("route", f"GET {path.partition('?')[0]}")), tuple(causes))


def marks_of(app: str) -> dict[str, set[tuple[str, int]]]:
    """Lines of each marked cause of an application, files written as reports write them."""
    found: dict[str, set[tuple[str, int]]] = {}
    for path in sources(app):
        text = path.read_text()
        for number, line in enumerate(text.splitlines(), 1):
            match = MARK.search(line)
            if match is None:
                continue
            for name in match[1].split():
                lines = statement_lines(text, number) if path.suffix == ".py" else {number}
                found.setdefault(name, set()).update((place_name(path), each) for each in lines)
    return found


def sources(app: str) -> Iterator[Path]:
    """The application's own files."""
    if (APPS / f"{app}.py").exists():
        yield APPS / f"{app}.py"
    for suffix in ("py", "html", "txt", "xml"):
        yield from sorted((APPS / app).rglob(f"*.{suffix}"))


def place_name(path: Path) -> str:
    """A file as reports write it: from the `sys.path` entry, a template from its templates folder."""
    parts = path.relative_to(APPS).parts
    return "/".join(parts[parts.index("templates") :] if "templates" in parts else parts)


def statement_lines(text: str, line: int) -> set[int]:
    """Lines of the plain statement that this line belongs to; of a compound one only the marked line."""
    found = (lines for lines in plain_statements(text) if line in lines)
    return set(next(found, (line,)))


@lru_cache
def plain_statements(text: str) -> list[range]:
    """The lines of each plain statement of a file."""
    nodes = ast.walk(ast.parse(text))
    plain = [node for node in nodes if isinstance(node, ast.stmt) and not hasattr(node, "body")]
    return [range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in plain]
