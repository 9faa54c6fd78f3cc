# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Files that a column mentions which nobody listed: they are kept, in every job and at every moment."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from typing import Any

import pytest

from engine import run as runs
from engine.apply import orphans
from engine.compare.mentions import at_removal, sweep
from engine.database.postgresql import database as postgresql_module
from engine.database.sweep import Sweep as Texts
from engine.errors import CleanupError, DatabaseError
from engine.kept import Code
from engine.plan.plan import Plan
from engine.quarantine.writer import BatchWriter
from engine.report.data import result
from engine.report.describe import describe
from helpers.builders import Site, found, guards, planned, reasons, run
from helpers.clock import let_clock_tick

pytestmark = pytest.mark.promise(14)


@pytest.fixture
def news(site: Site) -> Site:
    """A site with an application that nobody described."""
    site.database.run("CREATE TABLE news (id integer PRIMARY KEY, image varchar(300), body text)")
    return site


@pytest.fixture
def sqlite_news(sqlite_site: Site) -> Site:
    """The same on SQLite alone, where the database does not matter."""
    sqlite_site.database.run("CREATE TABLE news (id integer PRIMARY KEY, image varchar(300), body text)")
    return sqlite_site


def columns(plan: Plan) -> list[tuple[str, str, int, bool]]:
    return [(str(each.place), each.strength, each.files, each.keeps) for each in plan.unlisted]


def codes(listed: Any) -> dict[bytes, Code]:
    return {kept.name: kept.code for kept in listed.items}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("image", "p/a.jpg"),
        ("body", '<p><img src="/media/p/a.jpg" alt="a"></p>'),
        ("body", json.dumps([{"type": "image", "value": {"url": "https://site.example/media/p/a.jpg"}}])),
        ("body", "![a](p/a.jpg)"),
    ],
)
def test_an_orphan_that_is_mentioned_is_kept(news: Site, column: str, value: str) -> None:
    news.media.write("p/a.jpg", "p/lost.jpg")
    news.database.insert("news", [{"id": 1, column: value}])
    plan, outcome = run(news.orphans())
    assert columns(plan) == [(f"news.{column}", "strong", 1, True)]
    assert codes(plan.kept) == {b"p/a.jpg": Code.UNLISTED}
    assert (outcome.error, news.media.files) == ("", {b"p/a.jpg"})


@pytest.mark.parametrize("references", [["image"], ["image", "body"]])
def test_a_text_in_a_listed_column_is_searched(sqlite_news: Site, references: list[str]) -> None:
    sqlite_news.media.write("p/a.jpg", "p/b.jpg", "q/b.jpg", "p/lost.jpg")
    rows = [{"id": 1, "image": "p/b.jpg"}, {"id": 2, "body": "a text with <img src='/media/p/a.jpg'>"}]
    sqlite_news.database.insert("news", rows)
    listed = [{"table": "news", "column": name} for name in references]
    plan, _outcome = run(sqlite_news.orphans(references=listed))
    # What a listed column references by itself is no mention of another file with that name.
    assert columns(plan) == [("news.body", "strong", 1, True)]
    assert sqlite_news.media.files == {b"p/a.jpg", b"p/b.jpg"}


def test_a_name_alone_keeps_all_files_of_that_name(news: Site) -> None:
    news.media.write("p/1/a.jpg", "p/2/a.jpg", "p/2/b.jpg")
    news.database.insert("news", [{"id": 1, "body": "uploaded as a.jpg"}])
    plan, _outcome = run(news.orphans())
    assert columns(plan) == [("news.body", "weak", 2, True)]
    assert news.media.files == {b"p/1/a.jpg", b"p/2/a.jpg"}


def test_a_record_is_kept_with_its_file_that_is_mentioned(news: Site) -> None:
    news.media.write("p/a.jpg", "p/b.jpg")
    news.insert("p/a.jpg", "p/b.jpg")
    news.database.insert("news", [{"id": 1, "body": "see p/a.jpg"}])
    plan, outcome = run(news.incomplete())
    assert (found(plan), outcome.removed.files) == ([b"p/b.jpg"], 1)
    assert codes(plan.kept) == {b"p/a.jpg": Code.UNLISTED}
    assert news.images == ["p/a.jpg"]
    assert news.media.files == {b"p/a.jpg"}


@pytest.mark.parametrize("on_missing", ["delete", "clear"])
def test_a_missing_record_is_kept_whose_companion_is_mentioned(news: Site, on_missing: str) -> None:
    news.media.write("t/a.jpg", "t/b.jpg")
    news.insert("p/a.jpg", thumbnail="t/a.jpg")
    news.insert("p/b.jpg", thumbnail="t/b.jpg")
    news.database.insert("news", [{"id": 1, "body": "see t/a.jpg"}])
    plan, _outcome = run(news.missing(companion_columns=["thumbnail"], on_missing=on_missing))
    assert found(plan) == [b"p/b.jpg"]
    assert news.media.files == {b"t/a.jpg"}


def test_a_derived_file_that_is_mentioned_keeps_its_record(sqlite_news: Site) -> None:
    sqlite_news.media.write("p/a.jpg", "CACHE/images/p/a/1.jpg")
    sqlite_news.insert("p/a.jpg")
    sqlite_news.database.insert("news", [{"id": 1, "body": "/media/CACHE/images/p/a/1.jpg"}])
    plan, _outcome = run(sqlite_news.incomplete(derived=["CACHE/images/{dir}/{stem}/*"]))
    assert (found(plan), len(sqlite_news.media.files)) == ([], 2)


@pytest.mark.parametrize("mentioned", ["p/a.jpg", "CACHE/images/p/a/1.jpg"])
def test_derived_files_are_kept_with_a_source_that_is_mentioned_and_the_reverse(
    sqlite_news: Site, mentioned: str
) -> None:
    together = {"p/a.jpg", "CACHE/images/p/a/1.jpg", "CACHE/images/p/a/2.jpg", "thumbs/p/a.jpg.png"}
    sqlite_news.media.write(*together, "p/b.jpg", "CACHE/images/p/b/1.jpg")
    sqlite_news.database.insert("news", [{"id": 1, "body": f"<img src='/media/{mentioned}'>"}])
    derived = ["CACHE/images/{dir}/{stem}/*", "thumbs/{dir}/{name}.png"]
    plan, outcome = run(sqlite_news.orphans(derived=derived))
    assert outcome.removed.files == 2
    assert sqlite_news.media.files == {os.fsencode(path) for path in together}
    assert plan.examined["derived"] == (3 if mentioned == "p/a.jpg" else 2)


@pytest.mark.parametrize("mentioned", ["v/list.m3u8", "v/1.ts"])
def test_segments_are_kept_with_a_playlist_that_is_mentioned_and_the_reverse(
    sqlite_news: Site, mentioned: str
) -> None:
    sqlite_news.media.write("v/list.m3u8", "v/1.ts", "v/2.ts", "w/other.m3u8", "w/9.ts")
    sqlite_news.database.insert("news", [{"id": 1, "body": mentioned}])
    run(sqlite_news.orphans(derived=["{dir}/*.ts"]))
    assert sqlite_news.media.files == {b"v/list.m3u8", b"v/1.ts", b"v/2.ts"}


@pytest.mark.promise(9)
def test_a_file_is_kept_that_is_mentioned_by_the_name_of_a_link(sqlite_news: Site) -> None:
    sqlite_news.media.write("p/a.jpg", "p/b.jpg")
    sqlite_news.media.link("p/today.jpg", "a.jpg")
    sqlite_news.media.link("p/yesterday.jpg", "b.jpg")
    sqlite_news.database.insert("news", [{"id": 1, "body": "/media/p/today.jpg"}])
    plan, _outcome = run(sqlite_news.orphans())
    assert codes(plan.kept)[b"p/a.jpg"] == Code.UNLISTED
    assert sqlite_news.media.files == {b"p/a.jpg", b"p/today.jpg", b"p/yesterday.jpg"}


# What keeps nothing.


def test_rows_that_are_deleted_keep_nothing(site: Site) -> None:
    site.database.run(
        "ALTER TABLE photo ADD original_name text;"
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id) "
        "ON DELETE CASCADE, body text)"
    )
    site.media.write("p/1/a.jpg", "p/2/a.jpg")
    site.insert("p/1/a.jpg", "p/2/a.jpg", original_name="a.jpg")
    site.database.insert("note", [{"id": 1, "photo_id": 1, "body": "p/1/a.jpg"}])
    plan, outcome = run(site.incomplete(accept=site.accepting("referenced_row:note.photo_id")))
    assert (plan.kept.items, outcome.removed.records, site.media.files) == ([], 2, set())
    # The path may be relative to another folder: then it is that of the other file of this name.
    assert columns(plan) == [
        ("photo.original_name", "weak", 2, False),
        ("note.body", "strong", 1, False),
        ("note.body", "weak", 1, False),
    ]


def test_a_row_that_stays_keeps_the_file_that_it_mentions(site: Site) -> None:
    site.database.run("ALTER TABLE photo ADD original_name text")
    site.media.write("p/1/a.jpg", "p/2/a.jpg")
    site.insert("p/1/a.jpg", original_name="a.jpg")
    site.insert("p/2/a.jpg", original_name="a.jpg", content_type_id=1)
    plan, _outcome = run(site.incomplete())
    assert (found(plan), len(site.media.files)) == ([], 2)


def test_a_row_that_is_kept_after_all_keeps_the_file_that_it_mentions(site: Site) -> None:
    site.database.run("ALTER TABLE photo ADD original_name text")
    site.media.write("p/1/a.jpg", "p/2/b.jpg", "p/3/c.jpg")
    site.insert("p/1/a.jpg", original_name="b.jpg")
    site.insert("p/2/b.jpg", original_name="c.jpg")
    site.insert("p/3/c.jpg", original_name="")
    plan, _outcome = run(site.incomplete(keep=["p/1/a.jpg"]))
    assert (found(plan), len(site.media.files)) == ([], 3)


def test_a_row_that_was_not_approved_keeps_the_file_that_it_mentions(site: Site) -> None:
    site.database.run("ALTER TABLE photo ADD original_name text")
    site.media.write("p/1/a.jpg", "p/2/b.jpg")
    site.insert("p/1/a.jpg", original_name="")
    job = site.incomplete()
    token = run(job, check=True)[0].token
    site.insert("p/2/b.jpg", original_name="a.jpg")
    plan, _outcome = run(job, approved=token)
    assert (found(plan), len(site.media.files)) == ([], 2)
    assert codes(plan.kept) == {b"p/1/a.jpg": Code.UNLISTED, b"p/2/b.jpg": Code.NOT_APPROVED}


@pytest.mark.parametrize(
    "table", ["easy_thumbnails_source", "thumbnail_kvstore", "django_session", "django_admin_log"]
)
def test_caches_and_logs_keep_nothing(sqlite_site: Site, table: str) -> None:
    sqlite_site.database.run(f"CREATE TABLE {table} (name text)")
    sqlite_site.database.insert(table, [{"name": "p/a.jpg"}])
    sqlite_site.media.write("p/a.jpg")
    plan, _outcome = run(sqlite_site.orphans())
    assert columns(plan) == [(f"{table}.name", "strong", 1, False)]
    assert sqlite_site.media.files == set()


@pytest.mark.parametrize("entry", ["news", "news.body", "main.news.body", "main.news"])
def test_what_is_excluded_is_not_searched(sqlite_news: Site, entry: str) -> None:
    sqlite_news.media.write("p/a.jpg")
    sqlite_news.database.insert("news", [{"id": 1, "body": "p/a.jpg"}])
    plan, _outcome = run(sqlite_news.orphans(sweep_exclude=[entry]))
    assert (columns(plan), sqlite_news.media.files) == ([], set())


@pytest.mark.parametrize("entry", ["new", "news.bodi", "a.b.c"])
def test_what_is_excluded_must_exist(sqlite_news: Site, entry: str) -> None:
    with pytest.raises(CleanupError, match=r"news|no table"):
        run(sqlite_news.orphans(sweep_exclude=[entry]))


def test_without_the_sweep_nothing_is_searched_and_each_summary_says_so(sqlite_news: Site) -> None:
    sqlite_news.media.write("p/a.jpg")
    sqlite_news.database.insert("news", [{"id": 1, "body": "p/a.jpg"}])
    job = sqlite_news.orphans(sweep=False)
    plan, outcome = run(job)
    assert sqlite_news.media.files == set()
    assert "sweep: false" in result(describe(job, plan, outcome), False, False)["summary"]


# What is said of it.


def test_the_result_has_the_line_to_add(sqlite_news: Site) -> None:
    sqlite_news.media.write("p/a.jpg", "p/b.jpg")
    sqlite_news.database.insert("news", [{"id": 1, "image": "p/a.jpg", "body": "<img src='/media/p/b.jpg'>"}])
    job = sqlite_news.orphans()
    told = result(describe(job, *run(job, check=True)), False, False)
    line = "{table: news, column: image}"
    assert [(each["column"], each["reference"]) for each in told["unlisted"]] == [
        ("body", ""),
        ("image", line),
    ]
    assert f"add {line} to references" in told["summary"]
    assert told["found"]["files"] == 0


def test_a_folder_of_mentioned_files_is_no_unreferenced_folder(sqlite_news: Site) -> None:
    names = [f"n/{number}.jpg" for number in range(12)]
    sqlite_news.media.write(*names, "p/a.jpg")
    sqlite_news.insert("p/a.jpg")
    sqlite_news.database.insert("news", [{"id": n, "image": name} for n, name in enumerate(names)])
    plan, _outcome = run(sqlite_news.orphans(accept=[]))
    assert {kept.code for kept in plan.kept.items} == {Code.UNLISTED}
    sqlite_news.media.write("n/lost.jpg")
    plan, _outcome = run(sqlite_news.orphans(accept=[]))
    assert codes(plan.kept)[b"n"] == Code.UNREFERENCED_FOLDER
    assert len(sqlite_news.media.files) == 14


# The moment of removal.


@pytest.mark.promise(2)
@pytest.mark.parametrize("kind", ["orphans", "incomplete"])
def test_a_mention_that_came_after_the_plan_keeps_the_file(news: Site, kind: str) -> None:
    news.media.write("p/a.jpg", "p/b.jpg")
    if kind == "incomplete":
        news.insert("p/a.jpg", "p/b.jpg")
    with planned(getattr(news, kind)()) as made:
        news.database.insert("news", [{"id": 1, "body": "see p/a.jpg"}])
        outcome = made.apply()
    assert (outcome.kept.items[0].code, news.media.files) == (Code.UNLISTED, {b"p/a.jpg"})
    # A record stays with its file.
    assert news.images == (["p/a.jpg"] if kind == "incomplete" else [])


@pytest.mark.promise(2)
def test_a_record_is_cleared_only_if_nothing_mentions_its_companion_by_then(sqlite_news: Site) -> None:
    sqlite_news.media.write("t/a.jpg", "t/b.jpg")
    sqlite_news.insert("p/a.jpg", thumbnail="t/a.jpg")
    sqlite_news.insert("p/b.jpg", thumbnail="t/b.jpg")
    job = sqlite_news.missing(companion_columns=["thumbnail"], on_missing="clear")
    with planned(job) as made:
        sqlite_news.database.insert("news", [{"id": 1, "body": "see t/a.jpg"}])
        made.apply()
    assert sqlite_news.media.files == {b"t/a.jpg"}
    assert sqlite_news.images == ["p/a.jpg", None]


@pytest.mark.promise(2)
def test_rows_that_are_deleted_keep_nothing_at_the_removal_either(site: Site) -> None:
    site.database.run(
        "ALTER TABLE photo ADD original_name text;"
        "CREATE TABLE note (id integer PRIMARY KEY, photo_id integer REFERENCES photo (id) "
        "ON DELETE CASCADE, body text); CREATE TABLE news (id integer PRIMARY KEY, body text)"
    )
    site.media.write("p/1/a.jpg", "p/2/b.jpg")
    site.insert("p/1/a.jpg", original_name="a.jpg")
    site.insert("p/2/b.jpg", original_name="b.jpg")
    site.database.insert("note", [{"id": 1, "photo_id": 1, "body": "p/1/a.jpg"}])
    with planned(site.incomplete(accept=site.accepting("referenced_row:note.photo_id"))) as made:
        site.database.insert("news", [{"id": 1, "body": "p/2/b.jpg"}])
        outcome = made.apply()
    assert (outcome.removed.records, site.images, site.media.files) == (1, ["p/2/b.jpg"], {b"p/2/b.jpg"})


def _mention_while_moved(site: Site, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Let a mention be committed when the first files were moved, and not confirmed."""
    sync = BatchWriter.sync
    mentions = iter([{"id": 1, "body": path}])

    def mentioned(writer: BatchWriter) -> None:
        sync(writer)
        for mention in mentions:
            site.database.insert("news", [mention])

    monkeypatch.setattr(BatchWriter, "sync", mentioned)


@pytest.mark.promise(2)
@pytest.mark.parametrize("kind", ["orphans", "incomplete"])
def test_a_mention_that_comes_during_the_removal_brings_the_file_back(
    news: Site, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    news.media.write("p/a.jpg", "p/b.jpg")
    if kind == "incomplete":
        news.insert("p/a.jpg", "p/b.jpg")
    _mention_while_moved(news, monkeypatch, "see p/a.jpg")
    with planned(getattr(news, kind)()) as made:
        outcome = made.apply()
    assert (outcome.error, news.media.files) == ("", {b"p/a.jpg"})
    assert codes(outcome.kept) == {b"p/a.jpg": Code.UNLISTED}


@pytest.mark.promise(2)
def test_a_search_that_fails_while_files_are_moved_brings_all_back(
    news: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    news.media.write("p/a.jpg", "p/b.jpg")
    _mention_while_moved(news, monkeypatch, "nothing")
    with planned(news.orphans()) as made:
        texts = Texts.read_texts

        def failing(self: Any, searched: Any, *arguments: Any, **options: Any) -> Any:
            if news.database.rows("SELECT * FROM news"):
                raise _too_long()
            return texts(self, searched, *arguments, **options)

        monkeypatch.setattr(Texts, "read_texts", failing)
        outcome = made.apply()
    assert "could not be searched" in outcome.error
    assert (outcome.removed.files, news.media.files) == (0, {b"p/a.jpg", b"p/b.jpg"})


@pytest.mark.parametrize(("seconds", "searches"), [(0.0, 2), (60.0, 4)])
def test_what_is_searched_during_a_removal_takes_no_longer_than_that(
    sqlite_news: Site, read: list[str], monkeypatch: pytest.MonkeyPatch, seconds: float, searches: int
) -> None:
    monkeypatch.setattr(at_removal, "SECONDS_TO_REPEAT", seconds)
    monkeypatch.setattr(at_removal, "SHARE_TO_REPEAT", 0.0)
    monkeypatch.setattr(orphans, "AT_ONCE", 1)
    sqlite_news.media.write("p/a.jpg", "p/b.jpg")
    with planned(sqlite_news.orphans()) as made:
        sqlite_news.database.insert("news", [{"id": 9, "body": "something else"}])
        _mention_while_moved(sqlite_news, monkeypatch, "nothing")
        made.apply()
    assert read.count("news") == searches
    assert sqlite_news.media.files == set()


# What cannot be searched.


@pytest.mark.promise(14)
def test_a_search_that_does_not_end_in_time_refuses_the_plan(
    news: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LIMIT_SECONDS", 0)
    news.media.write("p/a.jpg")
    news.database.insert("news", [{"id": 1, "body": "nothing"}])
    plan, outcome = run(news.orphans())
    assert (guards(plan), outcome) == (["sweep"], None)
    assert "the time was up" in plan.refusals[0].message
    assert "sweep_exclude: [news]" in plan.refusals[0].message
    assert news.media.files == {b"p/a.jpg"}


def test_a_table_that_may_not_be_read_refuses_the_plan(postgresql: Any, media: Any) -> None:
    site = Site(postgresql, media)
    postgresql.run("CREATE TABLE secret (body text); DROP ROLE IF EXISTS sweeper; CREATE ROLE sweeper LOGIN;")
    postgresql.run("GRANT SELECT ON photo TO sweeper; GRANT USAGE ON SCHEMA public TO sweeper")
    try:
        media.write("p/a.jpg")
        url = postgresql.url.replace("://postgres", "://sweeper", 1)
        plan, outcome = run(site.orphans(database_url=url))
        assert (guards(plan), outcome) == (["sweep"], None)
        (refusal,) = plan.refusals
        assert 'GRANT SELECT ON "public"."secret" TO "sweeper";' in refusal.message
        assert "sweep_exclude: [secret]" in refusal.message
        assert run(site.orphans(database_url=url, sweep_exclude=["secret"]))[1].removed.files == 1
    finally:
        postgresql.run("DROP OWNED BY sweeper; DROP ROLE sweeper")


@pytest.mark.promise(1)
def test_a_table_that_is_locked_refuses_the_plan(
    postgresql: Any, media: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(postgresql, media)
    postgresql.run("CREATE TABLE news (body text); CREATE TABLE zoo (body text)")
    media.write("p/a.jpg")
    monkeypatch.setattr(postgresql_module, "LOCK_TIMEOUT", "50ms")
    with postgresql.connect() as migration:
        migration.autocommit = False
        migration.cursor().execute("LOCK TABLE news")
        plan, outcome = run(site.orphans())
    assert (guards(plan), outcome, media.files) == (["sweep"], None, {b"p/a.jpg"})
    assert "the table news could not be searched" in plan.refusals[0].message
    assert run(site.orphans())[1].removed.files == 1


@pytest.mark.promise(1)
def test_a_connection_that_is_lost_in_the_search_removes_nothing(
    postgresql: Any, media: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(postgresql, media)
    media.write("p/a.jpg")
    texts = Texts.read_texts

    def cut(*arguments: Any, **options: Any) -> Any:
        postgresql.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return texts(*arguments, **options)

    monkeypatch.setattr(Texts, "read_texts", cut)
    with pytest.raises(DatabaseError):
        run(site.orphans())
    assert media.files == {b"p/a.jpg"}


@pytest.mark.promise(1)
def test_a_search_that_fails_refuses_the_plan(news: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    news.media.write("p/a.jpg")
    texts = Texts.read_texts

    def failing(self: Any, searched: Any, *arguments: Any, **options: Any) -> Any:
        texts(self, searched, *arguments, **options)
        if searched.name == "news":
            raise _too_long()

    monkeypatch.setattr(Texts, "read_texts", failing)
    plan, outcome = run(news.orphans())
    assert (guards(plan), outcome, news.media.files) == (["sweep"], None, {b"p/a.jpg"})


def test_a_job_without_files_needs_no_search(sqlite_news: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite_news.media.write("p/a.jpg")
    sqlite_news.insert("p/gone.jpg")

    def failing(*_arguments: Any, **_options: Any) -> Any:
        raise _too_long()

    monkeypatch.setattr(Texts, "read_texts", failing)
    let_clock_tick()
    jobs = [sqlite_news.orphans(), sqlite_news.missing()]
    ended = runs.run_all(jobs, False, [], lambda _job: nullcontext())
    assert [guards(run.plan) for run in ended if run.plan] == [["sweep"] * 2, []]
    assert (sqlite_news.images, sqlite_news.media.files) == ([], {b"p/a.jpg"})


def test_a_search_that_fails_at_the_removal_removes_nothing(
    news: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    news.media.write("p/a.jpg")
    with planned(news.orphans()) as made:

        def failing(*_arguments: Any, **_options: Any) -> Any:
            raise _too_long()

        news.database.insert("news", [{"id": 1, "body": ""}])
        monkeypatch.setattr(Texts, "read_texts", failing)
        outcome = made.apply()
    assert "could not be searched" in outcome.error
    assert (outcome.removed.files, news.media.files) == (0, {b"p/a.jpg"})


def _too_long() -> DatabaseError:
    return DatabaseError("searching it failed: it took too long.")


# Once for all jobs, and only if there are candidates.


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that are searched."""
    found: list[str] = []
    texts = Texts.read_texts

    def counted(self: Any, searched: Any, *arguments: Any, **options: Any) -> Any:
        found.append(searched.name)
        return texts(self, searched, *arguments, **options)

    monkeypatch.setattr(Texts, "read_texts", counted)
    return found


@pytest.mark.parametrize("is_written", [False, True])
def test_the_search_is_repeated_before_the_removal_if_something_was_written(
    news: Site, read: list[str], is_written: bool
) -> None:
    news.media.write("p/a.jpg")
    with planned(news.orphans()) as made:
        assert sorted(read) == ["news", "photo"]
        if is_written:
            news.database.insert("news", [{"id": 1, "body": "something else"}])
        made.apply()
    assert sorted(read) == sorted(["news", "photo"] * (2 if is_written else 1))
    assert news.media.files == set()


def test_the_database_is_read_once_for_all_jobs(news: Site, read: list[str]) -> None:
    news.media.write("p/lost.jpg", "p/a.jpg", "t/b.jpg")
    news.insert("p/a.jpg", "p/gone.jpg")
    let_clock_tick()
    jobs = [news.orphans(), news.incomplete(), news.missing()]
    ended = runs.run_all(jobs, True, [], lambda _job: nullcontext())
    assert [run.plan.found.files for run in ended if run.plan] == [2, 1, 0]
    assert sorted(read) == ["news", "photo"]


def test_each_job_of_a_session_has_its_own_exclusions(sqlite_news: Site) -> None:
    sqlite_news.media.write("p/a.jpg", "q/b.jpg", "q/c.jpg")
    rows = [
        {"id": 1, "image": "p/a.jpg", "body": "p/a.jpg"},
        {"id": 2, "image": "q/b.jpg", "body": "q/c.jpg"},
    ]
    sqlite_news.database.insert("news", rows)
    jobs = [
        sqlite_news.orphans(directories=["p"], sweep_exclude=["news"]),
        sqlite_news.orphans(directories=["q"], sweep_exclude=["news.body"]),
        sqlite_news.orphans(directories=["."], sweep=False),
    ]
    let_clock_tick()
    ended = runs.run_all(jobs, True, [], lambda _job: nullcontext())
    assert [found(run.plan) for run in ended if run.plan] == [
        [b"p/a.jpg"],
        [b"q/c.jpg"],
        [b"p/a.jpg", b"q/b.jpg", b"q/c.jpg"],
    ]


def test_nothing_is_searched_without_candidates(news: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Texts, "searched_columns", None)
    news.media.write("p/a.jpg")
    news.media.link("p/link.jpg", "a.jpg")
    news.insert("p/a.jpg", content_type_id=1)
    assert run(news.orphans())[0].refusals == []
    assert run(news.incomplete())[0].refusals == []
    assert run(news.missing())[0].refusals == []


def test_reasons_name_the_column(sqlite_news: Site) -> None:
    sqlite_news.media.write("p/a.jpg")
    sqlite_news.database.insert("news", [{"id": 1, "body": "p/a.jpg"}])
    plan, _outcome = run(sqlite_news.orphans(), check=True)
    assert reasons(plan.kept) == {b"p/a.jpg": "news.body mentions it"}
