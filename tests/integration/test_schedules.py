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
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator

import pytest
from faults import CLOCK_TICK, JOBS, World, everything
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile import quarantine
from ansible_collections.django_media.cleanup.plugins.module_utils._reconcile.site import ACCEPTABLE

# Few, so that an upload often takes the name of something that was removed.
PATHS = ("photos/a.jpg", "photos/ä b.jpg", "photos/2/c.jpg", "thumbs/d.jpg")
paths = st.sampled_from(PATHS)
some = st.integers(0, 10**6)


@dataclass
class Row:
    """A photo, with what hangs on it."""

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


class Schedule(RuleBasedStateMachine):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.files: dict[str, bytes] = {}
        self.rows: dict[int, Row] = {}
        self.cover: int | None = None
        self.batches: dict[str, Kept] = {}
        self.last = 0
        _empty(world)

    def _number(self) -> int:
        self.last += 1
        return self.last

    def _write(self, path: str) -> None:
        self.files[path] = b"picture %d" % self._number()
        self.world.write(path, content=self.files[path])

    def _pick(self, chosen: int, rows: list[Row] | None = None) -> Row:
        rows = list(self.rows.values()) if rows is None else rows
        return rows[chosen % len(rows)]

    # What a site does.

    @rule(path=paths, is_attached=st.booleans(), favorites=st.integers(0, 2))
    def upload(self, path: str, is_attached: bool, favorites: int) -> None:
        self._write(path)
        number = self._number()
        mine = frozenset(self._number() for _favorite in range(favorites))
        self.rows[number] = Row(number, path, is_attached, mine)
        self.world.photo(number, path, on_disk=False, content_type_id=7 if is_attached else None)
        self.world.database.insert("favorite", [{"id": one, "photo_id": number, "note": "é"} for one in mine])

    @rule(path=paths)
    def abandon(self, path: str) -> None:
        self._write(path)

    @precondition(lambda self: self.files)
    @rule(chosen=some)
    def lose(self, chosen: int) -> None:
        path = sorted(self.files)[chosen % len(self.files)]
        del self.files[path]
        os.unlink(self.world.path(path))

    @precondition(lambda self: self.rows)
    @rule(chosen=some)
    def delete(self, chosen: int) -> None:
        """As Django does: what hangs on the row goes, and the file stays."""
        row = self._pick(chosen)
        self._drop(row)
        self.world.database.run(
            f"UPDATE album SET cover_id = NULL WHERE cover_id = {row.number};"
            f"DELETE FROM favorite WHERE photo_id = {row.number}; DELETE FROM photo WHERE id = {row.number}"
        )

    @precondition(lambda self: self.rows)
    @rule(chosen=some)
    def choose_cover(self, chosen: int) -> None:
        self.cover = self._pick(chosen).number
        self.world.database.run(f"UPDATE album SET cover_id = {self.cover} WHERE id = 1")

    def _drop(self, row: Row) -> bool:
        """Take a row out of the model; says whether it was the cover."""
        del self.rows[row.number]
        was_cover = self.cover == row.number
        if was_cover:
            self.cover = None
        return was_cover

    # What runs do.

    @rule(job=st.sampled_from(JOBS))
    def clean(self, job: str) -> None:
        time.sleep(CLOCK_TICK)
        going = [row for row in self.rows.values() if self._goes(row, job)]
        foreseen, nothing = self.world.run(job, check=True)
        assert nothing is None
        _plan, outcome = self.world.run(job)
        assert (outcome.error, outcome.failed.total) == ("", 0)
        assert outcome.removed == foreseen.found
        kept = Kept(rows=going)
        for row in going:
            if self._drop(row):
                kept.uncovered = row
        named = {row.path for row in self.rows.values()}
        theirs = set(self.files) if job == "orphans" else {row.path for row in going}
        for path in sorted(theirs & self.files.keys() - named):
            kept.files[path] = self.files.pop(path)
        assert bool(outcome.batch) == (not kept.is_empty)
        if not kept.is_empty:
            self.batches[outcome.batch] = kept

    def _goes(self, row: Row, job: str) -> bool:
        return {
            "orphans": False,
            "missing": row.path not in self.files,
            "incomplete": not row.is_attached,
        }[job]

    @precondition(lambda self: self.batches)
    @rule(chosen=some)
    def restore(self, chosen: int) -> None:
        name = sorted(self.batches)[chosen % len(self.batches)]
        foreseen = self.world.restore(name, check=True)
        found = self.world.restore(name)
        assert foreseen.totals.files == found.totals.files
        kept = self.batches[name]
        for path in sorted(kept.files.keys() - self.files.keys()):
            self.files[path] = kept.files.pop(path)
        elsewhere = {path for other in self.batches.values() if other is not kept for path in other.files}
        lacking = elsewhere - self.files.keys()
        for row in [row for row in kept.rows if row.path not in lacking]:
            kept.rows.remove(row)
            self.rows[row.number] = row
        if kept.uncovered and kept.uncovered.path not in lacking and self._covers_again(kept.uncovered):
            kept.uncovered = None
        if kept.is_empty:
            del self.batches[name]

    def _covers_again(self, row: Row) -> bool:
        if self.cover is None and row.number in self.rows:
            self.cover = row.number
        return self.cover == row.number

    @precondition(lambda self: self.batches)
    @rule(chosen=some)
    def purge(self, chosen: int) -> None:
        name = sorted(self.batches)[chosen % len(self.batches)]
        quarantine.purge(os.fsencode(self.world.quarantine), name, None, False)
        del self.batches[name]

    # What must hold.

    @invariant()
    def files_are_where_they_should_be(self) -> None:
        found = {os.fsdecode(path): file[-1] for path, file in everything(self.world.media).items()}
        assert found == self.files

    @invariant()
    def rows_are_what_they_should_be(self) -> None:
        database = self.world.database
        photos = database.rows("SELECT id, image, content_type_id FROM photo ORDER BY id")
        assert photos == [
            (row.number, row.path, 7 if row.is_attached else None)
            for row in sorted(self.rows.values(), key=lambda row: row.number)
        ]
        hanging = {(one, row.number, "é") for row in self.rows.values() for one in row.favorites}
        assert set(database.rows("SELECT id, photo_id, note FROM favorite")) == hanging
        assert database.rows("SELECT cover_id FROM album") == [(self.cover,)]

    @invariant()
    def batches_hold_what_was_removed(self) -> None:
        infos = quarantine.batches(os.fsencode(self.world.quarantine))
        found = {info.name: (info.files, info.rows) for info in infos}
        assert found == {name: (len(kept.files), kept.lines) for name, kept in self.batches.items()}
        for name, kept in self.batches.items():
            folder = self.world.quarantine / name
            stored = {
                os.fsdecode(file.path): (folder / "files" / file.stored).read_bytes()
                for file in quarantine.manifest(str(folder))[1]
                if quarantine.has(str(folder), file)
            }
            assert stored == kept.files


def _empty(world: World) -> None:
    world.forget_batches()
    shutil.rmtree(world.media)
    for directory in ("photos/2", "thumbs"):
        (world.media / directory).mkdir(parents=True)
    world.database.run(
        "UPDATE album SET cover_id = NULL; DELETE FROM favorite; DELETE FROM photo;"
        "DELETE FROM album WHERE id <> 1"
    )
    time.sleep(CLOCK_TICK)


@pytest.fixture(params=["postgresql", "sqlite"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A world in memory, where syncing is quick."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        database = request.getfixturevalue(request.param)
        if request.param == "sqlite":
            file = shutil.copy(database.url[len("sqlite:///") :], folder)
            database = replace(database, url=f"sqlite:///{file}")
        world = World(Path(folder), database)
        world.options.update(
            accept=list(ACCEPTABLE), include_likely_moves=True, older_than_hours=0, max_dependents=1000
        )
        yield world


def test_any_schedule_of_uploads_and_runs_loses_nothing(world: World):
    few = settings(
        max_examples=25,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: Schedule(world), settings=few)
