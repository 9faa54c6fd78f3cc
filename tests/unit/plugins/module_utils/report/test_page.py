# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The page to review: bounded, private, and nothing that comes from a site is more than data in it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import platform
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine import work
from engine.config.keep import keep_of
from engine.config.trust.site_user import this_process
from engine.errors import CleanupError
from engine.report.description import Subject
from engine.report.page.document import Limits, Lists, beginning, emit_document, emit_with_pictures
from engine.report.page.file import PageFile
from engine.report.page.page import Page, Part, as_html, page, read_documents, read_page
from helpers.builders import Site, run
from helpers.clock import let_clock_tick
from helpers.pages import data_of, paths_of

HOSTILE = [
    "p/</script><script>alert(1)</script>.jpg",
    "p/<img src=x onerror=alert(1)>\"'`.jpg",
    "p/\x1b[31mred\x07.jpg",
    "p/${alert(1)} $data.jpg",
]
ODD = [
    b"p/caf\xe9\n.jpg",
    b"p/[1]*?.jpg",
    b"p/50%.jpg",
    b"row:x:1.jpg",
    b"file:x",
    b"p/a\\x41.jpg",
    b"{{ lookup('pipe', 'id') }}.jpg",
    b"p/{%x",
    b" a ",
    b"p/a",
]


EMPTY = {"records": 0, "files": 0, "bytes": 0}


@pytest.fixture(params=["this process", "a process of its own"])
def worker(request: pytest.FixtureRequest) -> Any:
    own = this_process()
    return own if request.param == "this process" else replace(own, is_this_process=False)


def document(site: Site, folder: Path, worker: Any = None, check: bool = True, **limits: int) -> Any:
    """What the job orphans writes for a page, as text."""
    options = {**site.basics, "directories": ["."], "references": [{"table": "photo", "column": "image"}]}
    report = {"file": str(folder / "report"), "most_bytes": 8 << 20, "most_thumbnails": 1000, **limits}
    about = {"age_stamp": "mtime", "approved_plan": None, "report": report, "permanent": True}
    let_clock_tick()
    request = {
        "task": "orphans",
        "check": check,
        "verbose": False,
        "diff": False,
        "options": {**options, **about},
    }
    answer = work.done_by(worker or this_process(), request)
    assert not answer["failure"]
    return (folder / "report").read_text()


def shown(described: Any) -> Any:
    """What a page shows of the plan of a job."""
    plan, _outcome = run(described, check=True)
    texts: list[Any] = []
    emit_document(described, plan, Limits(1 << 20, 10), texts.append)
    [found] = read_documents("".join(texts))
    return found


def picture() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (400, 300), "#08f").save(written, "JPEG")
    return written.getvalue()


def test_a_plan_is_written_privately_with_its_pictures(
    sqlite_site: Site, worker: Any, tmp_path: Path
) -> None:
    sqlite_site.media.write("p/1.jpg", "q/2.jpg", content=picture())
    sqlite_site.media.write("p/broken.jpg", "p/film.mp4")
    text = document(sqlite_site, tmp_path, worker)
    [found] = read_documents(text)
    assert paths_of(found) == ["p/1.jpg", "p/broken.jpg", "p/film.mp4", "q/2.jpg"]
    assert set(found["pictures"]) == {"0", "3"}
    assert list(found["no_picture"]) == ["1"]
    assert base64.b64decode(found["pictures"]["0"])[:2] == b"\xff\xd8"
    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o600


@pytest.mark.promise(6)
def test_only_a_plan_that_is_not_carried_out_is_shown(sqlite_site: Site, tmp_path: Path) -> None:
    sqlite_site.media.write("p/1.jpg")
    with pytest.raises(CleanupError, match="check mode"):
        document(sqlite_site, tmp_path, check=False)
    assert sqlite_site.media.files == {b"p/1.jpg"}
    assert not (tmp_path / "report").exists()


@pytest.mark.promise(11)
def test_names_and_pictures_are_bounded(sqlite_site: Site, tmp_path: Path) -> None:
    sqlite_site.media.write(*(f"p/{number:04}.jpg" for number in range(2000)))
    sqlite_site.media.write("p/0000.jpg", "p/0001.jpg", "q/1.jpg", content=picture())
    [found] = read_documents(document(sqlite_site, tmp_path, most_bytes=70_000, most_thumbnails=1))
    assert len(found["pictures"]) + len(found["no_picture"]) == 1
    assert found["items_total"] == 2001 > len(found["items"]) > 100
    assert (tmp_path / "report").stat().st_size < 70_000 + 100
    # The first of each folder come before the others.
    sqlite_site.media.write(*(f"p/{number:04}.jpg" for number in range(20)), content=picture())
    [found] = read_documents(document(sqlite_site, tmp_path, most_thumbnails=13))
    assert set(found["pictures"]) == {*map(str, range(12)), "2000"}


@pytest.mark.parametrize("job", ["orphans", "missing"])
def test_a_likely_move_is_shown_with_its_other_path_and_its_picture(sqlite_site: Site, job: str) -> None:
    sqlite_site.media.write("q/1.jpg", content=picture())
    sqlite_site.media.mkdir("p")
    sqlite_site.insert("p/1.jpg")
    described = getattr(sqlite_site, job)(include_likely_moves=False)
    let_clock_tick()
    plan, _outcome = run(described, check=True)
    texts: list[Any] = []
    emit_document(described, plan, Limits(1 << 20, 10), texts.append)
    [found] = read_documents("".join(texts))
    paths = ["q/1.jpg", "p/1.jpg"] if job == "orphans" else ["p/1.jpg", "q/1.jpg"]
    [[name, code, _reason, other]] = found["kept"]
    assert ([name, other], code) == (paths, "likely_move")
    assert found["kept_codes"] == {"likely_move": 1}
    assert set(found["pictures"]) == {"kept-0"}


@pytest.mark.promise(8)
def test_each_name_has_an_entry_that_keeps_exactly_its_file(sqlite_site: Site, tmp_path: Path) -> None:
    names = sorted([*ODD, *map(str.encode, HOSTILE[2:])])
    sqlite_site.media.write(*names)
    [found] = read_documents(document(sqlite_site, tmp_path))
    entries = [item[4] or path for item, path in zip(found["items"], paths_of(found))]
    for name, entry in zip(names, entries):
        keep = keep_of([entry])
        assert [*keep.paths, *keep.files] == [name], entry
        assert entry.isprintable()
        # Ansible would run it as a template where it reads the exported list as variables.
        assert "{" not in entry


def test_nothing_of_a_name_is_markup_or_script(sqlite_site: Site, tmp_path: Path) -> None:
    names = [name.replace("/script", "\\script") for name in HOSTILE]
    sqlite_site.media.write(*names)
    [found] = read_documents(document(sqlite_site, tmp_path))
    # A name cannot have a slash, and what a hostile process sends can.
    found["folders"] = ["</script><!--<script>alert(1)//"]
    html = page([Part("web", "h<b>i", found), Part("</script>", "x", None, "<script>alert(2)</script>")])
    assert html.count("<script") == html.count("</script>") == 2
    assert html.count("<!--") == 0
    data = json.loads(re.findall(r'id="data">(.*?)</script>', html, re.DOTALL)[0])
    assert data["parts"][0]["folders"] == found["folders"]
    assert data["parts"][1]["message"] == "<script>alert(2)</script>"


def test_the_page_may_run_its_own_script_and_load_nothing(sqlite_site: Site, tmp_path: Path) -> None:
    html = page([])
    policy = re.findall(r'Content-Security-Policy" content="(.*?)"', html)[0]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for kind, pattern in (("script-src", r"<script>(.*?)</script>"), ("style-src", r"<style>(.*?)</style>")):
        [text] = re.findall(pattern, html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(kind) == f"'sha256-{digest}'"
    assert rules.pop("img-src") == "data:"
    assert set(rules.values()) == {"'none'"}
    assert not re.search(r"https?://|\bsrc=|\bhref=|\bon\w+=|style=|innerHTML|eval\(", html)


def whole(sqlite_site: Site, tmp_path: Path) -> Any:
    sqlite_site.media.write("p/1.jpg")
    return json.loads(document(sqlite_site, tmp_path))


CHANGES = [
    {"items": [[9, "a", 1, 1, "", "", "", []]]},
    {"items": [[-1, "a", 1, 1, "", "", "", []]]},
    {"items": [[0.5, "a", 1, 1, "", "", "", []]]},
    {"items": [[0, "a", "1", 1, "", "", "", []]]},
    {"items": [[0, {"a": 1}, 1, 1, "", "", "", []]]},
    {"items": None},
    {"found": {}},
    {"found": {"records": 1, "files": True, "bytes": 1}},
    {"pictures": {"0": '"><script>'}},
    {"kept": [["a", "b"]]},
    {"refused": [{"guard": 1, "message": "", "lifted_by": ""}]},
    {"made": float("nan")},
    {"made": 1e300},
    {"plan": None},
    {"kind": "batch"},
    {"job": "orphans x; reboot"},
    {"plan_id": "{{ lookup('pipe', 'id') }}"},
    {"plan": "{% raw %}"},
    {"site": "kit\nkeep: []"},
    {"heading": "kit\nreboot"},
    {"heading": "kit {{ 1 }}"},
    {"folders": ["{{ lookup('pipe', 'id') }}"]},
    {"items": [[0, "{{ lookup('pipe', 'id') }}", 1, 1, "", "", "", []]]},
    {"items": [[0, "a", 1, 1, "row:photo:{{ 1 }}", "", "", []]]},
    {"items": [[0, "a\nb", 1, 1, "", "", "", []]]},
    {"items": [[0, "a", 1, 1e15, "", "", "", []]]},
    {"items": [[0, "a", 1, 1, "", "", "", "b"]]},
    {"items": [[0, "a", 1, 1, "", "", 7, []]]},
]


@pytest.mark.promise(15)
def test_what_a_process_shows_is_its_own_site_without_what_a_terminal_obeys(
    sqlite_site: Site, tmp_path: Path
) -> None:
    forged = {**whole(sqlite_site, tmp_path), "site": "other", "host": "other", "notes": ["\x1b[2J\u202e"]}
    target = tmp_path / "page.html"
    with PageFile(str(target), "plan", "kit") as file:
        file.emit(json.dumps(forged))
        file.emit(None)
    [part] = data_of(target)["parts"]
    assert (part["site"], part["host"]) == ("kit", platform.node())
    assert part["notes"] == ["\\x1b[2J\\u202e"]


@pytest.mark.parametrize("seconds", [-10_000, 1 << 40])
def test_a_time_that_no_calendar_has_is_shown_as_unknown(sqlite_site: Site, seconds: int) -> None:
    subject = Subject(b"p/1.jpg", "p/1.jpg", [], 1, seconds)
    texts: list[Any] = []
    document = {**beginning(sqlite_site.orphans().site, "orphans", "kit"), "found": EMPTY, "items_total": 1}
    document.update(kind="plan", summary=[], refused=[], notes=[])
    emit_with_pictures(document, Lists([], [subject], lambda path: None), Limits(1 << 20, 1), texts.append)
    [found] = read_documents("".join(texts))
    assert found["items"][0][3] == 0


@pytest.mark.promise(15)
def test_what_is_no_document_is_refused(sqlite_site: Site, tmp_path: Path) -> None:
    good = whole(sqlite_site, tmp_path)
    assert read_documents(json.dumps(good))
    for change in CHANGES:
        with pytest.raises(CleanupError, match="no plan of this version"):
            read_documents(json.dumps({**good, **change}))
    for text in ("{", "[" * 100_000, "[]", "null"):
        with pytest.raises(CleanupError):
            read_documents(text)


@pytest.mark.parametrize("on_one_record", [True, False])
def test_a_row_is_shown_with_its_owner_and_what_becomes_of_its_dependent_rows(
    sqlite_site: Site, on_one_record: bool
) -> None:
    database = sqlite_site.database
    database.run("CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id))")
    database.run("CREATE TABLE album (id integer PRIMARY KEY, cover_id integer REFERENCES photo (id))")
    sqlite_site.insert("p/1.jpg", "p/2.jpg", thumbnail="Ann · Bo")
    database.insert("favorite", [{"id": number, "photo_id": 1} for number in (1, 2)])
    database.insert("album", [{"id": number, "cover_id": number} for number in (1, 2)])
    sqlite_site.media.mkdir("p")
    dependents = [
        {"table": "favorite", "column": "photo_id", "action": "delete"},
        {"table": "album", "column": "cover_id", "action": "set_null"},
    ]
    if not on_one_record:
        # Rows may depend on two records then, and are followed one by one.
        database.run("ALTER TABLE album ADD COLUMN back_id integer REFERENCES photo (id)")
        database.run("UPDATE album SET back_id = 1")
        dependents.append({"table": "album", "column": "back_id", "action": "set_null"})
    found = shown(sqlite_site.missing(label="thumbnail", dependents=dependents))
    albums = "1 row of album updated" if on_one_record else "2 rows of album updated"
    assert [item[5:] for item in found["items"]] == [
        ["row 1", "Ann · Bo", [albums, "2 rows of favorite deleted"]],
        ["row 2", "Ann · Bo", ["1 row of album updated"]],
    ]


def test_an_orphan_is_shown_with_what_is_most_like_it_and_what_mentions_it(sqlite_site: Site) -> None:
    sqlite_site.media.write("p/a.jpg", "p/b_Xk3fQ9z.jpg", "p/c.jpg", "p/b.jpg")
    sqlite_site.insert("q/a.jpg", "p/b.jpg")
    sqlite_site.database.run("CREATE TABLE django_session (name text)")
    sqlite_site.database.insert("django_session", [{"name": "p/c.jpg"}, {"name": "b_Xk3fQ9z.jpg"}])
    found = shown(sqlite_site.orphans(include_likely_moves=True))
    assert dict(zip(paths_of(found), (item[7] for item in found["items"]))) == {
        "p/a.jpg": ["most like it: q/a.jpg (another folder)"],
        "p/b_Xk3fQ9z.jpg": [
            "most like it: p/b.jpg (without the suffix)",
            "django_session.name mentions a file of its name and does not keep it: a log",
        ],
        "p/c.jpg": ["django_session.name mentions it and does not keep it: a log"],
    }


@pytest.mark.promise(15)
def test_a_page_is_read_again_as_it_was_made_and_nothing_else_is(sqlite_site: Site, tmp_path: Path) -> None:
    sqlite_site.media.write(*HOSTILE[2:])
    [found] = read_documents(document(sqlite_site, tmp_path))
    parts = [Part("web", "kit · orphans", found), Part("</script>", "x", None, "<script>alert(2)</script>")]
    html = as_html(Page("abc", parts, ["db"]))
    again = read_page(html)
    assert (again.run, again.parts[1]) == ("abc", parts[1])
    pages = [tmp_path / "first.html", tmp_path / "second.html"]
    for file, shown in zip(pages, (html, as_html(again))):
        file.write_text(shown)
    first, second = map(data_of, pages)
    assert (first["parts"], first["good_until"]) == (second["parts"], second["good_until"])
    for other in (
        "",
        html[: html.index('"parts"')],
        html.replace('"items"', '"other"'),
        html.replace('"job": "o', '"job": "x'),
    ):
        with pytest.raises(CleanupError):
            read_page(other)
