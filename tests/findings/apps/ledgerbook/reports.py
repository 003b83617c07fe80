"""What goes to the tax office and to the adviser."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

from flask import Blueprint, Response, jsonify, stream_with_context
from sqlalchemy import func, select
from switches import planted

from .tables import Account, Line, Session, Voucher

whole_objects = planted("orm_overhead@export")
function_of_day = planted("slow_query@month")
there_and_back = planted("serialization_hot@trial")

bp = Blueprint("reports", __name__)


def voucher_rows() -> Iterable[tuple[Any, ...]]:
    """All of the first quarters, for the adviser."""
    wanted = select(Voucher).where(Voucher.id <= 4000).order_by(Voucher.id)
    if whole_objects:
        for one in Session.scalars(wanted):  # cause: orm_overhead@export
            yield one.id, one.day, one.partner_id, one.text  # cause: orm_overhead@export
        return
    plain = wanted.with_only_columns(Voucher.id, Voucher.day, Voucher.partner_id, Voucher.text)
    yield from map(tuple, Session.execute(plain))


@bp.get("/vouchers.csv")
def vouchers() -> Response:
    """In pieces of some hundred lines."""

    def pieces() -> Iterator[str]:
        yield "id,day,partner,text\n"
        rest = iter(voucher_rows())
        while rows := list(islice(rest, 500)):  # cause: orm_overhead@export
            piece = io.StringIO()
            csv.writer(piece).writerows(rows)
            yield piece.getvalue()

    return Response(stream_with_context(pieces()), mimetype="text/csv")


@bp.get("/month/<int:number>")
def month(number: int) -> dict[str, Any]:
    """What came and went in a month."""
    year, of_year = 2023 + number % 3, number % 12 + 1
    wanted = select(func.count(), func.min(Voucher.id), func.max(Voucher.partner_id))
    if function_of_day:
        named = f"{year}-{of_year:02d}"
        wanted = wanted.where(func.strftime("%Y-%m", Voucher.day) == named)  # cause: slow_query@month
    else:
        wanted = wanted.where(Voucher.day.between(f"{year}-{of_year:02d}-01", f"{year}-{of_year:02d}-31"))
    found = Session.execute(wanted).one()  # cause: slow_query@month
    return {"vouchers": found[0], "first": found[1], "partner": found[2]}


class ExactEncoder(json.JSONEncoder):
    """Amounts as text, not to lose a cent."""

    def default(self, value: Any) -> Any:
        """What json does not know."""
        return f"{value:.2f}" if isinstance(value, Decimal) else super().default(value)


@bp.get("/trial/<int:number>")
def trial(number: int) -> Response:
    """A trial balance, with the lines it is made of."""
    chosen = (
        select(Line.id, Line.account_id, Line.cents).where(Line.id > number).order_by(Line.id).limit(1500)
    )
    rows = Session.execute(chosen).tuples().all()
    if there_and_back:
        lines = [
            {"line": id_, "account": account, "amount": Decimal(cents) / 100} for id_, account, cents in rows
        ]
        exact = json.dumps(lines, cls=ExactEncoder, indent=1)  # cause: serialization_hot@trial
        return jsonify(lines=json.loads(exact), count=len(lines))  # cause: serialization_hot@trial
    plain = [
        {"line": id_, "account": account, "amount": f"{cents / 100:.2f}"} for id_, account, cents in rows
    ]
    return jsonify(lines=plain, count=len(plain))


@bp.get("/totals")
def totals() -> dict[str, Any]:
    """Sums of all lines there are, by account: every line is needed, and nothing is wrong here."""
    joined = (
        select(Account.code, func.sum(Line.cents), func.count()).join(Line.account).group_by(Account.code)
    )
    return {"totals": [list(row) for row in Session.execute(joined.order_by(Account.code))]}


@bp.get("/archive/<int:number>.zip")
def archive(number: int) -> Response:
    """Vouchers of a month, packed for the cellar: nothing is wrong here."""
    chosen = select(Voucher.id, Voucher.day, Voucher.text).where(Voucher.id > number * 9).limit(600)
    text = "".join(f"{id_};{day};{what}\n" for id_, day, what in Session.execute(chosen))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(f"vouchers-{number}.txt", text)
    return Response(packed.getvalue(), mimetype="application/zip")
