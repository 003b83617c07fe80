"""corpus -- every shape of response that a WSGI application gives, for byte-for-byte comparisons.

CASES lists the requests. The same request always gives the same bytes and headers, apart from `Date`, which
the server adds. Where `broken` is set the body ends with an exception in its middle: a client sees a cut
connection, a test client sees the exception. /closed tells how often a body's close hook has run.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import (
    Flask,
    Response,
    abort,
    jsonify,
    make_response,
    redirect,
    request,
    send_file,
    stream_with_context,
)
from werkzeug.wsgi import wrap_file

CHANGED = datetime(2025, 3, 9, 12, 30, tzinfo=UTC)
CONTENT = b"".join(b"line %06d of the file\n" % number for number in range(3000))


@dataclass(frozen=True)
class Case:
    """One request of the corpus and the status that it must give (None: no complete answer)."""

    name: str
    path: str
    status: int | None = 200
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    broken: bool = False


CASES = (
    Case("plain", "/plain"),
    Case("empty", "/empty"),
    Case("gzip", "/gzip", headers={"Accept-Encoding": "gzip"}),
    Case("stream", "/stream"),
    Case("stream in context", "/stream-in-context?word=later"),
    Case("stream that fails", "/stream-fails", status=None, broken=True),
    Case("stream that fails at once", "/stream-fails-first", status=None, broken=True),
    Case("close hook", "/close-hook"),
    Case("file", "/file"),
    Case("file range", "/file", 206, headers={"Range": "bytes=100-299"}),
    Case("file last bytes", "/file", 206, headers={"Range": "bytes=-50"}),
    Case("file impossible range", "/file", 416, headers={"Range": "bytes=9999999-"}),
    Case("file not changed", "/file", 304, headers={"If-None-Match": '"corpus-file"'}),
    Case(
        "file not changed since", "/file", 304, headers={"If-Modified-Since": "Sun, 09 Mar 2025 12:30:00 GMT"}
    ),
    Case("file head", "/file", method="HEAD"),
    Case("file by wrapper", "/file-wrapper"),
    Case("direct passthrough", "/passthrough"),
    Case("etag", "/etag"),
    Case("etag matches", "/etag", 304, headers={"If-None-Match": '"v1"'}),
    Case("head", "/plain", method="HEAD"),
    Case("head of stream", "/stream", method="HEAD"),
    Case("options", "/plain", method="OPTIONS"),
    Case("latin-1", "/latin1"),
    Case("utf-8 path", "/path/gr%C3%BC%C3%9Fe"),
    Case("redirect", "/redirect", 302),
    Case("redirect to slash", "/folder", 308),
    Case("handled error", "/handled", 409),
    Case("unhandled error", "/unhandled", 500),
    Case("abort", "/abort", 404),
    Case("abort in before_request", "/plain?deny=1", 403),
    Case("unmatched", "/no/such/page", 404),
    Case("wrong method", "/plain", 405, "DELETE"),
    Case("async", "/async"),
    Case("async error", "/async-error", 409),
    Case("no content", "/nothing", 204),
    Case("large", "/large"),
    Case("two cookies", "/cookies"),
    Case("json", "/json"),
    Case(
        "post",
        "/echo",
        method="POST",
        body=b"a=1&b=two",
        headers={"Content-Type": "application/octet-stream"},
    ),
    Case("large post", "/echo", method="POST", body=b"0123456789" * 20_000),
    Case("post not read", "/ignore-body", 202, "POST", body=b"unread" * 500),
    Case("raw WSGI list", "/raw/list"),
    Case("raw WSGI iterator", "/raw/iterator"),
    Case("raw WSGI write()", "/raw/write"),
    Case("teapot with own reason", "/reason", 418),
)


class Taken(Exception):
    """An error that the application handles."""


app = Flask(__name__)
closed = itertools.count()
closed_so_far = 0


def corpus_file() -> Path:
    """The file that is sent: the same for every worker, written aside and renamed."""
    path = Path(tempfile.gettempdir()) / f"corpus-{os.getuid()}.txt"
    if not path.exists() or path.read_bytes() != CONTENT:
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_bytes(CONTENT)
        aside.replace(path)
    return path


@app.before_request
def deny() -> Response | None:
    """Refuse what asks for it."""
    if request.args.get("deny"):
        abort(403)
    return None


@app.after_request
def mark(response: Response) -> Response:
    """A header of the application's own, so that after_request is seen to run."""
    response.headers["X-Corpus"] = request.endpoint or "none"
    return response


@app.errorhandler(Taken)
def taken(error: Taken) -> tuple[dict[str, str], int]:
    """The handled error's answer."""
    return {"error": str(error)}, 409


@app.get("/health")
def health() -> str:
    """For whoever waits."""
    return "ok"


@app.get("/plain")
def plain() -> str:
    """A short text."""
    return "plain text\n"


@app.get("/empty")
def empty() -> str:
    """A 200 without a byte."""
    return ""


@app.get("/gzip")
def gzipped() -> Response:
    """A body that the application compressed; its timestamp is fixed."""
    body = gzip.compress(b"compressed " * 500, mtime=0)
    return Response(
        body, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}, mimetype="text/plain"
    )


def five_chunks() -> Iterator[bytes]:
    """Five chunks, one of them empty."""
    for number in range(5):
        yield b"" if number == 3 else b"chunk %d\n" % number * (number + 1)


@app.get("/stream")
def stream() -> Response:
    """A generator of chunks, without a length."""
    return Response(five_chunks(), mimetype="text/plain")


@app.get("/stream-in-context")
def stream_in_context() -> Response:
    """A generator that reads the request while it is sent."""

    def words() -> Iterator[str]:
        yield "word: "
        yield request.args["word"]

    return Response(stream_with_context(words()), mimetype="text/plain")


@app.get("/stream-fails")
def stream_fails() -> Response:
    """A generator that raises after two chunks."""

    def chunks() -> Iterator[bytes]:
        yield b"first\n"
        yield b"second\n"
        raise RuntimeError("in the middle of the body")

    return Response(chunks(), mimetype="text/plain")


@app.get("/stream-fails-first")
def stream_fails_first() -> Response:
    """A generator that raises before its first chunk."""

    def chunks() -> Iterator[bytes]:
        raise RuntimeError("before the body")
        yield b""

    return Response(chunks(), mimetype="text/plain")


@app.get("/endless")
def endless() -> Response:
    """A body that ends when the client goes away (or after a gigabyte); not in CASES."""
    return Response((b"x" * 65_536 for _ in range(16_384)), mimetype="application/octet-stream")


@app.get("/close-hook")
def close_hook() -> Response:
    """A response that has something to do when it is closed."""
    response = make_response("closing time\n")

    @response.call_on_close
    def count() -> None:
        global closed_so_far
        closed_so_far = next(closed) + 1

    return response


@app.get("/closed")
def closed_count() -> dict[str, int]:
    """How often the close hook ran in this process; not in CASES, for it changes."""
    return {"closed": closed_so_far}


@app.get("/file")
def file() -> Response:
    """A file with ETag, date and ranges."""
    return send_file(
        corpus_file(),
        mimetype="text/plain",
        conditional=True,
        etag="corpus-file",
        last_modified=CHANGED,
    )


@app.get("/file-wrapper")
def file_wrapper() -> Response:
    """A file through the server's wsgi.file_wrapper, without Flask's help."""
    content = open(corpus_file(), "rb")  # noqa: SIM115 the wrapper closes it
    body = wrap_file(request.environ, content)
    return Response(
        body, mimetype="text/plain", direct_passthrough=True, headers={"Content-Length": str(len(CONTENT))}
    )


@app.get("/passthrough")
def passthrough() -> Response:
    """An iterable that Werkzeug hands over as it is."""
    return Response(iter([b"handed ", b"over\n"]), mimetype="text/plain", direct_passthrough=True)


@app.get("/etag")
def etag() -> Response:
    """A body with an ETag that makes a 304 possible."""
    response = make_response("versioned\n")
    response.set_etag("v1")
    response.make_conditional(request)
    return response


@app.get("/latin1")
def latin1() -> Response:
    """Header and body in latin-1."""
    response = Response("crème brûlée\n".encode("latin-1"), content_type="text/plain; charset=iso-8859-1")
    response.headers["X-Dish"] = "crème brûlée"
    return response


@app.get("/path/<word>")
def path_word(word: str) -> str:
    """A word of the path, which may be any UTF-8."""
    return f"{word}\n"


@app.get("/redirect")
def redirected() -> Any:
    """To another page."""
    return redirect("/plain")


@app.get("/folder/")
def folder() -> str:
    """Reached by a redirect to the slash."""
    return "folder\n"


@app.get("/handled")
def handled() -> str:
    """An error with a handler."""
    raise Taken("already taken")


@app.get("/unhandled")
def unhandled() -> str:
    """An error without one."""
    raise KeyError("nobody expects this")


@app.get("/abort")
def aborted() -> str:
    """A 404 of the application's own."""
    abort(404)


@app.get("/async")
async def async_view() -> str:
    """An `async def` view."""
    return "async\n"


@app.get("/async-error")
async def async_error() -> str:
    """An `async def` view with a handled error."""
    raise Taken("async and taken")


@app.get("/nothing")
def nothing() -> tuple[str, int]:
    """No content."""
    return "", 204


@app.get("/large")
def large() -> Response:
    """Two million bytes."""
    return Response(b"0123456789abcdef" * 125_000, mimetype="application/octet-stream")


@app.get("/cookies")
def cookies() -> Response:
    """Set-Cookie twice."""
    response = make_response("cookies\n")
    response.set_cookie("first", "1", path="/")
    response.set_cookie("second", "2", httponly=True, samesite="Lax", path="/")
    return response


@app.get("/json")
def as_json() -> Response:
    """JSON in a fixed order."""
    return jsonify(numbers=list(range(50)), text="grüße")


@app.post("/echo")
def echo() -> Response:
    """What was sent."""
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.post("/ignore-body")
def ignore_body() -> tuple[str, int]:
    """An answer without a look at what was sent."""
    return "accepted\n", 202


@app.get("/reason")
def reason() -> Response:
    """A status line with a reason of its own."""
    return Response("short and stout\n", status="418 Still a Teapot", mimetype="text/plain")


Start = Callable[..., Callable[[bytes], object]]
flask_wsgi = app.wsgi_app


def raw_wsgi(environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
    """Three shapes that Flask itself never gives, and Flask for the rest."""
    path = environ.get("PATH_INFO", "")
    headers = [("Content-Type", "text/plain"), ("X-Raw", "yes")]
    if path == "/raw/list":
        start_response("200 OK", [*headers, ("Content-Length", "9")])
        return [b"raw ", b"list\n"]
    if path == "/raw/iterator":
        start_response("200 OK", headers)
        return iter((b"raw ", b"", b"iterator\n"))
    if path == "/raw/write":
        write = start_response("200 OK", headers)
        write(b"written ")
        return [b"and returned\n"]
    return flask_wsgi(environ, start_response)


app.wsgi_app = raw_wsgi  # type: ignore[method-assign]  # Flask's documented way to wrap an application


def cases_as_json() -> str:
    """CASES for test programs that are not Python."""
    return json.dumps([{**case.__dict__, "body": case.body.decode("latin-1")} for case in CASES], indent=1)


if __name__ == "__main__":
    print(cases_as_json())
