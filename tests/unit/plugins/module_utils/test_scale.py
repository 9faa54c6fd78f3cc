# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""How the work grows with the site: calls are counted and memory is weighed, nothing is timed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from ansible_collections.django_media.cleanup.plugins.module_utils import _reconcile
from engine import spool
from engine.apply import orphans as apply_orphans
from engine.apply.restore import restore
from engine.database.base import Database
from engine.database.postgresql import database as postgresql_module
from engine.database.sqlite import database as sqlite_module
from engine.kept import Code
from engine.media import listing
from engine.media.disk import mounts
from engine.media.local import LocalStore
from engine.media.store import PathStatus
from engine.plan import missing
from engine.quarantine import lines
from engine.quarantine.place import place_of
from engine.quarantine.store import latest
from helpers.builders import Site, rules, run
from helpers.clock import let_clock_tick

pytestmark = pytest.mark.promise(11)

# Methods of the two drivers' connections and cursors.
QUERIES = ("execute", "executemany", "copy_expert", "fetchmany", "fetchall", "fetchone")
FLAT = 300_000
# Bytes: what Python, psycopg2 and the engine are by themselves takes a third of it.
ENOUGH = 96 * 2**20


@pytest.fixture(autouse=True)
def listed_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process lists the files, whose calls nobody would count."""
    monkeypatch.setattr(listing, "is_single_thread", lambda: False)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the system calls that Python's ``os`` makes, and the queries, in every thread."""
    calls: Counter[str] = Counter()

    def note(_frame: Any, event: str, called: Any) -> None:
        if event != "c_call":
            return
        name = called.__name__
        if getattr(called, "__module__", "") == "posix" and name != "fspath":
            calls[name] += 1
        elif name in QUERIES:
            calls["query"] += 1

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def fill(site: Site, names: list[str], named: list[str]) -> None:
    site.media.write(*names)
    values = ", ".join(f"({number}, '{name}')" for number, name in enumerate(named))
    site.database.run("DELETE FROM photo")
    if named:
        site.database.run(f"INSERT INTO photo (id, image) VALUES {values}")


def folders(count: int) -> list[str]:
    """So many files, always in the same ten directories."""
    return [f"{number % 10}/{number}.jpg" for number in range(count)]


def calls_of(job: Any, check: bool) -> Counter[str]:
    with counted() as calls:
        plan, outcome = run(job, check)
    assert not plan.refusals
    assert outcome is None or (not outcome.error and not outcome.failed.total)
    return calls


def growth(before: Counter[str], after: Counter[str]) -> dict[str, int]:
    return {name: after[name] - before[name] for name in {*before, *after} if after[name] != before[name]}


def test_a_file_with_a_reference_costs_neither_a_system_call_nor_a_query(site: Site) -> None:
    fill(site, folders(100), folders(100))
    # What is imported by the first run of all is no cost of a file.
    calls_of(site.orphans(), check=True)
    few = calls_of(site.orphans(), check=True)
    fill(site, folders(700), folders(700))
    many = calls_of(site.orphans(), check=True)
    assert growth(few, many) == {}
    assert few["scandir"] == 11


def test_an_orphan_costs_one_look_in_a_plan_and_four_calls_to_keep(site: Site, tmp_path: Path) -> None:
    def run_on(count: int, check: bool) -> Counter[str]:
        fill(site, folders(count), [])
        # A quarantine of its own for each run: the batches that are there already are counted, too.
        return calls_of(site.orphans(quarantine=str(tmp_path / f"kept {count}")), check)

    run_on(1, check=False)
    assert growth(run_on(100, check=True), run_on(400, check=True)) == {"stat": 300}
    run_on(1, check=False)
    # Announced, looked at once more, moved, and looked at in its new place.
    assert growth(run_on(100, check=False), run_on(400, check=False)) == {"stat": 4 * 300, "rename": 300}


def test_a_file_that_comes_back_costs_one_look(site: Site, tmp_path: Path) -> None:
    def calls_for(count: int) -> Counter[str]:
        fill(site, folders(count), [])
        job = site.orphans(quarantine=str(tmp_path / f"kept {count}"))
        _plan, outcome = run(job)
        with counted() as calls:
            restored = restore(job.site, latest(place_of(job.site), job.site.media_root), [], check=False)
        assert (restored.totals.files, restored.kept.total) == (count, 0)
        assert outcome.removed.files == count
        return calls

    calls_for(1)
    # The rename itself is no call of Python's.
    assert growth(calls_for(100), calls_for(400)) == {"stat": 300}


def test_a_file_that_goes_or_comes_back_costs_no_question_for_its_mount_and_few_readings_of_its_line(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def count_calls(module: Any, name: str) -> None:
        called = getattr(module, name)

        def counting(*arguments: Any) -> Any:
            calls[name] += 1
            return called(*arguments)

        monkeypatch.setattr(module, name, counting)

    count_calls(mounts, "mount_of")
    count_calls(lines, "_parsed")

    def calls_for(count: int) -> dict[str, Counter[str]]:
        fill(site, folders(count), [])
        job = site.orphans(quarantine=str(tmp_path / f"kept {count}"))
        calls.clear()
        _plan, outcome = run(job)
        removal = calls.copy()
        calls.clear()
        restored = restore(job.site, str(outcome.batch), [], check=False)
        assert outcome.removed.files == restored.totals.files == count
        return {"removal": removal, "restore": calls.copy()}

    few, many = calls_for(100), calls_for(400)
    assert growth(few["removal"], many["removal"]) == {}
    # Once to see that none is damaged before the first file comes back, and once to bring them back.
    assert growth(few["restore"], many["restore"]) == {"_parsed": 2 * 300}


def test_a_row_whose_file_is_there_costs_no_system_call(site: Site) -> None:
    fill(site, folders(300), folders(300))
    # Its imports cost system calls, too.
    calls_of(site.missing(), check=True)
    few = calls_of(site.missing(), check=True)
    fill(site, folders(900), folders(900))
    assert growth(few, calls_of(site.missing(), check=True)) == {}


def test_where_all_is_listed_a_missing_file_costs_no_second_walk(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder is read by the listing and, where it lost a file, to see that there still is one in it."""
    monkeypatch.setattr(missing, "FEW_REFERENCES", 0)

    def run_on(count: int) -> Counter[str]:
        fill(site, [f"{number}/there.jpg" for number in range(count)], [])
        names = [f"{number}/{name}.jpg" for number in range(count) for name in ("there", "gone")]
        fill(site, [], names)
        site.database.run("UPDATE photo SET uploaded_at = '2020-01-01 00:00:00+00:00'")
        let_clock_tick()
        return calls_of(site.missing(max_removal_percent=60, include_likely_moves=False), check=True)

    run_on(1)
    assert growth(run_on(20), run_on(60))["scandir"] == 2 * 40


def test_a_folder_that_lost_a_file_is_read_once_more(site: Site) -> None:
    """To see that there still is a file in it takes no walk, which asks what is mounted."""

    def run_on(count: int) -> Counter[str]:
        fill(site, [f"{number}/there.jpg" for number in range(count)], [])
        names = [f"{number}/{name}.jpg" for number in range(count) for name in ("there", "gone")]
        fill(site, [], names)
        # A row of unknown age would be young.
        site.database.run("UPDATE photo SET uploaded_at = '2020-01-01 00:00:00+00:00'")
        return calls_of(site.missing(max_removal_percent=60), check=True)

    run_on(1)
    assert growth(run_on(20), run_on(60))["scandir"] == 40


def test_a_few_rows_of_a_full_directory_cost_one_look_each(site: Site) -> None:
    fill(site, folders(9_000), folders(100))
    few = calls_of(site.missing(), check=True)
    fill(site, [], folders(150))
    assert growth(few, calls_of(site.missing(), check=True)) == {"stat": 50}


def test_many_rows_of_a_flat_directory_cost_no_look_each(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (postgresql_module, sqlite_module):
        monkeypatch.setattr(module, "BATCH", 100)
    monkeypatch.setattr(spool, "BLOCK", 5_000)
    names = [f"flat/{number:040}.jpg" for number in range(9_000)]
    fill(site, names, names)
    calls = calls_of(site.missing(), check=True)
    assert calls["stat"] < 3_500
    assert calls["scandir"] == 1


def test_rows_go_by_the_same_number_of_queries(site: Site) -> None:
    site.database.run(
        "CREATE TABLE favourite (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id))"
    )

    def queries(count: int) -> int:
        fill(site, [], [f"gone/{number}.jpg" for number in range(count)])
        # A row of unknown age would be young.
        site.database.run("UPDATE photo SET uploaded_at = '2020-01-01 00:00:00+00:00'")
        site.database.run("INSERT INTO favourite SELECT id, id FROM photo")
        calls = calls_of(site.missing(dependents=rules("favourite.photo_id delete")), check=False)
        assert site.images == []
        return calls["query"]

    assert queries(50) == queries(500)


def test_dependent_rows_are_read_once_in_a_plan_and_once_when_they_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is locked as it is read needs no count before it is deleted."""
    site.database.run(
        "CREATE TABLE favourite (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id))"
    )
    fill(site, [], ["gone.jpg"])
    site.database.run("UPDATE photo SET uploaded_at = '2020-01-01 00:00:00+00:00'")
    site.database.run("INSERT INTO favourite SELECT id, id FROM photo")
    asked: Counter[str] = Counter()
    for name in ("dependent_keys", "count_dependents", "details"):
        monkeypatch.setattr(Database, name, _counting(asked, name, getattr(Database, name)))
    calls_of(site.missing(dependents=rules("favourite.photo_id delete"), permanent=True), check=False)
    assert site.database.rows("SELECT * FROM favourite") == []
    assert asked == {"dependent_keys": 2}


def test_rows_come_back_by_the_same_number_of_queries(site: Site, tmp_path: Path) -> None:
    site.database.run(
        "CREATE TABLE favourite (id integer PRIMARY KEY, photo_id integer NOT NULL REFERENCES photo (id));"
        "CREATE TABLE album (id integer PRIMARY KEY, cover_id integer REFERENCES photo (id))"
    )
    declared = rules("favourite.photo_id delete", "album.cover_id set_null")

    def queries(count: int) -> Counter[str]:
        fill(site, ["a/there.jpg"], [f"a/{number}.jpg" for number in range(count)])
        site.database.run("UPDATE photo SET uploaded_at = '2020-01-01 00:00:00+00:00'")
        site.database.run("INSERT INTO favourite SELECT id, id FROM photo")
        site.database.run("INSERT INTO album SELECT id, id FROM photo")
        before = site.database.dump()
        job = site.missing(dependents=declared, quarantine=str(tmp_path / "kept"))
        _plan, outcome = run(job)
        with counted() as calls:
            restored = restore(job.site, outcome.batch, [], check=False)
        assert (restored.totals.records, restored.updated, restored.kept.items) == (2 * count, count, [])
        assert site.database.dump() == before
        site.database.run("DELETE FROM album; DELETE FROM favourite")
        return calls

    queries(1)
    few, many = queries(50), queries(500)
    assert few["open"] == many["open"]
    # SQLite sets columns back row by row, and takes few values at a time: asking it is a call, and no more.
    assert many["query"] - few["query"] == (453 if site.database.kind == "sqlite" else 0)


def test_a_row_in_the_way_does_not_keep_the_others_back(site: Site, tmp_path: Path) -> None:
    fill(site, [], [f"gone/{number}.jpg" for number in range(9)])
    site.database.run("UPDATE photo SET uploaded_at = '2020-01-01 00:00:00+00:00'")
    job = site.missing(quarantine=str(tmp_path / "kept"))
    _plan, outcome = run(job)
    site.database.run("INSERT INTO photo (id, image) VALUES (4, 'other.jpg')")
    for check in (True, False):
        restored = restore(job.site, outcome.batch, [], check)
        assert restored.totals.records == 8
        assert [kept.code for kept in restored.kept.items] == [Code.IN_THE_WAY]
    assert site.database.rows("SELECT image FROM photo WHERE id IN (3, 4, 5) ORDER BY id") == [
        ("gone/3.jpg",),
        ("other.jpg",),
        ("gone/5.jpg",),
    ]


def _counting(asked: Counter[str], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any) -> Any:
        asked[name] += 1
        return method(*arguments)

    return called


@pytest.mark.parametrize("sweep", [True, False])
def test_a_missing_file_is_looked_for_once_in_a_plan_and_once_when_its_row_goes(
    site: Site, monkeypatch: pytest.MonkeyPatch, sweep: bool
) -> None:
    """What was found to be absent has no age, and is not among the files that go with the row."""
    fill(site, folders(100), [*folders(100), "0/gone.jpg"])
    site.database.run("UPDATE photo SET uploaded_at = '2020-01-01 00:00:00+00:00'")
    looked_for: Counter[bytes] = Counter()
    check = LocalStore.check

    def noted(store: LocalStore, path: bytes) -> PathStatus:
        looked_for[path] += 1
        return check(store, path)

    monkeypatch.setattr(LocalStore, "check", noted)
    calls_of(site.missing(sweep=sweep), check=True)
    # For the proof, and by the guard that tries some paths in other places.
    assert looked_for[b"0/gone.jpg"] == 2
    calls_of(site.missing(sweep=sweep), check=False)
    assert looked_for[b"0/gone.jpg"] == 2 + 3


@pytest.mark.parametrize("check", [True, False])
def test_queries_grow_with_the_batches_and_no_faster(
    site: Site, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    for module, name in (
        (spool, "CHUNK"),
        (apply_orphans, "AT_ONCE"),
        (postgresql_module, "BATCH"),
        (sqlite_module, "BATCH"),
    ):
        monkeypatch.setattr(module, name, 100)

    def queries(count: int) -> int:
        fill(site, folders(count), [])
        return calls_of(site.orphans(), check)["query"]

    once, twice, four_times = queries(200), queries(400), queries(800)
    assert four_times - twice == 2 * (twice - once)


def test_the_files_beside_orphans_cost_no_query(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHUNK", 100)
    names = [f"a/{number:03}.jpg" for number in range(400)]

    def queries(orphans: list[str]) -> int:
        fill(site, names, sorted({*names}.difference(orphans)))
        return calls_of(site.orphans(), check=True)["query"]

    assert queries(names[:100]) == queries(names[::4])


# In a process of its own, whose memory the kernel has counted from its start.
WEIGHED = """
import json, sys
sys.path.insert(0, sys.argv[1])
from _reconcile import run as jobs
from _reconcile.config import jobs as site
plan, _outcome = jobs.run(site.orphans_job(json.loads(sys.argv[2])), check=True)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(plan.examined["files"], plan.found.files, int(peak.split()[1]) * 1024)
"""


@pytest.fixture(scope="module")
def flat_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One directory with very many files."""
    root = tmp_path_factory.mktemp("flat")
    (root / "uploads").mkdir()
    handle = os.open(root / "uploads", os.O_RDONLY)
    for number in range(FLAT):
        os.mknod(f"{number * 7919 % FLAT:032}.jpg", 0o644, dir_fd=handle)
    os.close(handle)
    yield root
    subprocess.run(["rm", "-rf", str(root)], check=True)


@pytest.mark.parametrize("one_in", [1, 2], ids=["all named", "half orphans"])
def test_a_flat_directory_of_300000_files_is_planned_in_little_memory(
    flat_directory: Path, tmp_path: Path, one_in: int
) -> None:
    with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection:
        connection.execute("CREATE TABLE photo (id integer PRIMARY KEY, image varchar(100))")
        named = ((f"uploads/{number:032}.jpg",) for number in range(0, FLAT, one_in))
        connection.executemany("INSERT INTO photo (image) VALUES (?)", named)
        connection.commit()
    options = {
        "database_url": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "media_root": str(flat_directory),
        "directories": ["uploads"],
        "references": [{"table": "photo", "column": "image"}],
        "older_than_hours": 0,
    }
    engine = str(Path(_reconcile.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", WEIGHED, engine, json.dumps(options)],
        capture_output=True,
        text=True,
        check=True,
    )
    files, found, peak = map(int, done.stdout.split())
    assert (files, found) == (FLAT, FLAT - FLAT // one_in)
    assert peak < ENOUGH
