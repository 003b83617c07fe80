"""conduit -- readings of water meters as a REST API: views that are classes, decorators, serialisers made by hand."""

from __future__ import annotations

from typing import Any

from flask import Flask

from . import logs, pages, resources, store


def create_app() -> Flask:
    """The application, its database filled."""
    store.make()
    logs.set_up()
    app = Flask(__name__)
    app.register_blueprint(pages.pages, url_prefix="/portal")
    api = (
        ("/v1/account", resources.AccountView),
        ("/v1/meters", resources.MetersView),
        ("/v1/meters/<int:number>", resources.MeterView),
        ("/v1/tariffs", resources.TariffsView),
        ("/v1/usage", resources.UsageView),
        ("/v1/readings", resources.ReadingsView),
        ("/v1/months", resources.MonthsView),
        ("/v1/alarms", resources.AlarmsView),
        ("/v1/table", resources.TableView),
    )
    for rule, view in api:
        app.add_url_rule(rule, view_func=view.as_view(view.__name__))

    @app.errorhandler(LookupError)
    def unknown(error: LookupError) -> tuple[dict[str, Any], int]:
        return {"error": str(error)}, 404

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
