# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The project on a new database: filled and used by Django, cleaned by the engine."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterator, Mapping
from urllib.parse import parse_qs, urlsplit

import psycopg2
from django.db import connection, connections, transaction

from engine import run as jobs
from engine.config.jobs import orphans_job, records_job
from engine.config.site import OrphansJob, RecordsJob
from engine.report import data, words
from engine.report.describe import describe
from helpers.options import or_for_good

# A schema beside the usual one, for PostgreSQL.
SCHEMA = "stats"
# Paths that some sites have in several rows.
SHARED = [f"shared_path:photos/{name}.jpg" for name in (*range(10), "same")]
# Every row of every table by its table, and within by its key.
Rows = dict[str, dict[Any, tuple[Any, ...]]]


@dataclass(frozen=True)
class Run:
    """What a run of the engine says: the result of the module, and why it is a failure, if it is one."""

    result: Mapping[str, Any]
    problems: str

    def __getitem__(self, name: str) -> Any:
        return self.result[name]

    def reasons(self) -> dict[str, str]:
        """Why things were left alone, by their names."""
        return {entry["name"]: entry["reason"] for entry in self["left_alone"]}


class Project:
    """The project with a database and a media root."""

    def __init__(self, database: Any, media: Path) -> None:
        self.database = database
        self.media = media

    @property
    def kind(self) -> str:
        return str(self.database.kind)

    def write(self, *paths: str, content: bytes = b"picture") -> None:
        for path in paths:
            file = self.media / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            os.utime(file, (1e9, 1e9))

    def remove_files(self) -> None:
        # Another folder in its place would be another media store.
        for entry in self.media.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    @property
    def files(self) -> set[str]:
        found = (path for path in self.media.rglob("*") if path.is_file())
        return {str(path.relative_to(self.media)) for path in found}

    def rows(self) -> Rows:
        """Every row of every table, as Django reads it."""
        found: Rows = {}
        with connection.cursor() as cursor:
            for name, written in self._tables(cursor):
                cursor.execute(f"SELECT * FROM {written}")
                # Django puts the key first.
                found[name] = {row[0]: tuple(row) for row in cursor.fetchall()}
        return found

    def _tables(self, cursor: Any) -> list[tuple[str, str]]:
        """The names of the tables, alone and as they are written in a statement."""
        if self.kind == "sqlite":
            cursor.execute("SELECT name, name FROM sqlite_master WHERE type = 'table'")
        elif self.kind == "mariadb":
            cursor.execute(
                "SELECT table_name, table_name FROM information_schema.tables WHERE table_schema = database()"
            )
        else:
            cursor.execute(
                "SELECT relname, oid::regclass::text FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', %s)",
                [SCHEMA],
            )
        return list(cursor.fetchall())

    def records(self, check: bool = False, approved_plan: str | None = None, **options: Any) -> Run:
        """Run ``missing`` or ``incomplete`` as the module photo_records would; every file is old enough."""
        self._age_files()
        rules = options.pop("dependents", ())
        options["dependents"] = [{**rule, "table": self._written(rule["table"])} for rule in rules]
        defaults = {**self.options, "age_stamp": "mtime", "confirm_scans": 1}
        job = records_job({**defaults, **or_for_good(options)})
        return self._run(job, check, approved_plan)

    def _age_files(self) -> None:
        """Files of this moment would keep their records."""
        for file in self.media.rglob("*"):
            if file.is_file() and not file.is_symlink() and file.stat().st_mtime != 1e9:
                os.utime(file, (1e9, 1e9))

    def _written(self, table: str) -> str:
        """A table as a description names it: one of them lies in a schema of its own."""
        is_apart = self.kind == "postgresql" and table == "album_viewing"
        return f"{SCHEMA}.{table}" if is_apart else table

    def orphans(self, check: bool = False, **options: Any) -> Run:
        """Run ``orphans`` as the module media_orphans would; every file is old enough."""
        # But for those of this very moment: the clock of a file system ticks every 10 ms.
        time.sleep(0.02)
        return self._run(orphans_job({**self.options, "older_than_hours": 0, **or_for_good(options)}), check)

    @property
    def options(self) -> dict[str, Any]:
        return {
            "database_url": self.database.url,
            "media_root": str(self.media),
            "max_removal_percent": 100,
            # These sites are small, and lose all that they have.
            "accept": ["empty_media_root", "path_mismatch", "no_references", *SHARED],
        }

    def _run(self, job: OrphansJob | RecordsJob, check: bool, approved_plan: str | None = None) -> Run:
        plan, outcome = jobs.run(job, check, approved_plan)
        result = data.result(describe(job, plan, outcome), verbose=True, with_diff=False)
        return Run(result, words.problems(outcome))

    def rows_after(self, change: Callable[[], Any]) -> Rows:
        """Every row as it would be after something that Django does; it is rolled back."""
        with transaction.atomic(), foreign_keys_deferred():
            change()
            # What a commit would check.
            connection.check_constraints()
            found = self.rows()
            transaction.set_rollback(True)
        return found


def foreign_keys_deferred() -> ContextManager[object]:
    """Where a database checks foreign keys at once, let it not check them for a while."""
    can_defer = connection.features.can_defer_constraint_checks
    return nullcontext() if can_defer else connection.constraint_checks_disabled()


def on_server(url: str, *statements: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)


def of_postgresql(url: str, database: str) -> str:
    return urlsplit(url)._replace(path=f"/{database}").geturl()


def copy_mariadb(template: Any, database: Any) -> None:
    """Copy the tables of one database of MariaDB to another one, which is empty."""
    name = urlsplit(template.url).path[1:]
    tables = [table for (table,) in template.rows("SHOW TABLES")]
    definitions = [template.rows(f'SHOW CREATE TABLE "{table}"')[0][1] for table in tables]
    filled = [f'INSERT INTO "{table}" SELECT * FROM "{name}"."{table}"' for table in tables]
    database.run("; ".join(["SET foreign_key_checks = 0", *definitions, *filled]))


def file_of(database: Any) -> Path:
    return Path(database.url[len("sqlite:///") :])


def changes(before: Rows, after: Rows) -> dict[str, dict[str, int]]:
    """How many rows of each table are gone, and how many are others now."""
    counts = {}
    for table, rows in before.items():
        gone = rows.keys() - after[table].keys()
        others = [key for key in rows.keys() - gone if rows[key] != after[table][key]]
        if gone or others:
            counts[table] = {"deleted": len(gone), "updated": len(others)}
    return counts


@contextmanager
def used_by_django(url: str) -> Iterator[None]:
    """Let Django work on this database."""
    if url.startswith("sqlite:"):
        settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": url[len("sqlite:///") :]}
    elif url.startswith("mysql:"):
        parts = urlsplit(url)
        settings = {
            "ENGINE": "django.db.backends.mysql",
            "NAME": parts.path[1:],
            "USER": parts.username,
            "HOST": parse_qs(parts.query)["unix_socket"][0],
        }
    else:
        settings = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": urlsplit(url).path[1:],
            "USER": urlsplit(url).username,
            "HOST": urlsplit(url).query.partition("host=")[2],
            "OPTIONS": {"options": f"-c search_path=public,{SCHEMA}"},
        }
    del connections["default"]
    connections.databases.update(connections.configure_settings({"default": settings}))
    try:
        yield
    finally:
        connections["default"].close()
