"""team -- the pages of one team."""

from __future__ import annotations

from flask import Blueprint

from .views import PresenceView, TeamView

blueprint = Blueprint("team", __name__)
blueprint.add_url_rule("/<name>", view_func=TeamView.as_view("overview"))
blueprint.add_url_rule("/<name>/presence/<code>", view_func=PresenceView.as_view("presence"))
