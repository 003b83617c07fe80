"""pages -- what a toolbar meets: whole HTML documents, and everything that only looks like one.

DOCUMENTS may get the toolbar's element, OTHERS never; both are paths of `app`. The pages under /strict/ and
/nonce/ come with a Content-Security-Policy and load a script that asks for more, as an application's own would.
"""

from __future__ import annotations

import gzip
import sqlite3
import time
from collections.abc import Iterator

from flask import Flask, Response, jsonify, make_response, redirect, request

STRICT = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
NONCE = (
    "default-src 'none'; script-src 'nonce-c2FsdA==' 'strict-dynamic'; connect-src 'self'; base-uri 'none'"
)
PAGE = """<!doctype html>
<html lang="en"><head><title>pages</title>%s</head>
<body><h1>Pages</h1><p id="said">nothing</p>
</body>
</html>
"""
BARE = PAGE % ""

DOCUMENTS = (
    "/page",
    "/strict/page",
    "/nonce/page",
    "/async",
    "/missing",
    "/comment",
    "/no-length",
    "/error",
    "/form",
)
OTHERS = (
    "/fragment",
    "/stream",
    "/gzip",
    "/etag",
    "/digest",
    "/attachment",
    "/range",
    "/shared",
    "/closed",
    "/text",
    "/xhtml",
    "/utf-16",
    "/redirect",
    "/no-content",
    "/items",
    "/two-chunks",
    "/passthrough",
    "/wrong-length",
)

app = Flask(__name__)
app.secret_key = "pages"
app.json.compact = True  # in debug, too
base = sqlite3.connect(":memory:", check_same_thread=False)
base.execute("create table item (id integer primary key, name text)")
base.create_function("slowly", 1, lambda name: time.sleep(0.002) or name)
base.executemany("insert into item (name) values (?)", [(f"item {n}",) for n in range(40)])


def answer(text: str | bytes = BARE, **headers: str) -> Response:
    """A response with more headers, `content_type="x"` as Content-Type."""
    response = make_response(text)
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


@app.get("/page")
def page() -> str:
    """A whole document."""
    return BARE


@app.get("/strict/page")
def strict() -> Response:
    """Nothing inline, nothing from elsewhere; 41 statements."""
    names = [
        base.execute("select slowly(name) from item where id = ?", (n,)).fetchone() for n in range(1, 41)
    ]
    assert len(names) == 40
    base.execute("select count(*) from item").fetchone()
    return answer(PAGE % '<script src="/strict/asks.js" defer></script>', Content_Security_Policy=STRICT)


@app.get("/nonce/page")
def nonce() -> Response:
    """Only what carries the nonce."""
    script = '<script src="/strict/asks.js" nonce="c2FsdA==" defer></script>'
    return answer(PAGE % script, Content_Security_Policy=NONCE)


@app.get("/strict/asks.js")
def asks() -> Response:
    """The page's own script: fetch and XMLHttpRequest, one of them redirected, one that fails."""
    code = """
addEventListener("load", async () => {
  await fetch("/items?by=fetch");
  await fetch(new Request("/echo", {method: "POST", body: "x"}));
  await (await fetch("/redirect")).text();
  const asked = new XMLHttpRequest();
  asked.open("GET", "/slow");
  asked.onloadend = () => { document.getElementById("said").textContent = "done"; };
  asked.send();
});
"""
    return answer(code, Content_Type="text/javascript")


@app.get("/items")
def items() -> Response:
    """JSON out of SQL."""
    return jsonify([row[0] for row in base.execute("select name from item").fetchall()])


@app.post("/echo")
def echo() -> bytes:
    """What was sent."""
    return request.get_data()


@app.get("/slow")
def slow() -> str:
    """A fragment that takes its time."""
    time.sleep(0.05)
    return "<p>slow</p>"


@app.get("/async")
async def asynchronous() -> str:
    """A document by a coroutine."""
    return BARE


@app.get("/comment")
def comment() -> str:
    """A document with something harmless after its end."""
    return BARE.rstrip() + "<!-- rendered in 3 ms -->\n"


@app.get("/no-length")
def no_length() -> Response:
    """A document whose length werkzeug adds later."""
    response = answer()
    del response.headers["Content-Length"]
    return response


@app.get("/error")
def error() -> tuple[str, int]:
    """A page that says what went wrong."""
    return BARE, 500


@app.errorhandler(404)
def missing(_error: Exception) -> tuple[str, int]:
    """A document of an error handler."""
    return BARE, 404


@app.get("/fragment")
def fragment() -> str:
    """A part of a page."""
    return "<p>a part</p>"


@app.get("/stream")
def stream() -> Response:
    """A document that is sent in pieces."""

    def pieces() -> Iterator[str]:
        yield BARE[:40]
        yield BARE[40:]

    return Response(pieces())


@app.get("/gzip")
def compressed() -> Response:
    """A document that the application compressed."""
    return answer(gzip.compress(BARE.encode(), mtime=0), Content_Encoding="gzip")


@app.get("/etag")
def etag() -> Response:
    """A document with a tag made of it."""
    response = answer()
    response.add_etag()
    return response


@app.get("/digest")
def digest() -> Response:
    """A document with a digest."""
    return answer(Content_Digest="sha-256=:AAAA:")


@app.get("/attachment")
def attachment() -> Response:
    """A document to be kept as a file."""
    return answer(Content_Disposition='attachment; filename="a.html"')


@app.get("/range")
def ranged() -> tuple[Response, int]:
    """The end of a document."""
    return answer(BARE[-20:], Content_Range="bytes 100-119/120"), 206


@app.get("/shared")
def shared() -> Response:
    """A document that a cache may show to everybody."""
    return answer(Cache_Control="Public, max-age=60")


@app.get("/closed")
def closed() -> Response:
    """A document that may run no script."""
    return answer(Content_Security_Policy="default-src 'none'")


@app.get("/text")
def text() -> Response:
    """A document as text."""
    return answer(Content_Type="text/plain")


@app.get("/xhtml")
def xhtml() -> Response:
    """A document in XML."""
    return answer(Content_Type="application/xhtml+xml")


@app.get("/utf-16")
def wide() -> Response:
    """Bytes that are two a letter."""
    return answer(BARE.encode("utf-16-le"), Content_Type="text/html; charset=utf-16le")


@app.get("/redirect")
def redirected() -> object:
    """To the fragment, with a document that nobody sees."""
    response = redirect("/fragment")
    response.set_data(BARE)
    return response


@app.post("/orders")
def order() -> object:
    """A form was sent: go and look."""
    base.execute("select count(*) from item").fetchone()
    return redirect("/go")


@app.get("/go")
def go() -> object:
    """One more step."""
    return redirect("/page")


@app.get("/form")
def form() -> str:
    """A document with a form."""
    return BARE.replace(
        "</body>", '<form method="post" action="/orders"><button>order</button></form></body>'
    )


@app.get("/favicon.ico")
@app.get("/no-content")
def no_content() -> tuple[str, int]:
    """Nothing."""
    return "", 204


@app.get("/two-chunks")
def two_chunks() -> Response:
    """A list of two bodies."""
    return Response([BARE[:40].encode(), BARE[40:].encode()])


@app.get("/passthrough")
def passthrough() -> Response:
    """A body that goes as it is."""
    return Response([BARE.encode()], direct_passthrough=True)


@app.get("/wrong-length")
def wrong_length() -> Response:
    """A document whose length is told wrongly."""
    return answer(Content_Length="7")
