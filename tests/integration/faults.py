# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""A harness that breaks runs on purpose, and then looks whether anything was lost.

A run is a forked child: it is killed at the n-th step or at a random instant, a system call of it
fails, or its database connection is cut. Steps are the calls by which the engine touches the world.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import time
import traceback
from collections import Counter
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping

import psycopg2

from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import jobs, quarantine
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import site as sites
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.errors import (
    BusyError,
    CleanupError,
)
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.restore import Restored, restore

JOBS = ("orphans", "incomplete", "missing")
# Calls by which the engine touches the disk: any of them may be its last, or fail.
CALLS = (
    *("open", "stat", "lstat", "scandir", "listdir", "mkdir", "rename", "replace", "link", "unlink"),
    *("rmdir", "fsync", "fchown", "fchmod", "utime"),
)
ERRORS = (errno.EIO, errno.EACCES, errno.ENOSPC, errno.ESTALE)
# A file is young if the kernel may have stamped it by the clock tick in which the run began.
CLOCK_TICK = 0.012
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


class Seconds(sites.Patience):
    """A patience of less than an hour, which no option can ask for."""

    @property
    def seconds(self) -> float:  # type: ignore[override]
        return self.older_than_hours / 1000


class World:
    """A small site with every kind of file and row, and the quarantine of its runs."""

    def __init__(self, folder: Path, database: Any, kept_in: Path | None = None) -> None:
        self.database = database
        self.media = folder / "media"
        self.quarantine = (kept_in or folder) / "quarantine"
        self.options: dict[str, Any] = {
            "database_url": database.url,
            "media_root": str(self.media),
            "quarantine": str(self.quarantine),
            "max_removal_percent": 100,
            "older_than_hours": 24,
            "age_stamp": "mtime",
            "exclude": [".*"],
        }
        self.media.mkdir(parents=True)
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
        self.database.run(tables + "ALTER TABLE album ADD FOREIGN KEY (cover_id) " + CIRCLE[:-2] + ";")

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
        self.write(
            "photos/left over.jpg", b"photos/caf\xe9\n.jpg", "photos/2/b/left over.jpg", "thumbs/" + 250 * "t"
        )
        rows = [(1, 1), (2, 11), (3, 13), (4, 21), (5, 22)]
        self.database.insert("favorite", [{"id": n, "photo_id": p, "note": f"№ {n}"} for n, p in rows])
        self.database.run(
            "UPDATE album SET cover_id = 12 WHERE id = 1; UPDATE album SET cover_id = 21 WHERE id = 2"
        )

    def photo(self, number: int, image: str, on_disk: bool = True, **more: Any) -> None:
        row = {"id": number, "image": image, "slug": f"photo-{number}", "uploaded_at": TWO_DAYS_AGO, **more}
        self.database.insert("photo", [row])
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

    def site(self) -> sites.Site:
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
            job = sites.records_job({"select": name, **columns, **options})
        return job if patience is None else replace(job, patience=Seconds(patience, "newest"))

    def run(self, name: str, check: bool = False, **more: Any) -> Any:
        """Run a job here and now, and return its plan and its outcome."""
        return jobs.run(self.job(name, **more), check)

    def batches(self) -> list[str]:
        return [info.name for info in quarantine.batches(os.fsencode(self.quarantine))]

    def restore(self, batch: str, *paths: str, check: bool = False) -> Restored:
        return restore(self.site(), batch, paths, check)

    def restore_all(self) -> None:
        # The newest first: a row comes back after the file that a later run took.
        for info in reversed(quarantine.batches(os.fsencode(self.quarantine))):
            # A run that was killed right at its beginning leaves a batch of nothing.
            if info.files or info.rows:
                self.restore(info.name)

    @property
    def files_at_start(self) -> set[bytes]:
        return {path for path, file in self.start[0].items() if file[0][0] != "d"}

    def state(self) -> tuple[Any, Any]:
        return everything(self.media, directories=True), dump(self.database)

    def kept(self) -> dict[bytes, Any]:
        """Every file that is in a batch, by the path from which it came."""
        found = {}
        for batch in self.batches():
            folder = str(self.quarantine / batch)
            place = Path(folder) / quarantine.FILES
            stored = everything(place) if place.exists() else {}
            for file in quarantine.manifest(folder)[1]:
                if file.stored.encode() in stored:
                    found[file.path] = stored[file.stored.encode()]
        return found

    def forget_batches(self) -> None:
        shutil.rmtree(self.quarantine, ignore_errors=True)


def settled(world: World) -> World:
    """The world, once it is older than any run that begins now."""
    time.sleep(CLOCK_TICK)
    return world


# Faults.


@dataclass(frozen=True)
class Fault:
    """What goes wrong at which step. ``call`` narrows the steps to one kind of them."""

    kind: str
    step: int = 0
    call: str = ""
    error: int = 0
    lasting: bool = False

    def __str__(self) -> str:
        what = f"{errno.errorcode[self.error]} of {self.call}" if self.error else self.kind
        return f"{what}{' for good' if self.lasting else ''} at step {self.step}"


NO_FAULT = Fault("none")


class Steps:
    """Counts the steps of a process, and lets the fault happen at its step."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.count = 0

    def take(self, call: str, cut: Callable[[], None] | None = None) -> None:
        if self.fault.call and call != self.fault.call:
            return
        self.count += 1
        if self.count != self.fault.step and not (self.fault.lasting and self.count > self.fault.step):
            return
        if self.fault.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.fault.kind == "cut" and cut:
            cut()
        elif self.fault.error:
            raise OSError(self.fault.error, os.strerror(self.fault.error))

    def watch(self) -> None:
        """Turn this process's calls into steps; there is no way back, so do it in a child."""
        for name in CALLS:
            setattr(os, name, self._counted(name, getattr(os, name)))
        psycopg2.connect = self._connecting(psycopg2.connect)
        sqlite3.connect = self._connecting(sqlite3.connect)

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.take(name)
            return call(*arguments, **named)

        return counted

    def _connecting(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def connecting(*arguments: Any, **named: Any) -> Connection:
            real = connect(*arguments, **named)

            def cut() -> None:
                if not isinstance(real, sqlite3.Connection):
                    with closing(connect(*arguments, **named)) as other:
                        _terminate(other, f"pid = {real.get_backend_pid()}")
                else:
                    real.close()

            def cut_and_tell() -> None:
                cut()
                raise psycopg2.OperationalError("server closed the connection unexpectedly")

            return Connection(
                real, lambda: self.take("sql", cut), lambda: self.take("committed", cut_and_tell)
            )

        return connecting


class Connection:
    """A database connection of which every use is a step."""

    def __init__(self, real: Any, step: Callable[[], None], committed: Callable[[], None]) -> None:
        self.__dict__.update(_real=real, _step=step, _committed=committed)

    def __getattr__(self, name: str) -> Any:
        if name in ("cursor", "execute", "executemany", "commit"):
            self._step()
        return self._committing if name == "commit" else getattr(self._real, name)

    def _committing(self) -> None:
        self._real.commit()
        self._committed()

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def _terminate(connection: Any, which: str) -> None:
    cursor = connection.cursor()
    cursor.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {which} AND pid <> pg_backend_pid()"
    )
    connection.commit()


@dataclass(frozen=True)
class Ended:
    """How a child ended. ``trouble`` is the traceback of an error that was not meant for people."""

    how: str
    steps: int
    trouble: str = ""


def in_child(
    work: Callable[[], object],
    fault: Fault = NO_FAULT,
    disturb: Callable[[int], None] = lambda pid: None,
) -> Ended:
    """Do the work in a forked child, in which the fault happens; ``disturb`` gets its process id."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_the_child(work, fault, writing)
    os.close(writing)
    disturb(pid)
    with open(reading, "rb") as said:
        told = said.read()
    _pid, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Ended("killed", 0)
    how, steps, trouble = json.loads(told)
    return Ended(how, steps, trouble)


def _be_the_child(work: Callable[[], object], fault: Fault, writing: int) -> None:
    steps, how, trouble = Steps(fault), "done", ""
    write, leave = os.write, os._exit
    try:
        steps.watch()
        work()
    except BusyError:
        how = "busy"
    except CleanupError:
        how = "failed"
    except BaseException:  # a child that forgets to end would go on with the tests of its parent
        how, trouble = "crashed", traceback.format_exc()
    finally:
        steps.fault = NO_FAULT
        write(writing, json.dumps([how, steps.count, trouble]).encode())
        leave(0)


# Judging.


@dataclass
class Figures:
    """What a series of rounds came to."""

    rounds: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    losses: list[str] = field(default_factory=list)
    # Nothing was lost, but a person was told in a traceback.
    tracebacks: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        def listed(counts: Mapping[str, int]) -> str:
            return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))

        return (
            f"{self.rounds:,} rounds; faults: {listed(self.faults)}; "
            f"runs ended: {listed(self.ends)}; losses: {len(self.losses):,}; "
            f"tracebacks: {len(self.tracebacks):,}"
        )


def losses(world: World) -> Iterator[str]:
    """What is neither where it was nor safe in a batch, and rows that lost their file."""
    files, _rows = world.start
    now, kept = everything(world.media), world.kept()
    originals = {path: file for path, file in files.items() if not file[0].startswith("d")}
    for path, file in originals.items():
        if now.get(path) != file and kept.get(path) != file:
            yield f"the file {path!r} is neither in its place nor in quarantine as it was"
    for path in now.keys() - originals.keys():
        # A restore that was killed leaves its copy until the next one.
        if b"/.restoring-" not in path:
            yield f"the file {path!r} came from nowhere"
    named = world.database.rows(
        "SELECT image FROM photo UNION SELECT thumb FROM photo WHERE thumb IS NOT NULL"
    )
    for (image,) in named:
        path = os.fsencode(image)
        if path in originals and path not in now:
            yield f"a row has lost its file {path!r}"


def finish(action: Callable[[], object]) -> None:
    """Do it; wait for a server process that has not yet noticed that its client is dead."""
    for _attempt in range(200):
        try:
            action()
            return
        except BusyError:  # noqa: PERF203
            time.sleep(0.01)
    action()


def cleaned(world: World) -> None:
    """Clean the world without any fault. A file that a crash left goes as an orphan."""
    for name in ("incomplete", "missing", "orphans"):
        _plan, outcome = world.run(name)
        assert outcome is not None
        assert not outcome.error
        assert not outcome.failed.total


def uncollected(world: World) -> Iterator[str]:
    """What a run without fault should have removed."""
    for name in JOBS:
        plan, _outcome = world.run(name, check=True)
        if len(plan.items):
            yield f"{name} is not done: {list(plan.items)}"


def round_of(world: World, work: Callable[[], object], fault: Fault, figures: Figures, **how: Any) -> Ended:
    """Let a fault happen to some work, then clean up and bring everything back; notes each loss."""
    ended = in_child(work, fault, **how)
    figures.rounds += 1
    figures.ends[ended.how] += 1
    figures.faults[errno.errorcode[fault.error] if fault.error else fault.kind] += 1
    found = list(losses(world))
    if ended.trouble:
        figures.tracebacks.append(f"{fault}: {ended.trouble}")
    finish(lambda: cleaned(world))
    found += [*losses(world), *uncollected(world)]
    finish(world.restore_all)
    if world.state() != world.start:
        found.append(f"not all came back: {_difference(world)}")
    world.forget_batches()
    figures.losses += [f"{fault}: {loss}" for loss in found]
    time.sleep(CLOCK_TICK)
    return ended


def _difference(world: World) -> str:
    (files, rows), (files_now, rows_now) = world.start, world.state()
    changed = {path for path in files.keys() | files_now.keys() if files.get(path) != files_now.get(path)}
    tables = {name: set(rows[name]) ^ set(rows_now[name]) for name in rows if rows[name] != rows_now[name]}
    return f"files {changed}, rows {tables}"


def cleaning(world: World, name: str, **more: Any) -> Callable[[], object]:
    return lambda: world.run(name, **more)


def restoring(world: World) -> Callable[[], object]:
    return world.restore_all


def steps_of(world: World, work: Callable[[], object]) -> int:
    """How many steps the work takes when nothing goes wrong."""
    figures = Figures()
    ended = round_of(world, work, NO_FAULT, figures)
    assert figures.losses == []
    assert ended.how == "done"
    return ended.steps


# A live site.

# An upload whose row is not there after this long was given up by its site.
PATIENCE_MS = 1500
GIVEN_UP_AFTER = 0.5


@dataclass
class Uploaded:
    """What an uploader did: paths that are wanted, with their content, and paths that were given up."""

    wanted: dict[str, str]
    given_up: list[str]


@contextmanager
def live_uploader(world: World, seed: int) -> Iterator[Callable[[], Uploaded]]:
    """Another process that uploads, rolls back and replaces until it is asked what it did."""
    reading, writing = os.pipe()
    stopping, stop = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(stop)
        _upload(world, random.Random(seed), stopping, writing)
    os.close(writing)
    os.close(stopping)
    told: list[Uploaded] = []

    def end() -> Uploaded:
        if not told:
            os.close(stop)
            with open(reading, "rb") as said:
                told.append(Uploaded(**json.loads(said.read())))
            os.waitpid(pid, 0)
        return told[0]

    try:
        yield end
    finally:
        with suppress(OSError, ValueError):
            end()


def _upload(world: World, chance: random.Random, stopping: int, writing: int) -> None:
    status = 1
    try:
        uploader = _Uploader(world, chance)
        os.set_blocking(stopping, False)
        while _goes_on(stopping):
            uploader.act()
            time.sleep(0.003)
        told = {"wanted": uploader.wanted, "given_up": sorted(uploader.given_up)}
        os.write(writing, json.dumps(told).encode())
        status = 0
    except BaseException:  # what goes wrong must not run the parent's tests twice
        traceback.print_exc()
    finally:
        os._exit(status)


def _goes_on(stopping: int) -> bool:
    try:
        return os.read(stopping, 1) != b""
    except BlockingIOError:
        return True


class _Uploader:
    """Does what the forms of a site do. Files come first, rows later."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world = world
        self.chance = chance
        self.wanted: dict[str, str] = {}
        self.given_up: set[str] = set()
        self.number = 1000

    def act(self) -> None:
        some = self.chance.random()
        if some < 0.4:
            self._upload(self._new_path())
        elif some < 0.65:
            path = self._new_path()
            self._write(path, "given up")
            self.given_up.add(path)
        elif some < 0.85 and self.given_up:
            # An old orphan by now, maybe: the new upload takes over its name.
            self._upload(self.chance.choice(sorted(self.given_up)))
        elif self.wanted:
            path = self.chance.choice(sorted(self.wanted))
            self._write(path, f"replaced {self.number}")
            self.wanted[path] = f"replaced {self.number}"
            self.number += 1

    def _new_path(self) -> str:
        self.number += 1
        return f"photos/live/{self.number % 7}/{self.number}.jpg"

    def _upload(self, path: str) -> None:
        began = time.monotonic()
        content = f"upload {self.number}"
        self._write(path, content)
        time.sleep(self.chance.random() * 0.02)
        self.number += 1
        if time.monotonic() - began > GIVEN_UP_AFTER:
            # A machine that is this slow would make a loss of what is none.
            self.given_up.add(path)
            return
        try:
            self.world.photo(self.number, path, on_disk=False, content_type_id=7)
        except (sqlite3.Error, psycopg2.Error):
            self.given_up.add(path)
            return
        self.given_up.discard(path)
        self.wanted[path] = content

    def _write(self, path: str, content: str) -> None:
        file = os.fsdecode(self.world.path(path))
        os.makedirs(os.path.dirname(file), exist_ok=True)
        in_place = self.chance.random() < 0.3
        with open(file if in_place else f"{file}.tmp", "w") as opened:
            opened.write(content)
        if not in_place:
            os.replace(f"{file}.tmp", file)


def lost_uploads(world: World, uploaded: Uploaded) -> Iterator[str]:
    """Uploads that are wanted and are not there as they should be."""
    named = {image for (image,) in world.database.rows("SELECT image FROM photo")}
    for path, content in uploaded.wanted.items():
        try:
            with open(world.path(path)) as file:
                found = file.read()
        except FileNotFoundError:  # noqa: PERF203
            yield f"the upload {path} is gone"
        else:
            if found != content or path not in named:
                yield f"the upload {path} is {found!r} instead of {content!r}"


def live_rounds(world: World, rounds: int, seed: int, figures: Figures, with_faults: bool = False) -> None:
    """Clean again and again under a live uploader, and note what was removed that was wanted."""
    chance = random.Random(seed)
    with live_uploader(world, seed) as end:
        for _number in range(rounds):
            work = cleaning(world, chance.choice(JOBS), patience=PATIENCE_MS)
            fault = (
                Fault("kill", chance.randint(1, 250)) if with_faults and chance.random() < 0.3 else NO_FAULT
            )
            ended = in_child(work, fault)
            figures.rounds += 1
            figures.ends[ended.how] += 1
            figures.faults[fault.kind] += 1
            if ended.trouble:
                figures.tracebacks.append(f"{fault}: {ended.trouble}")
        uploaded = end()
    figures.losses += list(lost_uploads(world, uploaded))
    time.sleep(PATIENCE_MS / 1000)
    finish(lambda: world.run("orphans", patience=PATIENCE_MS))
    figures.losses += list(lost_uploads(world, uploaded))
    left = {path for path in uploaded.given_up if os.path.exists(world.path(path))} - uploaded.wanted.keys()
    figures.losses += [f"{path} was given up, and is still there" for path in sorted(left)]


# Rounds at random.

CALLS_THAT_FAIL = tuple(call for call in CALLS if call not in ("replace", "rmdir"))


def some_fault(chance: random.Random, steps: int) -> Fault:
    kind = chance.choice(("kill", "kill", "cut", "error", "error"))
    if kind == "kill":
        return Fault("kill", chance.randint(1, steps))
    if kind == "cut":
        # Before a statement, or together with the answer to a commit.
        call, most = chance.choice((("sql", 40), ("committed", 4)))
        return Fault("cut", chance.randint(1, most), call)
    call, error = chance.choice(CALLS_THAT_FAIL), chance.choice(ERRORS)
    return Fault("error", chance.randint(1, 12), call, error, lasting=chance.random() < 0.4)


def random_rounds(world: World, rounds: int, chance: random.Random, figures: Figures) -> None:
    """Rounds of every job, and of restoring, with every kind of fault."""
    steps = {name: steps_of(world, cleaning(world, name)) for name in JOBS}
    for _number in range(rounds):
        name = chance.choice(JOBS)
        some = chance.random()
        if some < 0.15:
            killed_at_random(world, name, chance, figures)
        elif some < 0.4:
            world.run(name)
            round_of(world, restoring(world), some_fault(chance, steps[name]), figures)
        else:
            round_of(world, cleaning(world, name), some_fault(chance, steps[name]), figures)


def killed_at_random(world: World, name: str, chance: random.Random, figures: Figures) -> None:
    """Kill a run by the clock, which need not be at a step."""

    def kill(pid: int) -> None:
        time.sleep(chance.random() * 0.04)
        os.kill(pid, signal.SIGKILL)

    round_of(world, cleaning(world, name), Fault("kill by the clock"), figures, disturb=kill)
