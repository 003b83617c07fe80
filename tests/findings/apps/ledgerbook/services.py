"""What the views ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import current_app, g
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload
from switches import planted

from .tables import Account, BankLine, Line, Partner, Session, Setting, Voucher

balance_by_lines = planted("n_plus_one@balances")
partner_when_read = planted("n_plus_one@journal")
setting_each_time = planted("duplicate_query@currency")
sums_from_the_start = planted("hot_function@running")
compare_all = planted("hot_function@match")
config_each_cell = planted("attribute_lookup_hot@cells")
cut_afterwards = planted("unbounded_result@search")


def balances() -> list[dict[str, Any]]:
    """All accounts with what is on them."""
    accounts = Session.scalars(select(Account).where(Account.id <= 30).order_by(Account.code)).all()
    if balance_by_lines:
        return [{"code": one.code, "balance": one.balance} for one in accounts]  # cause: n_plus_one@balances
    sums = dict(
        Session.execute(
            select(Line.account_id, func.sum(Line.cents))
            .where(Line.account_id <= 30)
            .group_by(Line.account_id)
        )
        .tuples()
        .all()
    )
    return [{"code": one.code, "balance": sums.get(one.id, 0)} for one in accounts]


def setting(name: str) -> str:
    """A choice of the firm."""
    if setting_each_time:
        value = Session.scalar(
            select(Setting.value).where(Setting.name == name)
        )  # cause: duplicate_query@currency
        return value or ""
    if "settings" not in g:
        g.settings = dict(Session.execute(select(Setting.name, Setting.value)).tuples().all())
    return str(g.settings.get(name, ""))


@dataclass(slots=True)
class Entry:
    """A voucher as the journal shows it."""

    voucher: Voucher

    def money(self, cents: int) -> str:
        """As the firm writes it."""
        return f"{cents / 100:.2f} {setting('currency')}"  # cause: duplicate_query@currency

    def as_dict(self) -> dict[str, Any]:
        """For the answer."""
        return {
            "day": self.voucher.day,
            "partner": self.voucher.partner.name,  # cause: n_plus_one@journal
            "lines": [
                self.money(line.cents) for line in self.voucher.lines
            ],  # cause: duplicate_query@currency
        }


def journal(start: int, count: int) -> Iterator[Entry]:
    """Some vouchers, with their lines."""
    wanted = select(Voucher).where(Voucher.id > start).order_by(Voucher.id).limit(count)
    wanted = wanted.options(selectinload(Voucher.lines))  # cause: n_plus_one@journal
    if not partner_when_read:
        wanted = wanted.options(joinedload(Voucher.partner))
    yield from map(Entry, Session.scalars(wanted))


def group_statement(first: int) -> list[tuple[int, int]]:
    """The amounts of a group of accounts, each with what was on them then."""
    group = Line.account_id.in_(range(first, first + 4))
    found = Session.scalars(select(Line.cents).where(group).order_by(Line.id)).all()
    return list(with_sums(found))


def with_sums(amounts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each with the sum so far."""
    if sums_from_the_start:
        for place, amount in enumerate(amounts):
            yield amount, sum(amounts[: place + 1])  # cause: hot_function@running
        return
    total = 0
    for amount in amounts:
        total += amount
        yield amount, total


def by_reference(references: list[str]) -> list[BankLine]:
    """What the bank says of some payments."""
    wanted = select(BankLine).where(BankLine.reference.in_(references))
    return list(Session.scalars(wanted))  # cause: missing_index@reference


class Matcher:
    """Finds the voucher that a bank line pays."""

    def __init__(self, start: int) -> None:
        amounts = select(Line.voucher_id, Line.cents).where(Line.id > start).order_by(Line.id).limit(700)
        self.open = list(Session.execute(amounts).tuples())
        self.by_cents: dict[int, int] = {}
        if not compare_all:
            for voucher, cents in self.open:
                self.by_cents.setdefault(cents, voucher)

    def voucher_for(self, cents: int) -> int | None:
        """Its number."""
        if not compare_all:
            return self.by_cents.get(cents)
        for voucher, open_cents in self.open:  # cause: hot_function@match
            if open_cents == cents:  # cause: hot_function@match
                return voucher
        return None


def reconcile(start: int) -> dict[int, int | None]:
    """Bank lines with the vouchers that they pay."""
    lines = Session.execute(
        select(BankLine.id, BankLine.cents).where(BankLine.id > start).limit(900)
    ).tuples()
    matcher = Matcher(start)
    return {number: matcher.voucher_for(-cents) for number, cents in lines}  # cause: hot_function@match


def search(word: str, most: int = 20) -> list[dict[str, Any]]:
    """The first vouchers with this text."""
    wanted = select(Voucher).where(Voucher.text.startswith(word)).order_by(Voucher.id)
    if not cut_afterwards:
        wanted = wanted.limit(most)
    found = Session.scalars(wanted).all()  # cause: unbounded_result@search
    return [
        {"id": one.id, "text": one.text, "day": one.day} for one in found[:most]
    ]  # cause: unbounded_result@search


def pivot(start: int) -> dict[str, list[str]]:
    """Amounts of vouchers by account, as a spreadsheet wants them."""
    cells: dict[str, list[str]] = defaultdict(list)
    chosen = select(Line.account_id, Line.cents).where(Line.id > start).order_by(Line.id).limit(5000)
    rows = Session.execute(chosen).tuples().all()
    if config_each_cell:
        for account, cents in rows:
            digits = current_app.config["ROUNDING"]  # cause: attribute_lookup_hot@cells
            mark = current_app.config["THOUSANDS"]  # cause: attribute_lookup_hot@cells
            sign = (
                "-" if cents < 0 and current_app.config["SIGN_FIRST"] else ""
            )  # cause: attribute_lookup_hot@cells
            cells[str(account)].append(f"{sign}{abs(cents) // 100}{mark}{abs(cents) % 100:0{digits}d}")
        return cells
    config = current_app.config
    digits, mark, first = config["ROUNDING"], config["THOUSANDS"], config["SIGN_FIRST"]
    for account, cents in rows:
        sign = "-" if cents < 0 and first else ""
        cells[str(account)].append(f"{sign}{abs(cents) // 100}{mark}{abs(cents) % 100:0{digits}d}")
    return cells


@lru_cache(maxsize=4096)
def country_of(partner: int) -> str:
    """Where a partner is; that does not change."""
    return Session.scalar(select(Partner.country).where(Partner.id == partner)) or "?"
