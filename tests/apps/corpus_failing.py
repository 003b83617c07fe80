"""corpus_failing -- the corpus with a failure injected into the capture at every request.

FAIL=<point> names the capture point; each request makes one of its next five calls fail, in turn. /--counts answers
past Flask with what the process has counted so far.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable
from typing import Any

import corpus
from hotplate import _hotplate, counts, status

POINT = os.environ.get("FAIL", "")
turns = itertools.count()


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The corpus's answer."""
    if environ["PATH_INFO"] == "/--counts":
        body = json.dumps({**counts(), "trouble": status()["trouble"]}).encode()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]
    if POINT:
        _hotplate.fail_at(POINT, 1 + next(turns) % 5)
    return corpus.app(environ, start_response)
