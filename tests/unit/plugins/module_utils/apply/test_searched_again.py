# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The sweep at the moment of removal: when it is asked again, and what happens where it cannot be."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any, Callable

import pytest

from engine.apply import orphans
from engine.compare.mentions import at_removal
from engine.compare.names.at_removal import NamesAtRemoval
from engine.database.sqlite.database import SQLite
from engine.database.sweep import Sweep as Texts
from engine.errors import DatabaseError
from engine.quarantine.writer import BatchWriter
from helpers.builders import Hindrance, Site, planned, run

pytestmark = [pytest.mark.promise(2), pytest.mark.promise(14)]


@pytest.fixture
def news(sqlite_site: Site) -> Site:
    """A site with an application that nobody described."""
    sqlite_site.database.run("CREATE TABLE news (id integer PRIMARY KEY, body text)")
    return sqlite_site


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables that are searched."""
    found: list[str] = []
    after_each_search(monkeypatch, lambda table: found.append(table.name))
    return found


def after_each_search(monkeypatch: pytest.MonkeyPatch, do: Callable[[Any], object]) -> None:
    texts = Texts.read_texts

    def read(self: Any, table: Any, *arguments: Any, **options: Any) -> None:
        texts(self, table, *arguments, **options)
        do(table)

    monkeypatch.setattr(Texts, "read_texts", read)


def failing(*_arguments: Any, **_options: Any) -> Any:
    raise DatabaseError("searching it failed: it took too long.")


def insert(site: Site, number: int, body: str) -> None:
    site.database.insert("news", [{"id": number, "body": body}])


# When it is asked again.


def test_a_database_that_proves_nothing_is_searched_again(
    news: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SQLite, "change_mark", lambda _database: None)
    news.media.write("p/a.jpg", "p/b.jpg")
    with planned(news.orphans()) as made:
        insert(news, 1, "see p/a.jpg")
        made.apply()
    assert news.media.files == {b"p/a.jpg"}


def test_a_mention_that_came_in_the_midst_of_the_search_keeps_the_file(
    news: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    news.media.write("p/a.jpg", "p/b.jpg")
    mentions = iter(["see p/a.jpg"])

    def write(table: Any) -> None:
        for body in mentions if table.name == "news" else ():
            insert(news, 1, body)

    after_each_search(monkeypatch, write)
    with planned(news.orphans()) as made:
        made.apply()
    assert news.media.files == {b"p/a.jpg"}


def test_a_later_search_for_other_files_proves_nothing_of_the_first(news: Site) -> None:
    news.media.write("p/a.jpg", "p/b.jpg")
    with planned(news.orphans()) as made:
        insert(news, 1, "see p/a.jpg")
        assert [*made.session.sweep.found([b"p/late.jpg"])] == []
        made.apply()
    assert news.media.files == {b"p/a.jpg"}


@pytest.mark.promise(11)
def test_the_time_for_all_searches_during_a_removal_is_counted(
    news: Site, searched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a second by this clock, and two of them may be made."""
    monkeypatch.setattr(at_removal, "SECONDS_TO_REPEAT", 2.5)
    monkeypatch.setattr(at_removal, "SHARE_TO_REPEAT", 0.0)
    monkeypatch.setattr(orphans, "AT_ONCE", 1)
    news.media.write(*(f"p/{number}.jpg" for number in range(5)))
    with planned(news.orphans()) as made:
        insert(news, 1, "nothing")
        sync, numbers = BatchWriter.sync, itertools.count(2)

        def written(writer: BatchWriter) -> None:
            sync(writer)
            insert(news, next(numbers), "nothing")

        monkeypatch.setattr(BatchWriter, "sync", written)
        seconds = itertools.count()
        monkeypatch.setattr(at_removal, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
        made.apply()
    # For the plan, before the removal, and twice during it.
    assert searched.count("news") == 4
    assert news.media.files == set()


# Where it cannot be asked.


@pytest.mark.promise(1)
@pytest.mark.promise(4)
@pytest.mark.parametrize("on_missing", ["delete", "clear"])
def test_no_row_goes_where_the_files_cannot_be_searched_for(
    news: Site, monkeypatch: pytest.MonkeyPatch, on_missing: str
) -> None:
    news.media.write("t/a.jpg")
    news.insert("p/a.jpg", thumbnail="t/a.jpg")
    job = news.missing(companion_columns=["thumbnail"], on_missing=on_missing)
    with planned(job) as made:
        insert(news, 1, "")
        monkeypatch.setattr(Texts, "read_texts", failing)
        outcome = made.apply()
    assert "could not be searched" in outcome.error
    assert (news.images, news.media.files) == (["p/a.jpg"], {b"t/a.jpg"})


@pytest.mark.promise(1)
def test_no_file_is_moved_where_it_cannot_be_searched_for(
    news: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[bytes] = []
    news.media.write("p/a.jpg")
    with planned(news.orphans()) as made:
        insert(news, 1, "")
        monkeypatch.setattr(Texts, "read_texts", failing)
        outcome = made.apply(Hindrance(moved.append))
    assert "could not be searched" in outcome.error
    assert (moved, news.media.files) == ([], {b"p/a.jpg"})


@pytest.mark.promise(1)
@pytest.mark.parametrize("asked", ["doubts_after", "other_names_after"])
def test_what_cannot_be_read_after_the_move_brings_all_back(
    news: Site, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    def unreadable(names: NamesAtRemoval, _paths: Any) -> Any:
        names._store.unreadable.add((b"old", "Input/output error"))
        return {}

    monkeypatch.setattr(NamesAtRemoval, asked, unreadable)
    news.media.write("p/a.jpg", "p/b.jpg")
    _plan, outcome = run(news.orphans())
    assert "the media store cannot be read any more (old: Input/output error)" in outcome.error
    assert (outcome.removed.files, news.media.files) == (0, {b"p/a.jpg", b"p/b.jpg"})
