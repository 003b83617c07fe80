"""The pages, each a class."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

from flask import Flask, abort, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView, View

from . import services


def for_firm(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Only for those who say which firm they are of."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
        if request.args.get("firm", "ada") != "ada":
            abort(403)
        return view(*args, **kwargs)

    return guarded


class Page(MethodView):
    """What all have in common."""

    decorators: ClassVar[list[Callable[..., Any]]] = [for_firm]
    rule = "/"

    @classmethod
    def attach(cls, app: Flask) -> None:
        """Put it where it belongs."""
        app.add_url_rule(cls.rule, view_func=cls.as_view(cls.__name__.lower()))


class Accounts(Page):
    """The chart of accounts with balances."""

    rule = "/accounts"

    def get(self) -> ResponseReturnValue:
        """All."""
        return {"accounts": services.balances()}  # cause: n_plus_one@balances


class Journal(Page):
    """Vouchers, page by page."""

    rule = "/journal/<int:number>"

    def get(self, number: int) -> ResponseReturnValue:
        """A page."""
        entries = services.journal(number * 50, 50)
        return {"journal": [entry.as_dict() for entry in entries]}  # cause: n_plus_one@journal


class Statement(Page):
    """A group of accounts, line by line."""

    rule = "/statement/<int:number>"

    def get(self, number: int) -> ResponseReturnValue:
        """Its lines."""
        return {"lines": services.group_statement(number % 60 + 1)}


class Payments(Page):
    """Whether some payments have come, and the vouchers they may pay."""

    rule = "/payments/<int:number>"

    def get(self, number: int) -> ResponseReturnValue:
        """By their references."""
        references = [f"RF{one * 7919 % 1_000_003:08d}" for one in range(number + 1, number + 13)]
        came = services.by_reference(references)  # cause: missing_index@reference
        return {"came": {one.reference: one.cents for one in came}}


class Reconcile(Page):
    """Bank lines with their vouchers."""

    rule = "/reconcile/<int:number>"

    def get(self, number: int) -> ResponseReturnValue:
        """So many of them."""
        return {str(line): voucher for line, voucher in services.reconcile(number * 11).items()}


class Search(Page):
    """Vouchers by their text."""

    rule = "/search"

    def get(self) -> ResponseReturnValue:
        """The first."""
        return {"found": services.search(request.args["word"])}  # cause: unbounded_result@search


class Pivot(Page):
    """A spreadsheet."""

    rule = "/pivot/<int:number>"

    def get(self, number: int) -> ResponseReturnValue:
        """Its cells."""
        return {"cells": services.pivot(number * 20)}


class Countries(Page):
    """Where the partners of a thousand numbers are, each known after the first time: nothing is wrong here."""

    rule = "/countries"

    def get(self) -> ResponseReturnValue:
        """How many are where."""
        return dict(Counter(services.country_of(number * 31 % 900 + 1) for number in range(1000)))


class Unlock(View):
    """The password of a bookkeeper, which is hashed as dearly as it should be: nothing is wrong here."""

    salt = os.urandom(16)

    def dispatch_request(self) -> ResponseReturnValue:
        """Whether it is right."""
        word = request.args["word"].encode()
        return {"right": hashlib.scrypt(word, salt=self.salt, n=2**14, r=8, p=1).hex()[0] in "01234567"}


def attach(app: Flask) -> None:
    """All of them."""
    for page in (Accounts, Journal, Statement, Payments, Reconcile, Search, Pivot, Countries):
        page.attach(app)
    app.add_url_rule("/unlock", view_func=Unlock.as_view("unlock"))
