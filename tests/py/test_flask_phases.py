"""Route, view, phases, exceptions and the place of extensions' work, as Flask knows them."""

from __future__ import annotations

from typing import Any

import pytest
from support_py import captured
from support_py.isolated import run_isolated

pytestmark = pytest.mark.interpreter

HERE = __file__
OUTER, BEFORE, VIEW, TEMPLATE, AFTER, TEARDOWN, BODY = range(7)


def at(mark: str) -> int:
    return captured.line_of(HERE, mark)


def phases(store: str) -> Any:
    """The record, what each phase slept by the application's own clock, and the client's time of the whole call."""
    import time

    from flask import Response, render_template_string, stream_with_context

    captured.start(store, "monitor")
    app = captured.flask_app(lambda: "")
    slept = [0.0] * 7

    def sleep(phase: int, seconds: float) -> None:
        slept[phase] = captured.slept_ms(seconds)

    @app.before_request
    def before() -> None:
        sleep(BEFORE, 0.011)

    @app.after_request
    def after(response: Any) -> Any:
        sleep(AFTER, 0.017)
        return response

    @app.teardown_request
    def teardown(_error: Any) -> None:
        sleep(TEARDOWN, 0.019)

    @app.get("/sleepy")
    def sleepy() -> Any:
        sleep(VIEW, 0.013)
        page = render_template_string("{{ sleep(phase, 0.015) }}", sleep=sleep, phase=TEMPLATE)

        def body() -> Any:
            sleep(BODY, 0.021)
            yield page

        return Response(stream_with_context(body()))

    real = app.wsgi_app

    def middleware(environ: Any, start_response: Any) -> Any:
        sleep(OUTER, 0.009)
        return real(environ, start_response)

    app.wsgi_app = middleware
    captured.last(app, "/sleepy")
    start = time.perf_counter()
    record = captured.last(app, "/sleepy")
    return [record, slept, (time.perf_counter() - start) * 1e3]


def test_each_phase_has_its_own_time_and_the_sum_is_the_wall(tmp_path: Any) -> None:
    record, slept, client_ms = run_isolated(phases, str(tmp_path / "s.db"))
    ms = [ns / 1e6 for ns in record["phases"]]
    # Each has its own sleep in it, and all of them together no more than there was: none has another's.
    assert sum(record["phases"]) == record["wall_ns"]
    assert record["wall_ns"] / 1e6 <= client_ms
    assert all(slept)
    for phase, own in enumerate(slept):
        assert ms[phase] >= 0.999 * own, (phase, ms, slept)


def routes(store: str) -> Any:
    import functools

    from flask import Blueprint, Flask
    from flask.views import MethodView

    captured.start(store)
    app = Flask("views_under_test")

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    @app.get("/plain/<int:number>")
    @decorate
    def plain(number: int) -> str:
        return str(number)

    class Things(MethodView):
        def get(self) -> str:
            return "things"

    blueprint = Blueprint("shop", __name__, url_prefix="/shop")

    @blueprint.get("/item")
    def item() -> str:
        return ""

    @app.get("/half")
    def half() -> str:
        return ""

    app.view_functions["half"] = functools.partial(half)
    app.add_url_rule("/things", view_func=decorate(Things.as_view("things")))
    app.register_blueprint(blueprint)
    found = {}
    for path in ["/plain/3", "/things", "/shop/item", "/half", "/nowhere", "/static/none.css"]:
        record = captured.last(app, path)
        view = str(record["view"]).rpartition("<locals>.")[2]
        found[path] = [record["method"], record["rule"], record["endpoint"], view, record["status"]]
    return found


def test_route_and_view_of_functions_method_views_partials_and_nothing(tmp_path: Any) -> None:
    found = run_isolated(routes, str(tmp_path / "s.db"))
    assert found["/plain/3"] == ["GET", "/plain/<int:number>", "plain", "plain", 200]
    assert found["/things"] == ["GET", "/things", "things", "Things.get", 200]
    assert found["/shop/item"] == ["GET", "/shop/item", "shop.item", "item", 200]
    assert found["/half"] == ["GET", "/half", "half", "half", 200]
    assert found["/nowhere"] == ["GET", "<unmatched>", "", "", 404]
    assert found["/static/none.css"][:3] == ["GET", "/static/<path:filename>", "static"]


def failures(store: str) -> Any:
    captured.start(store)
    app = captured.flask_app(lambda: "")

    class Refused(Exception):
        pass

    def deep(kind: Any) -> None:
        raise kind

    app.add_url_rule("/a", "a", lambda: deep(Refused("1")))
    app.add_url_rule("/b", "b", lambda: deep(Refused("2")))
    app.add_url_rule("/c", "c", lambda: deep(KeyError("3")))
    app.add_url_rule("/d", "d", lambda: str(deep(LookupError())))
    app.register_error_handler(LookupError, lambda _error: ("handled", 418))
    found = []
    for path in ("/a", "/b", "/c", "/"):
        record = captured.last(app, path)
        found.append([record["status"], record["exception"], record["exception_group"]])
    return found


def test_unhandled_exceptions_have_a_type_and_a_group(tmp_path: Any) -> None:
    a, b, c, fine = run_isolated(failures, str(tmp_path / "s.db"))
    assert a[0] == 500
    assert a[1].endswith("Refused")
    assert a[1:] == b[1:]
    assert c[0] == 418  # a KeyError is a LookupError: handled, so no exception of the request
    assert c[1:] == ["", 0]
    assert fine == [200, "", 0]


LIBRARY = """
import sqlite3
def load():
    sqlite3.connect(":memory:").execute("select 1").fetchall()
def init_app(app):
    app.before_request(load)
def view():
    load()
    return "library"
"""


def extension(store: str, folder: str) -> Any:
    import sys
    from pathlib import Path

    package = Path(folder) / "site-packages"
    package.mkdir()
    (package / "flask_loads.py").write_text(LIBRARY)
    sys.path.insert(0, str(package))
    import flask_loads

    captured.start(store)
    plain = captured.flask_app(lambda: "")  # never matched by a place
    flask_loads.init_app(plain)  # registered
    other = captured.flask_app(lambda: "")
    other.add_url_rule("/library", "library", flask_loads.view)  # rule registered
    found = []
    for record in (captured.last(plain), captured.last(other, "/library")):
        (statement,) = record["statements"]
        found.append([statement["line"], statement["via"]])
    return found


def test_work_without_application_code_is_placed_where_it_was_registered(tmp_path: Any) -> None:
    hook, rule = run_isolated(extension, str(tmp_path / "s.db"), str(tmp_path))
    assert hook == [at("registered"), "flask_loads.py"]
    assert rule == [at("rule registered"), "flask_loads.py"]


MARSHAL = """
import functools, sqlite3
from flask.views import MethodView
def load():
    sqlite3.connect(":memory:").execute("select 1").fetchall()
def marshal(view):
    @functools.wraps(view)
    def wrapper(*args, **kwargs):
        load()
        return view(*args, **kwargs)
    return wrapper
class Page(MethodView):
    def get(self):
        load()
        return "library"
"""


def classes(store: str, folder: str) -> Any:
    import sys
    from pathlib import Path

    from flask import Blueprint, Flask
    from flask.views import MethodView

    package = Path(folder) / "site-packages"
    package.mkdir()
    (package / "marshals.py").write_text(MARSHAL)
    sys.path.insert(0, str(package))
    import marshals

    captured.start(store)
    app = Flask("classes_under_test")

    class First(MethodView):
        @marshals.marshal  # first
        def get(self) -> str:
            return ""

    class Second(MethodView):
        @marshals.marshal  # second
        def get(self) -> str:
            return ""

    pages = Blueprint("pages", __name__)
    app.add_url_rule("/first", view_func=First.as_view("first"))
    pages.add_url_rule("/second", view_func=Second.as_view("second"))
    app.add_url_rule("/third", view_func=marshals.Page.as_view("third"))  # third
    pages.add_url_rule("/fourth", view_func=marshals.Page.as_view("fourth"))  # fourth
    app.register_blueprint(pages)
    found = []
    for path in ("/first", "/second", "/third", "/fourth"):
        (statement,) = captured.last(app, path)["statements"]
        found.append(statement["line"])
    return found


def test_views_made_by_one_function_have_a_line_each(tmp_path: Any) -> None:
    found = run_isolated(classes, str(tmp_path / "s.db"), str(tmp_path))
    assert found == [at("first"), at("second"), at("third"), at("fourth")]


LISTENER = """
import sqlite3
def on_request(sender, **extra):
    sqlite3.connect(":memory:").execute("select 1").fetchall()
"""


def signal(store: str, folder: str) -> Any:
    import sys
    from pathlib import Path

    from flask import request_started

    package = Path(folder) / "site-packages"
    package.mkdir()
    (package / "listens.py").write_text(LISTENER)
    sys.path.insert(0, str(package))
    import listens
    from flask import Flask

    captured.start(store)
    app = Flask("views_under_test")

    @app.get("/")  # decorator
    def view() -> str:
        return ""

    request_started.connect(listens.on_request)
    (statement,) = captured.last(app)["statements"]
    return [statement["line"], statement["name"].rpartition(".")[2], statement["via"]]


def test_the_views_decorator_is_the_last_resort(tmp_path: Any) -> None:
    pytest.importorskip("blinker")
    assert run_isolated(signal, str(tmp_path / "s.db"), str(tmp_path)) == [
        at("decorator"),
        "view",
        "listens.py",
    ]


SHOP = """
import sqlite3
from flask import Blueprint, Flask, render_template_string
pages = Blueprint("pages", __name__)
@pages.route("/installed")
def installed():
    sqlite3.connect(":memory:").execute("select 1").fetchall()
    return "fine"
def create_app():
    app = Flask(__name__)
    app.register_blueprint(pages)
    return app
"""


def installed_application(store: str, folder: str) -> Any:
    import sys
    from pathlib import Path

    package = Path(folder) / "site-packages" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(SHOP)
    sys.path.insert(0, str(package.parent))
    captured.start(store)
    import shop

    (statement,) = captured.last(shop.create_app(), "/installed")["statements"]
    return [statement["name"], statement["line"]]


def test_views_of_a_blueprint_that_was_there_before_the_application_are_its_code(
    tmp_path: Any,
) -> None:
    assert run_isolated(installed_application, str(tmp_path / "s.db"), str(tmp_path)) == ["installed", 7]


ADMIN = """
import sqlite3
from flask import Blueprint, render_template
admin = Blueprint("admin", __name__, template_folder="templates")
def load():
    return sqlite3.connect(":memory:").execute("select 1").fetchall()
@admin.route("/menu")
def menu():
    return render_template("admin/menu.html", load=load)
"""


def library_template(store: str, folder: str) -> Any:
    import sys
    from pathlib import Path

    package = Path(folder) / "site-packages" / "admin"
    (package / "templates" / "admin").mkdir(parents=True)
    (package / "__init__.py").write_text(ADMIN)
    (package / "templates" / "admin" / "menu.html").write_text("<ul>\n{{ load() }}\n</ul>")
    sys.path.insert(0, str(package.parent))
    captured.start(store)
    app = captured.flask_app(lambda: "")
    import admin

    app.register_blueprint(admin.admin)
    real = app.wsgi_app
    app.wsgi_app = lambda environ, start_response: real(environ, start_response)
    (statement,) = captured.last(app, "/menu")["statements"]
    return [statement["file"], statement["line"], statement["via"]]


def test_work_below_no_application_code_is_placed_at_the_librarys_template(tmp_path: Any) -> None:
    found = run_isolated(library_template, str(tmp_path / "s.db"), str(tmp_path))
    assert found == ["templates/admin/menu.html", 2, "admin/__init__.py"]


def late_import(store: str) -> Any:
    import sys

    from hotplate import _hooks

    captured.start(store)
    _hooks.install()
    _hooks.install()
    assert "sqlalchemy" not in sys.modules
    import sqlalchemy
    from sqlalchemy.engine.default import DefaultDialect

    wrapped = DefaultDialect.do_execute
    assert wrapped.__wrapped__.__qualname__ == "DefaultDialect.do_execute"  # type: ignore[attr-defined]
    assert not hasattr(wrapped.__wrapped__, "__wrapped__")  # type: ignore[attr-defined]
    return sqlalchemy.__spec__.loader.__class__.__name__


@pytest.mark.sqlalchemy
def test_modules_imported_later_are_hooked_once_and_keep_their_loader(tmp_path: Any) -> None:
    assert run_isolated(late_import, str(tmp_path / "s.db")) == "SourceFileLoader"
