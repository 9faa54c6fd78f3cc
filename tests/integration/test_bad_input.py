# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""What cannot be meant, read, reached or understood is told in one line, and nothing is touched."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest

from engine import run as jobs
from engine.config.jobs import orphans_job
from engine.database.sqlite import database as engine
from engine.errors import DatabaseError
from helpers.ansible_runs import Ansible
from helpers.cases import WRITTEN, Cases, fill, misjudged, of, wrongly_told
from helpers.clock import until
from helpers.modules import Task, not_told, run_module
from helpers.sites import Site


def test_options_that_cannot_be_meant(sqlite_site: Site):
    site = sqlite_site
    fill(site)
    (site.media / "linked").symlink_to("photos")
    (site.media / "outside").symlink_to("/")
    (site.media / "photos" / "linked").symlink_to("2024")
    before = site.state()
    root = str(site.media)
    orphans, records = site.orphans, site.records
    cases: Cases = {
        "relative root": (orphans(media_root="media"), ["'media' is not an absolute path"]),
        "no root": (orphans(media_root=f"{root}/no"), [f"'{root}/no' does not exist", "mounted?"]),
        "no root for records": (records(media_root=f"{root}/no"), [f"'{root}/no' does not exist"]),
        "root is a file": (orphans(media_root=f"{root}/photos/1.jpg"), ["is not a directory"]),
        "no directory": (orphans(directories=["photo"]), ["'photo' does not exist below", root]),
        "directory is a file": (orphans(directories=["photos/1.jpg"]), ["'1.jpg' is a file"]),
        "leaves by ..": (orphans(directories=["../x"]), ["'../x' holds '..'", "out of media_root"]),
        "inner ..": (orphans(directories=["photos/../avif"]), ["holds '..'"]),
        "absolute": (orphans(directories=["/photos"]), ["'/photos' is absolute", "such as item_photos"]),
        "link": (orphans(directories=["linked"]), ["'linked' is a symbolic link", "not followed"]),
        "link outside": (orphans(directories=["outside/etc"]), ["'outside' is a symbolic link"]),
        "inner link": (orphans(directories=["photos/linked"]), ["'linked' is a symbolic link"]),
        "overlap": (orphans(directories=["photos", "photos/2024"]), ["photos/2024 is in photos"]),
        "overlap with all": (orphans(directories=[".", "avif"]), ["overlap: avif is in ."]),
        "twice": (orphans(directories=["photos", "photos/"]), ["one directory twice: photos, photos/"]),
        "no directories": (orphans(directories=[]), ["directories is empty"]),
        "no references": (orphans(references=[]), ["references is empty", "every file would be an orphan"]),
        "negative hours": (orphans(older_than_hours=-1), ["older_than_hours is -1", "0 or more"]),
        "negative hours for records": (records(older_than_hours=-1), ["older_than_hours is -1"]),
        "percent below 0": (orphans(max_removal_percent=-1), ["max_removal_percent is -1", "from 0 to 100"]),
        "percent above 100": (records(max_removal_percent=101), ["is 101", "from 0 to 100"]),
        "percent in words": (orphans(max_removal_percent="half"), ["max_removal_percent", "half"]),
        "negative list": (orphans(max_listed=-1), ["max_listed is -1"]),
        "age stamp": (orphans(age_stamp="birth"), ["age_stamp", "newest, mtime, ctime", "birth"]),
        "marker": (orphans(marker="../mounted"), ["marker '../mounted' holds '..'"]),
        "derived": (orphans(derived=["CACHE/*"]), ["derived: the pattern 'CACHE/*'", "{dir}"]),
        "derived outside": (orphans(derived=["../{dir}/{name}"]), ["must be below media_root"]),
        "no plan": (orphans(approved_plan="yes"), ["approved_plan cannot be read", "as it is"]),
        "select": (records(select="orphans"), ["select", "missing, incomplete"]),
        "label": (records(label="title"), ["no column 'title'", "Its columns are: content_type_id"]),
        "label without key": (records(label="image.title"), ["collection_photo.image is no foreign key"]),
        "unattached": (
            records(select="incomplete", unattached_column="item_id"),
            ["no column 'item_id'", "content_type_id"],
        ),
        "uploaded at": (
            records(select="incomplete", uploaded_at_column="created"),
            ["no column 'created'", "uploaded_at"],
        ),
        "time zone": (
            records(select="incomplete", time_zone="Mars/Olympus"),
            ["time_zone 'Mars/Olympus'", "Europe/Vienna"],
        ),
        "dependents": (
            records(dependents=[{"table": "no_such", "column": "photo_id", "action": "delete"}]),
            ["there is no table 'no_such'"],
        ),
    }
    assert wrongly_told(cases) == {}
    assert site.state() == before


@pytest.mark.promise(7)
def test_a_plan_of_another_job_or_other_options_is_not_taken(sqlite_site: Site):
    fill(sqlite_site)
    orphans, records = sqlite_site.orphans, sqlite_site.records
    of_orphans, of_missing = (run_module(task, check=True) for task in (orphans(), records()))
    before = sqlite_site.state()
    cases: Cases = {
        "other job": (records(approved_plan=of_orphans["plan"]), ["a plan for the job 'orphans'"]),
        "other selection": (
            records(select="incomplete", approved_plan=of_missing["plan"]),
            ["a plan for the job 'missing'"],
        ),
        "other directories": (
            orphans(directories=["photos"], approved_plan=of_orphans["plan"]),
            ["other options", "Make the plan again"],
        ),
        "cut short": (orphans(approved_plan=of_orphans["plan"][:-9]), ["approved_plan cannot be read"]),
    }
    assert wrongly_told(cases) == {}
    assert sqlite_site.state() == before


def test_tables_and_columns_that_cannot_be_meant(site: Site):
    fill(site)
    site.database.run(
        "CREATE TABLE no_key (image varchar(100));"
        "CREATE VIEW view_of_photos AS SELECT id, image FROM collection_photo;"
        "INSERT INTO no_key VALUES ('photos/gone.jpg')"
    )
    before = site.state()

    def naming(table: str, column: str) -> Task:
        return site.orphans(references=[{"table": table, "column": column}])

    evil = 'photo"; DROP TABLE collection_photo; --'
    cases: Cases = {
        "table": (naming("photos", "image"), ["there is no table 'photos'", "APP_MODEL in lower case"]),
        "table of records": (site.records(table="photos"), ["there is no table 'photos'"]),
        "quoted": (naming(evil, "image"), ["there is no table"]),
        "column": (naming("collection_photo", "file"), ["no column 'file'", "Its columns are:", "image"]),
        "column of records": (site.records(file_column="file"), ["no column 'file'"]),
        "companion": (site.records(companion_columns=["thumb"]), ["no column 'thumb'"]),
        "quoted column": (naming("collection_photo", 'image" --'), ["no column"]),
        "type": (
            naming("collection_photo", "content_type_id"),
            ["collection_photo.content_type_id has the type", "cannot hold a path", "ImageField"],
        ),
        "type of a time": (site.records(file_column="uploaded_at"), ["cannot hold a path"]),
        "no key": (
            site.records(table="no_key", companion_columns=[]),
            ["table no_key has no primary key"],
        ),
        "view": (
            site.records(table="view_of_photos", companion_columns=[]),
            ["view_of_photos has no primary key"],
        ),
    }
    if site.database.kind == "postgresql":
        cases["schema"] = naming("gallery.collection_photo", "image"), ["has no schema 'gallery'"]
        cases["table in schema"] = naming("public.photos", "image"), ["no table 'public.photos'", "'public'"]
    assert wrongly_told(cases) == {}
    assert site.state() == before


def test_every_kind_of_primary_key_works(site: Site):
    uuid = "uuid" if site.database.kind == "postgresql" else "char(32)"
    tables = {
        "by_integer": "id integer, PRIMARY KEY (id)",
        "by_bigint": "id bigint, PRIMARY KEY (id)",
        "by_uuid": f"id {uuid}, PRIMARY KEY (id)",
        "by_text": "id varchar(40), PRIMARY KEY (id)",
        '"Group"': "part varchar(9), id integer, PRIMARY KEY (part, id)",
    }
    ids: dict[str, list[Any]] = {
        "by_uuid": ["6f1f6a50b3de4f1b8a1d2f4ad6b2a001", "6f1f6a50b3de4f1b8a1d2f4ad6b2a002"],
        "by_text": ["it's", 'say "gone" %s'],
    }
    site.write("photos/kept.jpg")
    for table, key in tables.items():
        site.database.run(f"CREATE TABLE {table} (image varchar(100), {key})")
        part = {"part": "é"} if "part" in key else {}
        kept, gone = ids.get(table, [1, 2])
        site.database.insert(table, [{**part, "id": kept, "image": "photos/kept.jpg"}])
        site.database.insert(table, [{**part, "id": gone, "image": "photos/gone.jpg"}])

    tasks = [site.records(table=table.strip('"'), companion_columns=[]) for table in tables]
    results = [run_module(task) for task in tasks]

    assert [result["removed"]["records"] for result in results] == [1] * 5, results
    for table in tables:
        assert site.database.rows(f"SELECT image FROM {table}") == [("photos/kept.jpg",)]
    assert results[4]["records"][0]["key"] == "é, 2"


def test_a_sqlite_database_that_cannot_be_used(sqlite_site: Site, tmp_path: Path):
    fill(sqlite_site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "text.sqlite3").write_text("This is no database, but long enough to be read as one." * 99)
    (elsewhere / "empty.sqlite3").touch()
    with closing(sqlite3.connect(elsewhere / "utf16.sqlite3")) as connection:
        connection.executescript("PRAGMA encoding = 'UTF-16le'; CREATE TABLE collection_photo (image text)")
    before = sqlite_site.state()

    def at(path: str) -> Task:
        return sqlite_site.orphans(database_url=f"sqlite:///{path}")

    cases: Cases = {
        "absent": (at(f"{elsewhere}/no.sqlite3"), ["does not exist", "never created"]),
        "absent for records": (
            sqlite_site.records(database_url=f"sqlite:///{elsewhere}/no.sqlite3"),
            ["does not exist", "never created"],
        ),
        "directory": (at(str(elsewhere)), ["is not a file"]),
        "relative": (at("db.sqlite3"), ["absolute path", "four slashes"]),
        "text": (
            at(f"{elsewhere}/text.sqlite3"),
            ["not a database", "Set database_url to Django's database file"],
        ),
        "empty": (at(f"{elsewhere}/empty.sqlite3"), ["there is no table 'collection_photo'"]),
        "UTF-16": (at(f"{elsewhere}/utf16.sqlite3"), ["UTF-16le", "Rebuild it as UTF-8"]),
        "scheme": (
            sqlite_site.orphans(database_url="oracle://user:Hush-42@db/site"),
            ["'oracle'", "not supported", "postgresql://", "mysql://", "sqlite:////"],
        ),
        "no scheme": (sqlite_site.orphans(database_url="Hush-42/db.sqlite3"), ["no scheme"]),
    }
    assert wrongly_told(cases) == {}
    assert sqlite_site.state() == before


def test_ansible_shows_each_kind_of_error_in_one_line_and_no_traceback(site: Site, ansible: Ansible):
    """The long lists of this file run the modules without Ansible; this runs a few of them with it."""
    fill(site)
    before = site.state()
    unknown = [{"table": "photos", "column": "image"}]
    cases: Cases = {
        "Ansible's own check": (site.orphans(max_removal_percent="half"), ["max_removal_percent", "half"]),
        "option": (site.orphans(older_than_hours=-1), ["older_than_hours is -1"]),
        "directory": (site.orphans(directories=["photo"]), ["'photo' does not exist below"]),
        "table": (site.orphans(references=unknown), ["there is no table 'photos'"]),
        "column of records": (site.records(file_column="file"), ["no column 'file'"]),
    }
    run = ansible.tasks(*of(cases))
    assert misjudged(cases, run.results) == {}
    for result in run.results:
        assert f": {result['msg']}\n" in run.output
    assert "Traceback" not in run.output
    assert site.state() == before


def test_a_locked_sqlite_database_is_waited_for_and_then_told(
    sqlite_site: Site, monkeypatch: pytest.MonkeyPatch
):
    """In this process, where the wait can be made short."""
    fill(sqlite_site)
    before = sqlite_site.state()
    monkeypatch.setattr(engine, "BUSY_TIMEOUT", 0.05)
    (options,) = sqlite_site.orphans().values()
    with sqlite_site.database.connect() as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseError, match="locked") as caught:
            jobs.run(orphans_job(options), check=False)
    assert "\n" not in str(caught.value)
    assert sqlite_site.state() == before


def with_user(url: str, user: str, password: str = WRITTEN) -> str:
    return urlsplit(url)._replace(netloc=f"{user}:{password}@").geturl()


@contextmanager
def asking_for_passwords(database: Any, role: str) -> Iterator[None]:
    """Let the server ask one role for its password."""
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD 'another'")
    [(written,)] = database.rows("SHOW hba_file")
    rules = Path(written).read_text()
    Path(written).write_text(f"local all {role} scram-sha-256\n{rules}")

    def asks() -> bool:
        try:
            with closing(psycopg2.connect(with_user(database.url, role, "wrong"))):
                return False
        except psycopg2.OperationalError:
            return True

    try:
        database.rows("SELECT pg_reload_conf()")
        until(asks)
        yield
    finally:
        Path(written).write_text(rules)
        database.rows("SELECT pg_reload_conf()")


def test_a_postgresql_that_cannot_be_used(postgresql: Any, tmp_path: Path):
    site = Site(tmp_path, postgresql)
    fill(site)
    before = site.state()
    url = postgresql.url
    database = urlsplit(url).path[1:]
    nobody, reader, stranger = (f"{name}_{database}" for name in ("nobody", "reader", "stranger"))
    postgresql.run(
        f"CREATE ROLE {nobody} LOGIN; CREATE ROLE {reader} LOGIN;GRANT SELECT ON collection_photo TO {reader}"
    )

    def at(written: str) -> Task:
        return site.orphans(database_url=written)

    remote = f"postgresql://kit:{WRITTEN}@"
    cases: Cases = {
        "down": (at(f"{remote}127.0.0.1:1/kit"), ["connecting to the database failed", "127.0.0.1"]),
        "no socket": (at(f"{remote}/kit?host=/no/such"), ["connecting to the database failed", "/no/such"]),
        "no host": (
            at(f"{remote}no-such.invalid/kit"),
            ["connecting to the database failed", "no-such.invalid"],
        ),
        "password": (at(with_user(url, stranger)), ["password authentication failed", stranger]),
        "no role": (at(with_user(url, "no_such_role")), ['role "no_such_role" does not exist']),
        "no database": (
            at(with_user(url, "postgres").replace(f"/{database}?", "/no_such_site?")),
            ['database "no_such_site" does not exist'],
        ),
        "port": (at(f"{remote}127.0.0.1:port/kit"), ['invalid integer value "port"', "Check database_url"]),
        "brackets": (at(f"{remote}[::1/kit"), ["database_url is not a URL"]),
        "option": (at(f"{remote}/kit?no_such_option=1"), ["does not know: no_such_option"]),
        "percent": (at("postgresql://kit:Hush-42%@/kit"), ["database_url is not a URL", "Percent-encode"]),
        "may not read": (
            at(with_user(url, nobody)),
            ["permission denied for table collection_photo", "Grant the privilege"],
        ),
        "may not delete": (
            site.records(database_url=with_user(url, reader)),
            ["permission denied for table collection_photo", "Grant the privilege", "rolled back"],
        ),
    }
    with asking_for_passwords(postgresql, stranger):
        assert wrongly_told(cases) == {}
    assert site.state() == before


@pytest.mark.untraced
def test_a_python_without_a_driver_is_told_with_its_path_and_the_remedy(
    sqlite_site: Site, tmp_path: Path, ansible: Ansible
):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    variables = {"vars": {"ansible_python_interpreter": str(bare / "bin" / "python")}}
    task = {**sqlite_site.orphans(database_url=f"postgresql://kit:{WRITTEN}@db/kit"), **variables}
    fill(sqlite_site)
    [result, on_sqlite] = ansible.results(task, {**sqlite_site.orphans(), **variables})
    words = ["neither psycopg2 nor psycopg 3", str(bare / "bin" / "python"), "python3-psycopg2", "pip"]
    assert not_told({"": result["msg"]}, {"": words}) == {}
    assert on_sqlite["removed"]["files"] == 2
