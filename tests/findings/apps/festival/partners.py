"""Partners: hotels and trains that sell with us."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests
from flask import Blueprint
from switches import planted

from .clients import HTTP, session

connect_each_page = planted("connection_churn@pages")

bp = Blueprint("partners", __name__)


def page(cursor: str) -> requests.Response:
    """A page of the list."""
    url = f"{HTTP}/1/x64/partners/{cursor}"
    if connect_each_page:
        return requests.get(url, timeout=5)  # cause: connection_churn@pages
    return session().get(url, timeout=5)


def pages(start: str) -> Iterator[str]:
    """Page after page: where the next one begins stands in the one before."""
    cursor = start
    for number in range(12):
        text = page(cursor).text  # cause: connection_churn@pages
        yield text
        cursor = f"{text[3:9]}-{number}"


@bp.get("/partners/<int:number>")
def partners(number: int) -> dict[str, Any]:
    """All that sell with us in a town."""
    found = list(pages(f"town-{number}"))  # cause: connection_churn@pages
    return {"partners": len(found), "letters": sum(len(text) for text in found)}
