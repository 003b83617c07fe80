"""site -- what search engines and readers of news get."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from xml.dom import minidom

from flask import Blueprint, Response
from switches import planted

site = Blueprint("site", __name__)
pretty_by_dom = planted("serialization_hot@sitemap")
insert_sorted = planted("hot_function@feed")
PAGES = [
    (f"https://atelier.example/pictures/{n}", f"2026-{n % 12 + 1:02d}-{n % 28 + 1:02d}") for n in range(900)
]
NEWS = [
    {
        "title": f"News {n}",
        "at": f"{n % 28 + 1:02d} {('Jan', 'Feb', 'Mar')[n % 3]} 2026 {n % 24:02d}:{n % 60:02d}:07 +0100",
    }
    for n in range(110)
]


def document(root: Xml.Element) -> str:
    """A document as people can read it."""
    if pretty_by_dom:
        return minidom.parseString(Xml.tostring(root)).toprettyxml(
            indent="  "
        )  # cause: serialization_hot@sitemap
    Xml.indent(root, "  ")
    return f'<?xml version="1.0" ?>\n{Xml.tostring(root, encoding="unicode")}\n'


@site.get("/sitemap.xml")
def sitemap() -> Response:
    """All pages."""
    root = Xml.Element("urlset")
    for place, changed in PAGES:
        url = Xml.SubElement(root, "url")
        Xml.SubElement(url, "loc").text = place
        Xml.SubElement(url, "lastmod").text = changed
        Xml.SubElement(url, "changefreq").text = "monthly"
    return Response(document(root), mimetype="application/xml")  # cause: serialization_hot@sitemap


def newest_first(news: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """News in the order in which they are shown."""
    if insert_sorted:
        shown: list[dict[str, Any]] = []
        for each in news:
            shown.append(each)
            shown.sort(
                key=lambda one: parsedate_to_datetime(one["at"]), reverse=True
            )  # cause: hot_function@feed
        return shown
    return sorted(news, key=lambda one: parsedate_to_datetime(one["at"]), reverse=True)


@site.get("/feed.xml")
def feed() -> Response:
    """The news of the year."""
    root = Xml.Element("rss")
    for each in newest_first(NEWS):  # cause: hot_function@feed
        item = Xml.SubElement(root, "item")
        Xml.SubElement(item, "title").text = each["title"]
        Xml.SubElement(item, "pubDate").text = format_datetime(parsedate_to_datetime(each["at"]))
    return Response(Xml.tostring(root), mimetype="application/rss+xml")
