# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Builders that the tests of the engine share: media, sites, random trees, a powerless user."""

from __future__ import annotations

import gc
import os
import subprocess
import time
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Iterable, Iterator

import pytest
from hypothesis import strategies as st

from engine import run as runs
from engine.apply.outcome import Outcome
from engine.apply.remover import PermanentRemover, Remover
from engine.config.jobs import orphans_job, records_job
from engine.config.options import ACCEPTABLE
from engine.config.site import OrphansJob, RecordsJob
from engine.database import connect
from engine.media.local import (
    FileState,
    LocalStore,
)
from engine.media.walk import exclusion
from engine.plan.plan import Plan
from engine.session import Session, open_session
from helpers.clock import let_clock_tick
from helpers.options import or_for_good

# Deeper than PATH_MAX, and than the handles that a walk keeps open.
DEEP = [b"d" * 120] * 50

# Bytes around the slash in sorting, and those that break careless programs.
_LETTERS = [b"-", b".", b"0", b"a", b"~", b"\n", b"\xff", "é".encode()]
NAMES = (
    st.lists(st.sampled_from(_LETTERS), min_size=1, max_size=4)
    .map(b"".join)
    .filter(lambda name: name not in (b".", b".."))
)
_PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)


def _without_files_on_the_way(paths: set[bytes]) -> list[bytes]:
    return sorted(path for path in paths if not any(other.startswith(path + b"/") for other in paths))


# Paths of files that can all be there at once.
TREES = st.sets(_PATHS, max_size=25).map(_without_files_on_the_way)

CAFE, DECOMPOSED = "p/Café.jpg", unicodedata.normalize("NFD", "p/Café.jpg")
# A file on disk, and another spelling of its path that a database may hold.
SPELLINGS = [
    *(("p/a.jpg", value) for value in ("/p/a.jpg", "./p/a.jpg", "p//a.jpg", "p/./a.jpg", "p/x/../a.jpg")),
    *(("p/a.jpg", value) for value in ("p\\a.jpg", "p/a%2Ejpg", "p%2fa.jpg")),
    *(("p/a.jpg", value) for value in ("media/p/a.jpg", "/media/p/a.jpg")),
    ("p/a.jpg", "https://cdn.example.org/media/p/a.jpg"),
    *(
        ("p/a.jpg", value)
        for value in ("p/a.jpg?v=2", "p/a.jpg#t=10", "/media/p/a.jpg?v=2#t", " p/a.jpg\r\n")
    ),
    ("p/a b.jpg", "p/a%20b.jpg"),
    ("p/a?b.jpg", "p/a%3Fb.jpg?v=2"),
    ("p/a#b.jpg", "p/a#b.jpg?v=2"),
    ("p/a?b.jpg", "p/a?b.jpg#t"),
    ("p/a%20b.jpg", "p/a b.jpg"),
    ("p/a%20b.jpg", "p/a%2520b.jpg"),
    ("p/50%.jpg", "p/50%25.jpg"),
    (CAFE, DECOMPOSED),
    (CAFE, "p/Caf%C3%A9.jpg"),
    (CAFE, "media/p/Caf%C3%A9.jpg"),
    (DECOMPOSED, CAFE),
    (DECOMPOSED, "p/Caf%C3%A9.jpg"),
    (DECOMPOSED, "/media/p/Caf%C3%A9.jpg"),
    (DECOMPOSED, f"media/{CAFE}"),
]

# As Django declares every foreign key.
DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
TO_PHOTO = f"REFERENCES photo (id) {DEFERRED}"


def cut(items: list[bytes], sizes: Iterable[int]) -> Iterator[list[bytes]]:
    """Cut a list into pieces of these sizes, over and over; none is empty."""
    sizes = [size for size in sizes if size > 0] or [1]
    start = 0
    while start < len(items):
        for size in sizes:
            if items[start : start + size]:
                yield items[start : start + size]
            start += size


class Media:
    """A media root that a test fills."""

    def __init__(self, root: str | Path) -> None:
        self.root = os.fsencode(root)
        os.makedirs(self.root, exist_ok=True)

    def path(self, path: str | bytes) -> bytes:
        return os.path.join(self.root, os.fsencode(path))

    def write(self, *paths: str | bytes, hours: float = 48, content: bytes = b"picture") -> None:
        """Write files that were last modified so many hours ago."""
        for path in paths:
            file = self.path(path)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            with open(file, "wb") as opened:
                opened.write(content)
            moment = time.time() - hours * 3600
            os.utime(file, (moment, moment))

    def mkdir(self, *paths: str | bytes) -> None:
        for path in paths:
            os.makedirs(self.path(path), exist_ok=True)

    def link(self, path: str | bytes, target: str | bytes | Path) -> None:
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        os.symlink(os.fsencode(target), self.path(path))

    def rename(self, old: str | bytes, new: str | bytes) -> None:
        os.rename(self.path(old), self.path(new))

    @property
    def files(self) -> set[bytes]:
        """Everything below the root that is not a directory."""
        found = set()
        for parent, directories, files in os.walk(self.root):
            links = [name for name in directories if os.path.islink(os.path.join(parent, name))]
            found.update(os.path.relpath(os.path.join(parent, name), self.root) for name in files + links)
        return found

    @property
    def untouched(self) -> list[Any]:
        """What a run that changes nothing leaves equal: names, inodes, sizes, times."""
        found = []
        for parent, directories, files in os.walk(self.root):
            for name in [b".", *directories, *files]:
                path = os.path.join(parent, name)
                status = os.lstat(path)
                stamps = (status.st_mtime_ns, status.st_ctime_ns)
                found.append((path, status.st_ino, status.st_mode, status.st_size, *stamps))
        return sorted(found)


@dataclass
class Planned:
    """A plan that was made and not yet applied, so that a test can come in between."""

    plan: Any
    job: OrphansJob | RecordsJob
    session: Session

    @property
    def store(self) -> Any:
        return self.session.media

    def apply(self, remover: Remover | None = None) -> Outcome:
        kind = runs.KINDS[self.job.name]
        return kind.apply(self.session, self.job, self.plan, remover or PermanentRemover())


@contextmanager
def planned(
    job: OrphansJob | RecordsJob,
    approved: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Planned]:
    """Make a plan as modules do, and let the test come in before it is applied."""
    let_clock_tick()
    kind = runs.KINDS[job.name]
    with open_session(job.site, read_only=not kind.deletes_rows) as session:
        session.progress = progress
        yield Planned(kind.planner(session, job, approved).planned(), job, session)


def before_removal(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Let something happen after a plan was made and before the first thing of it is removed."""
    remover_of = runs.remover_of

    def late(*arguments: Any) -> Remover:
        happens()
        return remover_of(*arguments)

    monkeypatch.setattr(runs, "remover_of", late)


class Hindrance(PermanentRemover):
    """Removes files, and lets a test come in right before each of them goes."""

    def __init__(self, before: Callable[[bytes], object]) -> None:
        self._before = before

    def remove(self, store: LocalStore, path: bytes, state: FileState) -> None:
        self._before(path)
        super().remove(store, path, state)


def on_full_disk(**_options: Any) -> IO[bytes]:
    """What ``tempfile.TemporaryFile`` gives where the disk is full: an error of whatever is written."""
    return Path("/dev/full").open("r+b")


class Site:
    """A site with one table of photos in the shape of Django's, and the jobs on it."""

    def __init__(self, database: Any, media: Media) -> None:
        self.database = database
        self.media = media
        self._last = 0
        database.run(
            "CREATE TABLE photo (id integer PRIMARY KEY, image varchar(300), thumbnail varchar(300), "
            "content_type_id integer, uploaded_at timestamp with time zone)"
        )

    @property
    def basics(self) -> dict[str, Any]:
        """Options without the guards that a small test would always run into."""
        return {
            "name": "kit",
            "database_url": self.database.url,
            "media_root": os.fsdecode(self.media.root),
            "media_url": "/media/",
            "max_removal_percent": 100,
            "accept": list(ACCEPTABLE),
            "include_likely_moves": True,
            # Rows without an age would be removed by the second run only.
            "confirm_scans": 1,
        }

    def accepting(self, *doubts: str) -> list[str]:
        """What ``accept`` says, with some doubts about single things."""
        return [*self.basics["accept"], *doubts]

    def lift_limits(self) -> None:
        """Let the columns of paths hold more than a path can be long; SQLite limits none."""
        if self.database.url.startswith("postgresql"):
            self.database.run("ALTER TABLE photo ALTER image TYPE text, ALTER thumbnail TYPE text")

    def insert(self, *images: str | None, hours: float = 48, **values: Any) -> None:
        """Insert a row for each image, uploaded so many hours ago and not attached to anything."""
        uploaded = time.strftime("%Y-%m-%d %H:%M:%S+00:00", time.gmtime(time.time() - hours * 3600))
        for image in images:
            self._last += 1
            row = {"id": self._last, "image": image, "uploaded_at": uploaded, **values}
            self.database.insert("photo", [row])

    @property
    def images(self) -> list[str]:
        return [image for (image,) in self.database.rows("SELECT image FROM photo ORDER BY id")]

    def orphans(self, **options: Any) -> OrphansJob:
        """The job ``orphans``. No test can age a ctime, so the mtime tells the age."""
        return orphans_job(
            {
                **self.basics,
                "directories": ["."],
                "references": [{"table": "photo", "column": "image"}],
                "age_stamp": "mtime",
                **or_for_good(options),
            }
        )

    def missing(self, **options: Any) -> RecordsJob:
        """The job ``missing``; the mtime tells the age of files here too."""
        own = {"table": "photo", "file_column": "image", "age_stamp": "mtime"}
        return records_job({**self.basics, **own, **or_for_good(options)})

    def incomplete(self, **options: Any) -> RecordsJob:
        return self.missing(select="incomplete", **options)


def run(job: OrphansJob | RecordsJob, check: bool = False, approved: str | None = None) -> tuple[Plan, Any]:
    """Run a job as modules do, once its files are older than the run."""
    let_clock_tick()
    return runs.run(job, check, approved)


def found(plan: Plan) -> list[bytes]:
    """The paths, or the files of the records, that a plan would remove."""
    return [item.path if hasattr(item, "path") else item.file for item in plan.items]


def reasons(listed: Any) -> dict[bytes, str]:
    """Why things were left alone, by name."""
    return {skipped.name: skipped.reason for skipped in listed.items}


def guards(plan: Plan) -> list[str]:
    return [refusal.guard for refusal in plan.refusals]


def open_handles() -> int:
    # What an earlier test has left to the collector must not be counted once, and then not.
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def walked(tree: LocalStore, directory: bytes = b"", *exclude: str) -> list[bytes]:
    return [run.prefix + name for run in tree.walk(directory, exclusion(exclude)) for name in run.names]


def unseen(tree: LocalStore) -> dict[bytes, str]:
    return dict(tree.unreadable.items)


def state_of(tree: LocalStore, path: bytes) -> FileState:
    state = tree.check(path).state
    assert state is not None
    return state


class FailingOs:
    """Stands in for ``os`` where a disk or a network file system is out of order."""

    def __init__(self, function: str, number: int, name: bytes) -> None:
        self._failing = (function, number, name)

    def __getattr__(self, attribute: str) -> Any:
        function, number, name = self._failing
        real = getattr(os, attribute)
        if attribute != function:
            return real

        def called(path: Any, *arguments: Any, **options: Any) -> Any:
            if path == name:
                raise OSError(number, os.strerror(number))
            return real(path, *arguments, **options)

        return called


def hand_over(media: Media) -> None:
    """Let nobody own all of a media root."""
    if os.geteuid() == 0:
        subprocess.run(["chown", "-R", "65534:65534", media.root], check=True)


def rule(table: str, column: str, action: str, **more: Any) -> dict[str, Any]:
    return {"table": table, "column": column, "action": action, **more}


def rules(*written: str) -> list[dict[str, Any]]:
    """Rules of dependents, each written as ``TABLE.COLUMN ACTION``."""
    parts = (text.rpartition(" ") for text in written)
    return [rule(*name.rsplit(".", 1), action) for name, _space, action in parts]


def rules_by_null(database: Any, root: str = "photo") -> list[dict[str, Any]]:
    """The rules of models that say CASCADE of each key that is NOT NULL, and SET_NULL of the others.

    They are for all tables from which foreign keys without a rule of the database lead to rows of ``root``,
    or to rows that are deleted with them.
    """
    with connect(database.url, read_only=True) as opened:
        found, pending, seen = [], [opened.table(root)], set()
        while pending:
            target = pending.pop()
            seen.add(target)
            for key in opened.foreign_keys():
                if (key.target_schema, key.target_table) != target.identity:
                    continue
                table = opened.table(f"{key.schema}.{key.table}")
                if key.on_delete == "CASCADE" and table not in seen:
                    pending.append(table)
                if key.on_delete != "NO ACTION":
                    continue
                empty = next((name for name in key.columns if table.columns[name].nullable), None)
                found.append(rule(table.name, empty or key.columns[0], "set_null" if empty else "delete"))
                if not empty and table not in seen:
                    pending.append(table)
    return found


def ids(site: Site, table: str) -> list[int]:
    return [number for (number,) in site.database.rows(f"SELECT id FROM {table} ORDER BY id")]


def taken_along(job: Any) -> dict[str, dict[str, int]]:
    """Run a job that ends well, and tell what became of the rows that depend on its records."""
    plan, outcome = run(job)
    assert outcome.error == ""
    assert outcome.dependents == plan.dependents
    return plan.dependents


def keys(plan: Any) -> list[str]:
    return [record.shown_key for record in plan.items]
