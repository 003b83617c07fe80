"""Template filters, and the settings they need."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from flask import Flask, g
from switches import planted

from ..store import Session
from ..store.models import Order, Setting

setting_for_each_price = planted("duplicate_query@currency")


class Settings:
    """Reads through to the table, so that a change is seen at once."""

    def get(self, name: str, default: str = "") -> str:
        """A value."""
        row = (
            Session.query(Setting.value).filter(Setting.name == name).first()
        )  # cause: duplicate_query@currency
        return row[0] if row else default


settings = Settings()


def currency() -> str:
    """What prices are told in."""
    if setting_for_each_price:
        return settings.get("currency", "EUR")  # cause: duplicate_query@currency
    if "currency" not in g:
        g.currency = settings.get("currency", "EUR")
    return str(g.currency)


def money(amount: Decimal) -> str:
    """1234.5 -> 1 234.50 EUR."""
    return f"{amount:,.2f} {currency()}".replace(",", " ")  # cause: duplicate_query@currency


def customer_badge(order: Order) -> str:
    """Who ordered it, in short."""
    customer = order.customer  # cause: n_plus_one@customer
    return f"{customer.name} / {customer.region[:1].upper()}"


@lru_cache(maxsize=64)
def site_setting(name: str) -> str:
    """A setting that only a new release changes."""
    return settings.get(name, "-")


def install(app: Flask) -> None:
    """Make them known to the templates."""
    app.add_template_filter(money)
    app.add_template_filter(customer_badge)

    @app.context_processor
    def site() -> dict[str, str]:
        return {"site": site_setting("site")}
