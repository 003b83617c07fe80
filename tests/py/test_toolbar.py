"""The toolbar's element: which pages get it, what it looks like, who sees it, and that nothing else ever changes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import corpus
import pages
import pytest
from support_py.isolated import run_isolated

ELEMENT = re.compile(
    rb'<script src="(?P<src>[^"]*)" defer data-request="(?P<id>[0-9a-f]{16})"(?: nonce="(?P<nonce>[^"]*)")?></script>'
)
OURS = ("X-Hotplate-Id", "Server-Timing")

Asked = tuple[str, dict[str, str]]


def ask_pages(store: str, asked: list[Asked], options: dict[str, Any] | None) -> list[Any]:
    """In a process of its own: status, headers and body of each; `options` of Hotplate, None for none at all."""
    from support_py import wsgi

    shown = {"never": lambda: False, "always": lambda: True, "fails": lambda: 1 / 0}
    pages.app.testing = False
    if options is not None:
        from hotplate import _hotplate
        from hotplate.flask import Hotplate

        debug, fail = options.pop("debug", True), options.pop("fail", 0)
        for name in ("toolbar", "auth"):
            if isinstance(options.get(name), str):
                options[name] = shown[options[name]]
        Hotplate(pages.app, store=store, server_timing=False, **options)
        pages.app.debug = debug
        if fail:
            wsgi.call(pages.app, "/page")
            _hotplate.fail_at("callback", fail)
    answers = []
    for path, environ in asked:
        status, headers, body = wsgi.call(pages.app, path, **environ)
        headers = {name: value for name, value in headers.items() if name not in OURS}
        answers.append([status, headers, body.decode("latin-1")])
    return answers


def ask(tmp_path: Path, asked: list[Asked], options: dict[str, Any] | None) -> list[tuple[str, Any, bytes]]:
    answers = run_isolated(ask_pages, str(tmp_path / "s.db"), asked, options)
    return [(status, headers, body.encode("latin-1")) for status, headers, body in answers]


def test_a_document_gets_the_element_and_keeps_everything_else(tmp_path: Path) -> None:
    asked: list[Asked] = [(path, {}) for path in pages.DOCUMENTS]
    bare = ask(tmp_path, asked, None)
    ours = ask(tmp_path, asked, {})
    for (path, _), (status, headers, body), (status_bare, headers_bare, body_bare) in zip(
        asked, ours, bare, strict=True
    ):
        found = ELEMENT.search(body)
        assert found, path
        assert found["src"] == b"/hotplate/toolbar.js"
        assert found["nonce"] == (b"c2FsdA==" if path == "/nonce/page" else None)
        assert body[: found.start()] + body[found.end() :] == body_bare, path
        assert body[found.end() :].startswith(b"</body>")
        assert int(headers["Content-Length"]) == len(body)
        assert headers | {"Content-Length": str(len(body_bare))} == headers_bare, path
        assert status == status_bare


@pytest.mark.parametrize("options", [{}, {"toolbar": True, "debug": False}])
def test_what_is_no_plain_document_stays_as_it_is(tmp_path: Path, options: dict[str, Any]) -> None:
    asked: list[Asked] = [(path, {}) for path in pages.OTHERS]
    asked += [("/page", {"REQUEST_METHOD": "HEAD"})]
    bare = ask(tmp_path, asked, None)
    ours = ask(tmp_path, [*asked, ("/page", {})], options)
    assert ELEMENT.search(ours[-1][2])
    for (path, _), mine, theirs in zip(asked, ours[:-1], bare, strict=True):
        assert mine == theirs, path


def test_a_part_that_a_script_asks_for_stays_as_it_is(tmp_path: Path) -> None:
    asks: list[dict[str, str]] = [
        {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"},
        {"HTTP_HX_REQUEST": "true"},
        {"HTTP_SEC_FETCH_DEST": "empty"},
        {"HTTP_SEC_FETCH_DEST": "iframe"},
        {"HTTP_SEC_FETCH_DEST": "document"},
    ]
    found = [ELEMENT.search(body) for _, _, body in ask(tmp_path, [("/page", each) for each in asks], {})]
    assert [match is not None for match in found] == [False, False, False, False, True]


ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.mark.one_python
@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({}, {}, True),
        ({"debug": False}, {}, False),
        ({"toolbar": False}, {}, False),
        ({"toolbar": True, "debug": False}, {}, True),
        ({"toolbar": "always", "debug": False}, {}, True),
        ({"toolbar": "never"}, {}, False),
        ({"toolbar": "fails"}, {}, False),
        ({}, ELSEWHERE, False),
        ({"toolbar": "always"}, ELSEWHERE, False),
        ({}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, False),
        ({}, {"HTTP_HOST": "evil.example"}, False),
        ({}, {"SERVER_PROTOCOL": "HTTP/1.0"}, False),
        ({"auth": "always"}, ELSEWHERE, True),
        ({"auth": "always", "debug": False}, ELSEWHERE, False),
        ({"auth": "always", "toolbar": True, "debug": False}, ELSEWHERE, True),
        ({"auth": "never"}, {}, False),
        ({"auth": "fails"}, {}, False),
        ({"dashboard": False}, {}, False),
    ],
)
def test_only_those_see_it_whom_the_dashboard_answers(
    tmp_path: Path, options: dict[str, Any], environ: dict[str, str], expected: bool
) -> None:
    [(status, headers, body)] = ask(tmp_path, [("/page", environ)], dict(options))
    assert status == "200 OK"
    assert (ELEMENT.search(body) is not None) == expected
    assert int(headers["Content-Length"]) == len(body)
    if not expected:
        assert body == pages.BARE.encode()


def auth_that_works(store: str, level: str) -> Any:
    """The record of a page whose reader is looked up with a statement, a log record and calls of functions."""
    import logging
    import sqlite3

    from hotplate.flask import Hotplate
    from support_py import captured, wsgi

    captured.start(store, level)
    users = sqlite3.connect(":memory:", check_same_thread=False)
    users.execute("create table person (name text)")

    def is_admin() -> bool:
        logging.getLogger("auth").warning("looking")
        users.execute("select name from person").fetchall()
        return True

    Hotplate(pages.app, store=store, toolbar=True, auth=is_admin)
    pages.app.testing = False
    body = wsgi.call(pages.app, "/page")[2]
    return [ELEMENT.search(body) is not None, captured.last_record()]


@pytest.mark.one_python
@pytest.mark.parametrize("level", ["monitor", "trace"])
def test_what_the_authoriser_does_is_not_recorded_as_the_requests(tmp_path: Path, level: str) -> None:
    shown, record = run_isolated(auth_that_works, str(tmp_path / "s.db"), level)
    assert shown
    assert record["statements"] == []
    assert record["logs"] == []
    functions = [node[3] for node in record.get("tree") or []]
    assert not any("is_admin" in name for name in functions)
    assert any("page" in name for name in functions) == (level == "trace")


def count_wrong_tokens(store: str) -> list[int]:
    """Statuses of the dashboard after many pages were asked for with the application's own bearer tokens."""
    from hotplate.flask import Hotplate
    from support_py import wsgi

    Hotplate(pages.app, store=store, toolbar=True)
    for _ in range(20):
        _, _, body = wsgi.call(pages.app, "/page", HTTP_AUTHORIZATION="Bearer of-the-application")
        assert ELEMENT.search(body) is None
    right = wsgi.call(pages.app, "/hotplate/api/v1/meta", HTTP_AUTHORIZATION="Bearer sesame")
    return [int(right[0].split()[0])]


def see_with_a_login(store: str) -> list[Any]:
    """How the page is before a login, after it, with a forged cookie, and after logging out; what its cookie opens."""
    from hotplate.flask import Hotplate
    from support_py import wsgi

    Hotplate(pages.app, store=store, toolbar=True)
    client = pages.app.test_client(use_cookies=False)

    def has_toolbar(cookie: str) -> bool:
        _, _, body = wsgi.call(pages.app, "/page", HTTP_COOKIE=cookie)
        return ELEMENT.search(body) is not None

    def cookies(path: str, cookie: str = "", **form: str) -> dict[str, str]:
        answer = client.post(path, data=form, headers={"Cookie": cookie})
        assert answer.status_code == 303
        return dict(value.split("=", 1) for value in answer.headers.getlist("Set-Cookie"))

    given = cookies("/hotplate/login", token="sesame")
    page = given["hotplate-page"]
    assert "; Path=/;" in page
    assert "Path" not in given["hotplate"]
    cookie = f"hotplate-page={page.split(';')[0]}"
    forged = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
    opened = wsgi.call(pages.app, "/hotplate/api/v1/meta", HTTP_COOKIE=cookie)[0]
    as_own = wsgi.call(pages.app, "/hotplate/api/v1/meta", HTTP_COOKIE=cookie.replace("-page", ""))[0]
    gone = cookies("/hotplate/logout", f"hotplate={given['hotplate']}")["hotplate-page"]
    seen = [has_toolbar(""), has_toolbar(cookie), has_toolbar(forged), has_toolbar(f"hotplate-page={gone}")]
    return [seen, opened[:3], as_own[:3]]


@pytest.mark.one_python
def test_who_has_logged_in_with_the_token_sees_it(tmp_path: Path) -> None:
    env = {"HOTPLATE_TOKEN": "sesame"}
    seen = run_isolated(see_with_a_login, str(tmp_path / "s.db"), env=env)
    assert seen == [[False, True, False, False], "401", "401"]


@pytest.mark.one_python
def test_the_applications_own_tokens_are_no_attempts_to_log_in(tmp_path: Path) -> None:
    env = {"HOTPLATE_TOKEN": "sesame"}
    assert run_isolated(count_wrong_tokens, str(tmp_path / "s.db"), env=env) == [200]


@pytest.mark.one_python
def test_the_script_is_found_below_a_script_name_and_a_path_of_ones_own(tmp_path: Path) -> None:
    asked: list[Asked] = [("/page", {"SCRIPT_NAME": '/a b/\xe9"'})]
    [(_, _, body)] = ask(tmp_path, asked, {"dashboard": "/internal/hp"})
    found = ELEMENT.search(body)
    assert found
    assert found["src"] == b"/a%20b/%E9%22/internal/hp/toolbar.js"


@pytest.mark.parametrize("nth", range(1, 8))
def test_a_failure_of_ours_leaves_a_whole_response(tmp_path: Path, nth: int) -> None:
    [(_, headers, body), after] = ask(tmp_path, [("/page", {}), ("/page", {})], {"fail": nth})
    assert int(headers["Content-Length"]) == len(body)
    assert ELEMENT.sub(b"", body) == pages.BARE.encode()
    assert ELEMENT.search(after[2])


def end_while_asked(store: str) -> list[Any]:
    """What comes of a request whose end somebody wants while the toolbar asks the application; and the next page."""
    from hotplate import _hotplate
    from hotplate.flask import Hotplate
    from support_py import wsgi

    wishes: list[BaseException] = [SystemExit(1), KeyboardInterrupt()]

    def auth() -> bool:
        if wishes:
            raise wishes.pop()
        return True

    pages.app.testing = False
    pages.app.debug = True
    Hotplate(pages.app, store=store, server_timing=False, auth=auth)
    ended = []
    for _ in range(2):
        try:
            wsgi.call(pages.app, "/page")
        except BaseException as raised:
            ended.append(type(raised).__name__)
    return [ended, wsgi.call(pages.app, "/page")[0], _hotplate.counts()["errors"]]


@pytest.mark.one_python
def test_a_process_that_is_told_to_end_meanwhile_ends(tmp_path: Path) -> None:
    ended, status, errors = run_isolated(end_while_asked, str(tmp_path / "s.db"))
    assert ended == ["KeyboardInterrupt", "SystemExit"]
    assert status == "200 OK"
    assert errors == 0


def ask_corpus(store: str, ours: bool) -> dict[str, Any]:
    """What every request of the corpus gives, by name."""
    if ours:
        from hotplate.flask import Hotplate

        Hotplate(corpus.app, store=store, toolbar=True)
    client = corpus.app.test_client()
    answers = {}
    for case in corpus.CASES:
        if not case.broken:
            answer = client.open(case.path, method=case.method, headers=case.headers, data=case.body)
            headers = [pair for pair in answer.headers if pair[0] not in (*OURS, "Date")]
            answers[case.name] = [answer.status, headers, answer.get_data().decode("latin-1")]
    return answers


def test_the_corpus_of_responses_stays_the_same_bytes(tmp_path: Path) -> None:
    env = {"PYTHONHASHSEED": "7"}
    bare = run_isolated(ask_corpus, str(tmp_path / "s.db"), False, env=env)
    ours = run_isolated(ask_corpus, str(tmp_path / "s.db"), True, env=env)
    for name, answer in bare.items():
        assert ours[name] == answer, name


def test_the_toolbar_without_its_dashboard_is_refused() -> None:
    from hotplate.flask import Hotplate

    with pytest.raises(ValueError, match="dashboard"):
        Hotplate(dashboard=False, toolbar=True)
