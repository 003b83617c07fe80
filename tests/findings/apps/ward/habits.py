"""habits -- decorators that this application puts on what it calls."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from flask import g, request
from switches import planted

FOLDER = Path(os.environ.get("FINDINGS_DATA", ".")).absolute()
calls: Counter[str] = Counter()
log = logging.getLogger("ward")
log.setLevel(logging.DEBUG if planted("log_io@admissions") else logging.INFO)
log.addHandler(logging.FileHandler(FOLDER / f"ward-{os.getpid()}.log"))
log.propagate = False


def traced(work: Callable[..., Any]) -> Callable[..., Any]:
    """Writes down what goes in and what comes out."""

    @wraps(work)
    def inner(*args: Any) -> Any:
        log.debug("%s called with %r", work.__name__, args)  # cause: log_io@admissions
        result = work(*args)
        log.debug("%s gave %r", work.__name__, result)  # cause: log_io@admissions
        return result

    return inner


def counted(view: Callable[..., Any]) -> Callable[..., Any]:
    """Counts calls."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        calls[view.__name__] += 1
        return view(*args, **kwargs)

    return inner


def timed(view: Callable[..., Any]) -> Callable[..., Any]:
    """Notes how long a view took."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return view(*args, **kwargs)
        finally:
            g.took = time.perf_counter() - start

    return inner


def for_role(role: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Puts the role at hand."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def inner(*args: Any, **kwargs: Any) -> Any:
            g.role = request.headers.get("X-Role", role)
            return view(*args, **kwargs)

        return inner

    return decorate


def noted(view: Callable[..., Any]) -> Callable[..., Any]:
    """A line in the log for each visit."""

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> Any:
        log.info("visit to %s", view.__name__)
        return view(*args, **kwargs)

    return inner
