# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Small sites with every kind of file and row, on which runs of every job are tried."""

from __future__ import annotations

import os
import shutil
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterable, NamedTuple

from engine import run as jobs
from engine.apply.restore import Restored, restore
from engine.config import jobs as sites
from engine.config.site import AgeLimit, Site
from engine.errors import BusyError
from engine.kept import Kept
from engine.plan.plan import Totals
from engine.quarantine import store as quarantine
from engine.quarantine.format import FILES
from helpers.builders import rules_by_null
from helpers.clock import let_clock_tick

JOBS = ("orphans", "incomplete", "missing")
TWO_DAYS_AGO = "2020-01-02 03:04:05+00:00"

SCHEMA = """
CREATE TABLE album (id integer PRIMARY KEY, title varchar(50) NOT NULL, cover_id integer
  REFERENCES photo (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE photo (id integer PRIMARY KEY, image varchar(300) NOT NULL, thumb varchar(300),
  slug varchar(50) NOT NULL UNIQUE, content_type_id integer,
  uploaded_at timestamp with time zone NOT NULL,
  album_id integer REFERENCES album (id) DEFERRABLE INITIALLY DEFERRED,
  edited_from_id integer REFERENCES photo (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE favorite (id integer PRIMARY KEY, photo_id integer NOT NULL
  REFERENCES photo (id) DEFERRABLE INITIALLY DEFERRED, note text);
"""
CIRCLE = "REFERENCES photo (id) DEFERRABLE INITIALLY DEFERRED);"


def everything(root: bytes | str | Path, directories: bool = False) -> dict[bytes, Any]:
    """All below a directory, however deep; times of directories are left out."""
    found: dict[bytes, Any] = {}
    top = os.fsencode(root)
    for parent, inner, names, handle in os.fwalk(top, follow_symlinks=False):
        below = parent[len(top) :].lstrip(b"/")
        for name in (*names, *(inner if directories else ())):
            status = os.stat(name, dir_fd=handle, follow_symlinks=False)
            marks = (stat.filemode(status.st_mode), status.st_uid, status.st_gid)
            is_directory = stat.S_ISDIR(status.st_mode)
            times = () if is_directory else (status.st_mtime_ns,)
            found[os.path.join(below, name)] = (*marks, *times, _content(handle, name, status))
    return found


def _content(handle: int, name: bytes, status: os.stat_result) -> bytes:
    if not stat.S_ISREG(status.st_mode):
        return b""
    # Looking must not touch what is looked at.
    with open(os.open(name, os.O_RDONLY | os.O_NOATIME, dir_fd=handle), "rb") as file:
        return file.read()


def dump(database: Any) -> dict[str, list[Any]]:
    """Every row of every table, in a form in which equal rows are equal: in Python, NaN is not."""
    with database.connect() as connection:
        cursor = connection.cursor()
        if database.kind == "sqlite":
            connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            wanted = "SELECT * FROM {}"
        elif database.kind == "mariadb":
            cursor.execute("SHOW TABLES")
            wanted = "SELECT * FROM {}"
        else:
            cursor.execute(
                "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables "
                "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
            )
            wanted = "SELECT t::text FROM {} AS t"
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(wanted.format(table))
            found[table] = sorted(map(tuple, cursor.fetchall()), key=repr)
        return found


class Report(NamedTuple):
    """What a restore has done, in a form that can be compared."""

    totals: Totals
    updated: int
    absent: set[bytes]
    paths: list[bytes]
    kept: list[Kept]


def report_of(restored: Restored) -> Report:
    return Report(
        restored.totals, restored.updated, restored.absent, restored.paths.items, restored.kept.items
    )


class Seconds(AgeLimit):
    """A patience of less than an hour, which no option can ask for."""

    @property
    def seconds(self) -> float:  # type: ignore[override]
        return self.older_than_hours / 1000


class FullSite:
    """A small site with every kind of file and row, and the quarantine of its runs."""

    # Names of orphans that have to survive as they are.
    odd_names: tuple[bytes, ...] = (b"photos/caf\xe9\n.jpg", b"thumbs/" + 250 * b"t")

    def __init__(self, folder: Path, database: Any, kept_in: Path | None = None) -> None:
        self.media = folder / "media"
        self.quarantine = (kept_in or folder) / "quarantine"
        self.media.mkdir(parents=True)
        self._set_up(database, str(self.media), str(self.quarantine))

    def _set_up(self, database: Any, media_root: str, quarantine_root: str) -> None:
        self.database = database
        self.options: dict[str, Any] = {
            "database_url": database.url,
            "media_root": media_root,
            "quarantine": quarantine_root,
            "max_removal_percent": 100,
            "older_than_hours": 24,
            "age_stamp": "mtime",
            "exclude": [".*"],
            # An album has lost its cover and an edited photo its original, when these are removed.
            "accept": ["referenced_row:album.cover_id", "referenced_row:photo.edited_from_id"],
        }
        self._make_tables()
        self._fill()
        self.start = self.state()

    def _make_tables(self) -> None:
        if self.database.kind == "sqlite":
            self.database.run(SCHEMA)
            return
        tables = SCHEMA.replace(
            "cover_id integer\n  REFERENCES photo (id) DEFERRABLE INITIALLY DEFERRED", "cover_id integer"
        )
        script = f"{tables} ALTER TABLE album ADD FOREIGN KEY (cover_id) {CIRCLE[:-2]};"
        if self.database.kind == "mariadb":
            script = script.replace(" DEFERRABLE INITIALLY DEFERRED", "")
            script = script.replace("timestamp with time zone", "datetime(6)")
        self.database.run(script)

    def _fill(self) -> None:
        self.database.insert("album", [{"id": 1, "title": "summer"}, {"id": 2, "title": "winter"}])
        for number in range(1, 5):
            self.photo(number, f"photos/kept {number}.jpg", content_type_id=7, album_id=1)
        self.photo(11, "photos/never attached.jpg", thumb="thumbs/never attached.jpg")
        self.photo(12, "photos/näver attached.jpg", edited_from_id=11)
        self.photo(13, "photos/2/a/never attached.jpg", thumb="thumbs/shared.jpg")
        self.photo(14, "photos/young.jpg", uploaded_at="2999-01-01 00:00:00+00:00", thumb="thumbs/shared.jpg")
        self.photo(21, "photos/gone.jpg", content_type_id=7, on_disk=False, album_id=2)
        self.photo(22, "photos/gone too.jpg", content_type_id=7, on_disk=False, edited_from_id=21)
        self.write("thumbs/never attached.jpg", "thumbs/shared.jpg")
        self.write("photos/left over.jpg", "photos/2/b/left over.jpg", *self.odd_names)
        rows = [(1, 1), (2, 11), (3, 13), (4, 21), (5, 22)]
        self.database.insert("favorite", [{"id": n, "photo_id": p, "note": f"№ {n}"} for n, p in rows])
        self.database.run(
            "UPDATE album SET cover_id = 12 WHERE id = 1; UPDATE album SET cover_id = 21 WHERE id = 2"
        )

    def written(self, moment: str) -> str:
        """A moment as Django writes it into this database."""
        return moment.replace("+00:00", "") if self.database.kind == "mariadb" else moment

    def photo(self, number: int, image: str, on_disk: bool = True, **more: Any) -> None:
        row = {"id": number, "image": image, "slug": f"photo-{number}", "uploaded_at": TWO_DAYS_AGO, **more}
        self.database.insert("photo", [{**row, "uploaded_at": self.written(row["uploaded_at"])}])
        if on_disk:
            self.write(image)

    def write(self, *paths: str | bytes, content: bytes | None = None, hours: float = 48) -> None:
        for path in paths:
            file = self.path(path)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "wb") as opened:
                opened.write(b"picture " + os.fsencode(path) if content is None else content)
            os.chmod(file, 0o640)
            if os.geteuid() == 0:
                os.chown(file, 1001, 1002)
            past = time.time() - hours * 3600
            os.utime(file, (past, past))

    def path(self, path: str | bytes) -> bytes:
        return os.path.join(os.fsencode(self.media), os.fsencode(path))

    def site(self) -> Site:
        return sites.site(self.options)

    def job(self, name: str, **more: Any) -> Any:
        """The job of that name; ``patience`` in milliseconds stands for hours."""
        patience = more.pop("patience", None)
        options = {**self.options, **more}
        if name == "orphans":
            columns = [{"table": "photo", "column": "image"}, {"table": "photo", "column": "thumb"}]
            options = {"directories": ["photos", "thumbs"], "references": columns, **options}
            job: Any = sites.orphans_job(options)
        else:
            columns = {"table": "photo", "file_column": "image", "companion_columns": ["thumb"]}
            options = {"dependents": rules_by_null(self.database), **options}
            job = sites.records_job({"select": name, **columns, **options})
        return job if patience is None else replace(job, age_limit=Seconds(patience, "newest"))

    def run(self, name: str, check: bool = False, **more: Any) -> Any:
        """Run a job here and now, and return its plan and its outcome."""
        return jobs.run(self.job(name, **more), check)

    @property
    def place(self) -> Any:
        """Where the quarantine is, as the engine names it."""
        return os.fsencode(self.quarantine)

    def batches(self) -> list[str]:
        return [info.name for info in quarantine.batches(self.place)]

    @property
    def in_quarantine(self) -> list[str]:
        """What is in the quarantine beside the state of the site."""
        return sorted(name for name in os.listdir(self.quarantine) if name != ".state")

    def restore(self, batch: str, *paths: str, check: bool = False) -> Restored:
        return restore(self.site(), batch, paths, check)

    def restore_all(self) -> None:
        # The newest first: a row comes back after the file that a later run took.
        for info in reversed(quarantine.batches(self.place)):
            # A run that was killed right at its beginning leaves a batch of nothing.
            if info.files or info.rows:
                self.restore(info.name)

    @property
    def files_at_start(self) -> set[bytes]:
        return {path for path, file in self.start[0].items() if file[0][0] != "d"}

    def files(self) -> dict[bytes, Any]:
        """All that is there, without directories."""
        return everything(self.media)

    def state(self) -> tuple[Any, Any]:
        return everything(self.media, directories=True), dump(self.database)

    def kept(self) -> dict[bytes, Any]:
        """Every file that is in a batch, by the path from which it came."""
        found = {}
        for name in self.batches():
            place = self.quarantine / name / FILES
            stored = everything(place) if place.exists() else {}
            with quarantine.opened(os.fsencode(self.quarantine), name) as batch:
                for file in batch.files():
                    if file.stored.encode() in stored:
                        found[file.path] = stored[file.stored.encode()]
        return found

    def forget_batches(self) -> None:
        shutil.rmtree(self.quarantine, ignore_errors=True)


def settled(full_site: FullSite) -> FullSite:
    """the site, once it is older than any run that begins now."""
    let_clock_tick()
    return full_site


def cleaning(full_site: FullSite, name: str, **more: Any) -> Callable[[], object]:
    return lambda: full_site.run(name, **more)


def cleaned(full_site: FullSite, names: Iterable[str] = ("incomplete", "missing", "orphans")) -> None:
    """Clean the site without any fault. A file that a crash left goes as an orphan."""
    for name in names:
        _plan, outcome = full_site.run(name)
        assert outcome is not None
        assert not outcome.error
        assert not outcome.failed.total


def restoring(full_site: FullSite) -> Callable[[], object]:
    return full_site.restore_all


def finish(action: Callable[[], object]) -> None:
    """Do it; wait for a server process that has not yet noticed that its client is dead."""
    for _attempt in range(200):
        try:
            action()
            return
        except BusyError:  # noqa: PERF203
            time.sleep(0.01)
    action()
