"""Topics: lists of them, and what is answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, g, render_template
from sqlalchemy import Row, bindparam, func, insert, select, text
from switches import planted

from .tables import label, post, reading, switch, topic

ask_for_each_switch = planted("duplicate_query@feature")
cloud_for_each = planted("template_hot@cloud")
shuffle_there = planted("slow_query@shuffle")
take_all_topics = planted("unbounded_result@archive")
ask_while_drawing = planted("n_plus_one@thread")
label_each = planted("n_plus_one@labels")

bp = Blueprint("topics", __name__, template_folder="templates")


def feature(name: str) -> bool:
    """Whether a feature is switched on, for templates."""
    known: dict[str, bool] = g.setdefault("features", {})
    if ask_for_each_switch or name not in known:
        chosen = select(switch.c.on_for).where(switch.c.name == name)
        known[name] = (g.reading.scalar(chosen) or 0) > 50  # cause: duplicate_query@feature
    return known[name]


LABELS = [(f"label-{number}", number * 37 % 90 + 10) for number in range(60)]


@bp.get("/topics/<int:number>")
def topics(number: int) -> str:
    """Topics, each with what it can be labelled with."""
    with reading() as g.reading:
        chosen = (
            select(topic.c.id, topic.c.title).where(topic.c.id > number * 20).order_by(topic.c.id).limit(20)
        )
        rows = g.reading.execute(chosen).all()
        return render_template(  # cause: duplicate_query@feature template_hot@cloud
            "topics.html", topics=rows, labels=LABELS, once=not cloud_for_each
        )


@bp.get("/posts/any")
def any_posts() -> dict[str, Any]:
    """Five posts, whichever."""
    with reading() as connection:
        if shuffle_there:
            found = connection.execute(  # cause: slow_query@shuffle
                text("SELECT id, words FROM post ORDER BY rand(7) LIMIT 5")
            )
        else:
            last = connection.scalar(select(func.max(post.c.id))) or 0
            ids = [last * step // 6 for step in range(1, 6)]
            found = connection.execute(select(post.c.id, post.c.words).where(post.c.id.in_(ids)))
        return {"posts": [list(row) for row in found]}


@bp.get("/topics/<int:number>/answers")
def answers(number: int) -> dict[str, Any]:
    """How many answers some topics have."""
    ids = range(number * 10 + 1, number * 10 + 11)
    counted = select(post.c.topic, func.count()).where(post.c.topic.in_(ids)).group_by(post.c.topic)
    with reading() as connection:
        rows = connection.execute(counted.order_by(post.c.topic)).all()  # cause: missing_index@answers
    return {"answers": [list(row) for row in rows]}


@bp.get("/archive")
def archive() -> str:
    """The newest topics, cut to a page."""
    chosen = select(topic.c.id, topic.c.title, topic.c.body).order_by(topic.c.id.desc())
    with reading() as connection:
        rows = connection.execute(
            chosen if take_all_topics else chosen.limit(25)
        ).all()  # cause: unbounded_result@archive
    return render_template("archive.html", topics=rows)


class Thread:
    """Posts that answer each other."""

    def __init__(self, connection: Any, top: int) -> None:
        self.connection, self.top = connection, top
        self.known: dict[int, list[Row[Any]]] = {}
        if not ask_while_drawing:
            self.ask_for_all()

    def ask_for_all(self) -> None:
        """All posts below, level by level."""
        level = [self.top]
        chosen = select(post.c.id, post.c.parent, post.c.words).order_by(post.c.id)
        while level:
            rows = self.connection.execute(chosen.where(post.c.parent.in_(level))).all()
            for row in rows:
                self.known.setdefault(row.parent, []).append(row)
            level = [row.id for row in rows]

    def below(self, above: int) -> list[Row[Any]]:
        """Answers to a post."""
        if not ask_while_drawing:
            return self.known.get(above, [])
        chosen = select(post.c.id, post.c.parent, post.c.words).where(post.c.parent == above)
        return list(self.connection.execute(chosen.order_by(post.c.id)).all())  # cause: n_plus_one@thread


@bp.get("/threads/<int:number>")
def thread(number: int) -> str:
    """A thread, drawn as a tree."""
    top = 24 * (number + 1)
    with reading() as connection:
        return render_template(
            "thread.html", thread=Thread(connection, top), top=top
        )  # cause: n_plus_one@thread


def keep_labels(connection: Any) -> Callable[[int, str], None]:
    """How a label is kept."""

    def keep(number: int, word: str) -> None:
        connection.execute(insert(label).values(post=number, word=word))  # cause: n_plus_one@labels

    return keep


@bp.get("/posts/<int:number>/labels")
def labels(number: int) -> dict[str, Any]:
    """Try out labels on a post."""
    words = [f"word-{step}" for step in range(45)]
    with reading() as connection, connection.begin() as work:
        if label_each:
            keep = keep_labels(connection)
            for word in words:  # cause: n_plus_one@labels
                keep(number, word)  # cause: n_plus_one@labels
        else:
            connection.execute(insert(label).values([{"post": number, "word": word} for word in words]))
        kept = connection.scalar(select(func.count()).select_from(label).where(label.c.id > 0))
        work.rollback()
    return {"kept": kept}


@bp.get("/posts/<int:number>/relabel")
def relabel(number: int) -> dict[str, Any]:
    """Labels in one executemany: nothing is wrong here."""
    with reading() as connection, connection.begin() as work:
        kept = insert(label).values(post=bindparam("of"), word=bindparam("called"))
        connection.execute(kept, [{"of": number, "called": f"word-{step}"} for step in range(60)])
        work.rollback()
    return {"kept": 60}
