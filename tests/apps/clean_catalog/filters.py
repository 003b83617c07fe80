"""filters -- small helpers that the templates use."""

from __future__ import annotations

from flask import Flask


def money(cents: int) -> str:
    """1234 as 12.34."""
    return f"{cents // 100:,}.{cents % 100:02d}"


def stock_note(count: int) -> str:
    """What the customer is told about the stock."""
    if count == 0:
        return "sold out"
    return "last pieces" if count < 5 else "in stock"


def shorten(text: str, length: int = 80) -> str:
    """The text up to a word's end."""
    if len(text) <= length:
        return text
    return text[:length].rsplit(" ", 1)[0] + "…"


def init_app(app: Flask) -> None:
    """Give the templates their filters."""
    for function in (money, stock_note, shorten):
        app.add_template_filter(function)
