# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Memory holds a bounded number of names, however many files there are."""

from __future__ import annotations

import os
import sqlite3
import sys
import tracemalloc
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import run as jobs
from engine import spool
from engine.apply import orphans as apply_orphans
from engine.compare.mentions import sweep
from engine.database.sqlite import database as sqlite_module
from engine.media import walk
from engine.media.local import LocalStore
from engine.plan import approval as approvals
from engine.plan import orphans
from helpers.builders import Media, Site
from helpers.clock import let_clock_tick

pytestmark = pytest.mark.promise(11)

SHAPES = {
    "flat": lambda number: "",
    "deep": lambda number: "d/" * (number % 5),
    "wide": lambda number: f"{number}/",
    # Each directory has files to come while the walk is below it.
    "stairs": lambda number: "-/" * (number // 500),
}


def peak_of_a_plan(folder: Path, count: int, shape: str, is_named: bool) -> int:
    """The most memory that Python had taken while a plan over so many files was made."""
    media = Media(folder / "media")
    names = [f"{SHAPES[shape](number)}{number * 7919 % count:060}.jpg" for number in range(count)]
    root = os.fsdecode(media.root)
    for name in names:
        os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
        os.close(os.open(f"{root}/{name}", os.O_CREAT | os.O_WRONLY))
    with closing(sqlite3.connect(folder / "db")) as connection:
        connection.execute("CREATE TABLE photo (image text)")
        if is_named:
            connection.executemany("INSERT INTO photo VALUES (?)", ((name,) for name in names))
        connection.commit()
    database = SimpleNamespace(url=f"sqlite:///{folder}/db", run=lambda _script: None)
    job = Site(database, media).orphans(older_than_hours=0, age_stamp="newest")
    del names
    let_clock_tick()
    tracemalloc.start()
    try:
        plan, _outcome = jobs.run(job, check=True)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (plan.examined["files"], plan.found.files) == (count, 0 if is_named else count)
    return peak


def test_a_plan_over_30000_files_holds_the_names_once_and_not_all_references(tmp_path: Path) -> None:
    """The names of a directory, the set of them, and a batch of references; a list more is too much."""
    a_list_of_all = 30_000 * (sys.getsizeof(b"%064d" % 0) + 8)
    assert peak_of_a_plan(tmp_path, 30_000, "flat", is_named=True) < 3.6 * a_list_of_all


def test_memory_does_not_hold_what_is_to_come_in_the_directories_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "NAMES_ABOVE", 1_000)
    monkeypatch.setattr(spool, "BLOCK", 7_000)
    monkeypatch.setattr(sqlite_module, "BATCH", 100)
    a_list_of_all = 20_000 * (sys.getsizeof(b"%064d" % 0) + 8)
    assert peak_of_a_plan(tmp_path, 20_000, "stairs", is_named=True) < a_list_of_all / 3


def test_names_above_are_put_aside_once_and_then_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two directories above hold about as many names as they may; below the second are many small ones."""
    media = Media(tmp_path / "media")
    media.write(*[f"a/b/{number:04}/x" for number in range(300)])
    media.write(
        *[f"a/b/~{number:04}" for number in range(900)], *[f"a/~{number:04}" for number in range(990)]
    )
    monkeypatch.setattr(walk, "NAMES_ABOVE", 1_000)
    monkeypatch.setattr(spool, "FEW", 100)
    put: list[int] = []
    put_aside = spool.Aside.put

    def counted(*arguments: Any) -> None:
        put.append(len(arguments[2]))
        put_aside(*arguments)

    monkeypatch.setattr(spool.Aside, "put", counted)
    with LocalStore(media.root, 10) as tree:
        found = [run.prefix + name for run in tree.walk(b"", None) for name in run.names]
    assert found == sorted(media.files)
    assert 1 <= len(put) <= 2 + 300
    assert sum(put) < 1_900 + 300 * 60


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("is_named", [True, False])
def test_memory_does_not_grow_with_the_number_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: str, is_named: bool
) -> None:
    """With all that is kept in memory made small, four times the files need as much as once."""
    for module, name in (
        (walk, "NAMES_IN_MEMORY"),
        (walk, "NAMES_ABOVE"),
        (walk, "ENTRIES"),
        (spool, "CHUNK"),
        (sqlite_module, "BATCH"),
        (approvals, "ITEMS_IN_TOKEN"),
        (apply_orphans, "AT_ONCE"),
        (orphans, "_FEW"),
        (sweep, "CHUNK"),
        (sweep, "CANDIDATES_AT_ONCE"),
    ):
        monkeypatch.setattr(module, name, 100)
    monkeypatch.setattr(spool, "BLOCK", 7_000)
    few, many = (tmp_path / "few", tmp_path / "many")
    few.mkdir()
    many.mkdir()
    small, large = peak_of_a_plan(few, 600, shape, is_named), peak_of_a_plan(many, 2_400, shape, is_named)
    assert large < small * 1.4
