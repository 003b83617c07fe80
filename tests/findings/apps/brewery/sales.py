"""Orders, prices and letters."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any

from flask import Blueprint, abort, current_app, render_template, request
from jinja2 import Template
from sqlalchemy import func, select
from switches import planted

from .store import BEERS, Customer, Order, session

add_up_here = planted("unbounded_result@balance")
search_in_template = planted("template_hot@cells")
compile_each_letter = planted("template_hot@letter")
pattern_each_field = planted("regex_compile@merge")

bp = Blueprint("sales", __name__, url_prefix="/sales")
GROUPS = tuple(f"G{n:02d}" for n in range(24))
LETTER = """Dear {{ name }},
{% if town %}we deliver to {{ town }} again.{% endif %}
{% for beer in beers %}- {{ beer | title }}{% if not loop.last %},{% endif %}
{% endfor %}
{%- macro sign(who) %}Yours, {{ who }}{% endmacro %}{{ sign("the brewery") }} [[code]] [[name]]"""


@bp.get("/find")
def find() -> dict[str, Any]:
    """An order by what the customer says it is called."""
    wanted = request.args["ref"].lower()
    orders = session().query(Order.id, Order.beer, Order.cents)
    found = orders.filter(func.lower(Order.reference) == wanted).all()  # cause: missing_index@reference
    return {"found": [list(row) for row in found]}


@bp.get("/statement/<int:number>")
def statement(number: int) -> dict[str, Any]:
    """What a chain of pubs has bought, and its last orders."""
    customer = session().get(Customer, 7) or abort(404)
    mine = select(Order).where(Order.customer_id == customer.id).order_by(Order.id)
    if add_up_here:
        orders = session().scalars(mine).all()  # cause: unbounded_result@balance
        total = sum(each.crates * each.cents for each in orders)  # cause: unbounded_result@balance
        last = [each.reference for each in orders[-6:]]  # cause: unbounded_result@balance
    else:
        amount = func.sum(Order.crates * Order.cents)
        total = session().scalar(select(amount).where(Order.customer_id == customer.id)) or 0
        newest = select(Order.reference).where(Order.customer_id == customer.id)
        last = session().scalars(newest.order_by(Order.id.desc()).limit(6)).all()[::-1]
    return {"page": number, "name": customer.name, "total": int(total), "last": list(last)}


@lru_cache(maxsize=1)
def prices() -> list[dict[str, Any]]:
    """What each group of customers pays for each beer; changes with a release."""
    return [
        {"beer": beer, "group": group, "cents": 900 + 7 * row + 11 * column}
        for row, beer in enumerate(BEERS)
        for column, group in enumerate(GROUPS)
    ]


@bp.get("/pricelist")
def pricelist() -> str:
    """For the salesmen's tablets."""
    if search_in_template:
        return render_template(
            "pricelist.html", beers=BEERS, groups=GROUPS, prices=prices()
        )  # cause: template_hot@cells
    table = {(each["beer"], each["group"]): each["cents"] for each in prices()}
    return render_template("pricetable.html", beers=BEERS, groups=GROUPS, table=table)


@lru_cache(maxsize=8)
def compiled(source: str) -> Template:
    """A letter's template."""
    return current_app.jinja_env.from_string(source)


FIELD = re.compile(r"\[\[\s*(\w+)\s*\]\]")


class Mailing:
    """The same letter to many."""

    def __init__(self, source: str) -> None:
        self.source = source

    def body(self, customer: Any) -> str:
        """The text for one."""
        values = {"name": customer.name, "town": customer.town, "beers": BEERS[:4]}
        if compile_each_letter:
            letter = current_app.jinja_env.from_string(self.source)  # cause: template_hot@letter
        else:
            letter = compiled(self.source)
        return letter.render(values)  # cause: template_hot@letter

    def merged(self, customer: Any, extra: dict[str, str]) -> str:
        """With the fields that the office invents."""
        body = self.body(customer)  # cause: template_hot@letter
        if pattern_each_field:
            for key, value in extra.items():
                body = re.sub(rf"\[\[\s*{re.escape(key)}\s*\]\]", value, body)  # cause: regex_compile@merge
            return body
        return FIELD.sub(lambda match: extra.get(match[1], match[0]), body)


@bp.get("/mailing/<int:number>")
def mailing(number: int) -> dict[str, Any]:
    """What would be sent."""
    several = Mailing(LETTER)
    chosen = select(Customer.id, Customer.name, Customer.town).where(Customer.id <= 25).order_by(Customer.id)
    sizes = []
    for each in session().execute(chosen):
        extra = {f"field{each.id}_{n}_{number}": str(n) for n in range(28)} | {"code": "X", "name": each.name}
        sizes.append(len(several.merged(each, extra)))  # cause: template_hot@letter regex_compile@merge
    return {"letters": len(sizes), "characters": sum(sizes)}


@bp.get("/unlock/<int:number>")
def unlock(number: int) -> dict[str, Any]:
    """Somebody's password again, before prices are changed: it has to be dear, and is asked once."""
    key = hashlib.pbkdf2_hmac("sha256", f"secret {number}".encode(), b"cellar", 60_000)
    return {"ok": key[0] < 256}
