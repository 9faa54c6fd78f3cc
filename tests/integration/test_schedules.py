# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Uploads, losses, cleanups, restores and purges in any order: all is always where it should be.

A model in plain Python does what the site and the runs do. After each step, the files, the rows and
the batches must be those of the model.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.options import ACCEPTABLE
from engine.quarantine import (
    store as quarantine,
)
from helpers.clock import let_clock_tick
from helpers.full_sites import JOBS, FullSite, everything, report_of
from helpers.purging import purge

# Few, so that an upload often takes the name of something that was removed.
PATHS = ("photos/a.jpg", "photos/ä b.jpg", "photos/2/c.jpg", "thumbs/d.jpg")
# Records that share one of these may go when it is missing; those that share another path are kept.
SHARED_AND_ACCEPTED = PATHS[1:]
# What happens, as often as it stands here.
ACTIONS = (
    *("upload", "upload", "upload", "upload unattached", "upload unattached", "abandon", "lose", "delete"),
    *("clean", "clean", "clean", "restore", "restore", "restore", "purge"),
)
# How each schedule begins: what went comes back, and once more while another file is in its place.
BEGINNING = [
    ("upload unattached", 0),
    ("clean", 1),
    ("restore", 0),
    ("clean", 1),
    ("abandon", 0),
    ("restore", 0),
]
steps = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 10**6))


@dataclass
class Row:
    """A photo, with what depends on it."""

    number: int
    path: str
    is_attached: bool
    favorites: frozenset[int] = frozenset()


@dataclass
class Kept:
    """A batch: files by path, rows with their favorites, and whether the album has lost its cover."""

    files: dict[str, bytes] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    uncovered: Row | None = None

    @property
    def lines(self) -> int:
        return sum(1 + len(row.favorites) for row in self.rows) + bool(self.uncovered)

    @property
    def is_empty(self) -> bool:
        return not self.files and not self.lines


class Schedule:
    """The site, what is kept of it, and what the model says of both."""

    def __init__(self, full_site: FullSite, events: Counter[str]) -> None:
        self.events = events
        self.full_site = full_site
        self.files: dict[str, bytes] = {}
        self.rows: dict[int, Row] = {}
        self.cover: int | None = None
        self.batches: dict[str, Kept] = {}
        self.last = 0
        _empty(full_site)

    def _number(self) -> int:
        self.last += 1
        return self.last

    def _write(self, path: str) -> None:
        self.files[path] = b"picture %d" % self._number()
        self.full_site.write(path, content=self.files[path])

    def act(self, action: str, chosen: int) -> None:
        if action.startswith("upload"):
            self.upload(PATHS[chosen % len(PATHS)], action == "upload", chosen % 3, chosen % 2 == 0)
        elif action == "abandon":
            self._write(PATHS[chosen % len(PATHS)])
        elif action == "clean":
            self.clean(JOBS[chosen % len(JOBS)])
        elif {"lose": self.files, "delete": self.rows, "restore": self.batches, "purge": self.batches}[
            action
        ]:
            getattr(self, action)(chosen)

    # What a site does.

    def upload(self, path: str, is_attached: bool, favorites: int, is_cover: bool) -> None:
        self._write(path)
        number = self._number()
        mine = frozenset(self._number() for _favorite in range(favorites))
        self.rows[number] = Row(number, path, is_attached, mine)
        self.full_site.photo(number, path, on_disk=False, content_type_id=7 if is_attached else None)
        self.full_site.database.insert(
            "favorite", [{"id": one, "photo_id": number, "note": "é"} for one in mine]
        )
        if is_cover:
            self._choose_cover(number)

    def lose(self, chosen: int) -> None:
        path = sorted(self.files)[chosen % len(self.files)]
        del self.files[path]
        os.unlink(self.full_site.path(path))

    def delete(self, chosen: int) -> None:
        """As Django does: what depends on the row goes, and the file stays."""
        row = list(self.rows.values())[chosen % len(self.rows)]
        self._drop(row)
        self.full_site.database.run(
            f"UPDATE album SET cover_id = NULL WHERE cover_id = {row.number};"
            f"DELETE FROM favorite WHERE photo_id = {row.number}; DELETE FROM photo WHERE id = {row.number}"
        )

    def _choose_cover(self, number: int) -> None:
        self.cover = number
        self.full_site.database.run(f"UPDATE album SET cover_id = {self.cover} WHERE id = 1")

    def _drop(self, row: Row) -> bool:
        """Take a row out of the model; says whether it was the cover."""
        del self.rows[row.number]
        was_cover = self.cover == row.number
        if was_cover:
            self.cover = None
        return was_cover

    # What runs do.

    def clean(self, job: str) -> None:
        let_clock_tick()
        self.events["runs"] += 1
        going = self._going(job)
        foreseen, nothing = self.full_site.run(job, check=True)
        assert nothing is None
        _plan, outcome = self.full_site.run(job)
        assert (outcome.error, outcome.failed.total) == ("", 0)
        assert outcome.removed == foreseen.found
        kept = Kept(rows=going)
        for row in going:
            if self._drop(row):
                kept.uncovered = row
                self.events["covers that went"] += 1
        named = {row.path for row in self.rows.values()}
        theirs = set(self.files) if job == "orphans" else {row.path for row in going}
        for path in sorted(theirs & self.files.keys() - named):
            kept.files[path] = self.files.pop(path)
        assert bool(outcome.batch) == (not kept.is_empty)
        if not kept.is_empty:
            self.batches[outcome.batch] = kept

    def _going(self, job: str) -> list[Row]:
        if job == "orphans":
            return []
        if job == "incomplete":
            return [row for row in self.rows.values() if not row.is_attached]
        missing = [row for row in self.rows.values() if row.path not in self.files]
        records = Counter(row.path for row in missing)
        going = [row for row in missing if records[row.path] == 1 or row.path in SHARED_AND_ACCEPTED]
        self.events["records kept for their shared path"] += len(missing) - len(going)
        return going

    def restore(self, chosen: int) -> None:
        name = sorted(self.batches)[chosen % len(self.batches)]
        foreseen = self.full_site.restore(name, check=True)
        found = self.full_site.restore(name)
        assert report_of(foreseen) == report_of(found)
        kept = self.batches[name]
        for path in sorted(kept.files.keys() - self.files.keys()):
            self.files[path] = kept.files.pop(path)
        elsewhere = {path for other in self.batches.values() if other is not kept for path in other.files}
        lacking = elsewhere - self.files.keys()
        for row in [row for row in kept.rows if row.path not in lacking]:
            kept.rows.remove(row)
            self.rows[row.number] = row
            self.events["rows that came back"] += 1
        self.events["rows that stayed"] += len(kept.rows)
        self.events["files that stayed"] += len(kept.files)
        if kept.uncovered and kept.uncovered.path not in lacking and self._covers_again(kept.uncovered):
            kept.uncovered = None
        if kept.is_empty:
            del self.batches[name]

    def _covers_again(self, row: Row) -> bool:
        if self.cover is None and row.number in self.rows:
            self.cover = row.number
            self.events["covers that came back"] += 1
        return self.cover == row.number

    def purge(self, chosen: int) -> None:
        name = sorted(self.batches)[chosen % len(self.batches)]
        purge(os.fsencode(self.full_site.quarantine), [name], None, False)
        del self.batches[name]

    # What must hold.

    def check(self) -> None:
        self.files_are_where_they_should_be()
        self.rows_are_what_they_should_be()
        self.batches_hold_what_was_removed()

    def files_are_where_they_should_be(self) -> None:
        found = {os.fsdecode(path): file[-1] for path, file in everything(self.full_site.media).items()}
        assert found == self.files

    def rows_are_what_they_should_be(self) -> None:
        database = self.full_site.database
        photos = database.rows("SELECT id, image, content_type_id FROM photo ORDER BY id")
        assert photos == [
            (row.number, row.path, 7 if row.is_attached else None)
            for row in sorted(self.rows.values(), key=lambda row: row.number)
        ]
        hanging = {(one, row.number, "é") for row in self.rows.values() for one in row.favorites}
        assert set(database.rows("SELECT id, photo_id, note FROM favorite")) == hanging
        assert database.rows("SELECT cover_id FROM album") == [(self.cover,)]

    def batches_hold_what_was_removed(self) -> None:
        infos = quarantine.batches(os.fsencode(self.full_site.quarantine))
        found = {info.name: (info.files, info.rows) for info in infos}
        assert found == {name: (len(kept.files), kept.lines) for name, kept in self.batches.items()}
        for name, kept in self.batches.items():
            place = self.full_site.quarantine / name / "files"
            with quarantine.opened(os.fsencode(self.full_site.quarantine), name) as batch:
                stored = {
                    os.fsdecode(file.path): (place / file.stored).read_bytes()
                    for file in batch.files()
                    if batch.holds(file)
                }
            assert stored == kept.files


def _empty(full_site: FullSite) -> None:
    full_site.forget_batches()
    shutil.rmtree(full_site.media)
    for directory in ("photos/2", "thumbs"):
        (full_site.media / directory).mkdir(parents=True)
    full_site.database.run(
        "UPDATE album SET cover_id = NULL; DELETE FROM favorite; DELETE FROM photo;"
        "DELETE FROM album WHERE id <> 1"
    )
    let_clock_tick()


@pytest.fixture(params=["postgresql", "sqlite"])
def full_site(request: pytest.FixtureRequest) -> Iterator[FullSite]:
    """A full site in memory, where syncing is quick."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        database = request.getfixturevalue(request.param)
        if request.param == "sqlite":
            file = shutil.copy(database.url[len("sqlite:///") :], folder)
            database = replace(database, url=f"sqlite:///{file}")
        full_site = FullSite(Path(folder), database)
        full_site.options.update(
            accept=[
                *full_site.options["accept"],
                *ACCEPTABLE,
                *(f"shared_path:{path}" for path in SHARED_AND_ACCEPTED),
            ],
            include_likely_moves=True,
            older_than_hours=0,
            max_dependents=1000,
        )
        yield full_site


@pytest.mark.promise(2)
@pytest.mark.promise(10)
def test_any_schedule_of_uploads_and_runs_loses_nothing(full_site: FullSite):
    events: Counter[str] = Counter()

    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(schedule=st.lists(steps, min_size=15, max_size=30))
    def follow(schedule: list[tuple[str, int]]) -> None:
        site = Schedule(full_site, events)
        for action, chosen in (*BEGINNING, *schedule):
            site.act(action, chosen)
            site.check()

    follow()
    # Schedules in which nothing happens would prove nothing.
    wanted = {"runs", "rows that came back", "files that stayed", "covers that came back"}
    wanted.add("records kept for their shared path")
    assert {event for event in wanted if events[event]} == wanted, events
