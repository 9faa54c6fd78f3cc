# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Where a project's database and media store are, and which other storages lie in that store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.config.django.answer import facts_of
from engine.config.django_jobs.place import Place, database_url, place_of, place_options
from engine.errors import SiteError
from helpers.django_answers import answer, database, storage

SECRET = "p@ss/w:rd?#%"


def url_of(**parts: Any) -> str:
    facts = facts_of(answer(databases={"default": database(**parts)}))
    return database_url(facts.databases["default"], facts.directory)


def postgresql(**parts: Any) -> str:
    return url_of(**{"engine": "django.db.backends.postgresql", "name": "album", **parts})


@pytest.mark.parametrize(
    ("parts", "url"),
    [
        ({}, "postgresql:///album"),
        ({"user": "web", "host": "db.internal"}, "postgresql://web@db.internal/album"),
        ({"host": "db", "port": "6432"}, "postgresql://db:6432/album"),
        ({"host": "/run/pg", "port": "5433"}, "postgresql:///album?host=%2Frun%2Fpg&port=5433"),
        ({"host": "one,two"}, "postgresql:///album?host=one%2Ctwo"),
        ({"host": "::1", "port": "5432"}, "postgresql://[::1]:5432/album"),
        ({"options": {"sslmode": "require", "isolation_level": 4}}, "postgresql:///album?sslmode=require"),
        (
            {"name": "", "options": {"service": "site", "passfile": ".pass"}},
            "postgresql:///?service=site&passfile=.pass",
        ),
        ({"options": {"assume_role": "a b"}}, "postgresql:///album?options=-c%20role%3Da%5C%20b"),
        ({"engine": "django.contrib.gis.db.backends.postgis"}, "postgresql:///album"),
        ({"engine": "django_prometheus.db.backends.postgresql"}, "postgresql:///album"),
    ],
)
def test_a_postgresql_database_has_this_url(parts: dict[str, Any], url: str) -> None:
    assert postgresql(**parts) == url


@pytest.mark.promise(12)
def test_a_password_of_any_characters_is_one_password() -> None:
    url = postgresql(user="w@b", password=SECRET, host="db")
    assert url == "postgresql://w%40b:p%40ss%2Fw%3Ard%3F%23%25@db/album"


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("/srv/site/db.sqlite3", "sqlite:////srv/site/db.sqlite3"),
        ("data/db.sqlite3", "sqlite:////srv/project/data/db.sqlite3"),
        ("/srv/a b?#%.db", "sqlite:////srv/a%20b%3F%23%25.db"),
    ],
)
def test_a_relative_sqlite_name_begins_in_the_project(name: str, url: str) -> None:
    assert url_of(name=name) == url


@pytest.mark.parametrize(
    "parts",
    [
        {"name": ":memory:"},
        {"name": "file:db?mode=memory"},
        {"name": ""},
        {"engine": "django.db.backends.oracle", "name": "album"},
    ],
)
def test_what_has_no_url_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(SiteError, match="et database_url as well"):
        url_of(**parts)


def test_mysql_has_its_socket_as_a_parameter() -> None:
    parts = {"engine": "django.db.backends.mysql", "name": "album", "user": "web", "password": "a b"}
    assert url_of(**parts, host="db", port="3307") == "mysql://web:a%20b@db:3307/album"
    socket = url_of(**parts, host="/run/mysqld/mysqld.sock", port="3306")
    assert socket == "mysql://web:a%20b@/album?unix_socket=%2Frun%2Fmysqld%2Fmysqld.sock"
    ssl = url_of(**parts, host="db", options={"ssl": {"ca": "/ca.pem"}, "init_command": "SET x"})
    assert ssl == "mysql://web:a%20b@db/album?ssl_ca=%2Fca.pem"


def test_an_alias_that_is_not_there_is_refused_with_those_that_are() -> None:
    facts = facts_of(answer())
    with pytest.raises(SiteError, match="no 'legacy'; it has default"):
        place_of(facts, "legacy", None)
    with pytest.raises(SiteError, match="STORAGES of the project has no 'private'; it has default"):
        place_of(facts, None, "private")


def test_the_store_is_that_of_the_alias() -> None:
    private = storage("/srv/private/", aliases=["private"], base_url="")
    facts = facts_of(answer(storages=[storage(aliases=["default"]), private]))
    options = place_options(facts, place_of(facts, None, "private"))
    assert options == {"media_root": "/srv/private/", "media_url": "/media/"}


@pytest.mark.parametrize("parts", [{"kind": "other"}, {"is_plain": False}])
def test_a_storage_with_code_of_its_own_is_no_place(parts: dict[str, Any]) -> None:
    facts = facts_of(answer(storages=[storage(aliases=["default"], class_name="site.Odd", **parts)]))
    with pytest.raises(SiteError, match=r"site\.Odd"):
        place_options(facts, place_of(facts, None, None))


def prefix(of: str, store: str, **parts: Any) -> str | None:
    facts = facts_of(answer(storages=[storage(store, aliases=["default"]), storage(of, **parts)]))
    return place_of(facts, None, None).prefix_of(facts.storages[1])


def test_another_storage_of_the_same_folder_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    media = tmp_path / "media"
    (media / "private").mkdir(parents=True)
    (tmp_path / "link").symlink_to("media")
    store = str(media)
    for written in (store, f"{store}/", f"{store}/private/..", str(tmp_path / "link")):
        assert prefix(written, store) == ""
        assert prefix(f"{written}/private", store) == "private"
    assert prefix(f"{store}2", store) is None
    assert prefix(str(tmp_path), store) is None
    assert prefix(store, store, is_plain=False) is None


def test_a_bucket_is_the_same_by_its_endpoint_name_and_prefix() -> None:
    bucket = {"kind": "s3", "bucket": "uploads", "location": "media"}
    facts = facts_of(
        answer(
            storages=[
                storage(aliases=["default"], **bucket),
                storage(**{**bucket, "location": "media/private"}),
                storage(**{**bucket, "endpoint_url": "https://other"}),
                storage(),
            ]
        )
    )
    place: Place = place_of(facts, None, None)
    assert place_options(facts, place)["media_root"] == "s3://uploads/media"
    assert [place.prefix_of(one) for one in facts.storages] == ["", "private", None, None]


def test_a_project_without_a_media_root_says_no_place(tmp_path: Path) -> None:
    facts = facts_of(
        answer(media_root="", directory=str(tmp_path), storages=[storage(str(tmp_path), aliases=["default"])])
    )
    with pytest.raises(SiteError, match="no MEDIA_ROOT"):
        place_options(facts, place_of(facts, None, None))


def test_a_folder_is_the_same_by_what_it_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second mount of the media root has another path that no link leads to."""
    monkeypatch.setattr("os.path.samefile", lambda one, other: {one, other} == {"/mnt/again", "/srv/media"})
    assert prefix("/mnt/again", "/srv/media") == ""
    assert prefix("/mnt/again/private", "/srv/media") == "private"
    assert prefix("/mnt/other", "/srv/media") is None
