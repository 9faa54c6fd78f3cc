# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""The site goes on working while it is cleaned: nothing that a row names ever goes."""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import suppress
from typing import Any, Callable, Iterator

import pytest

from engine import run as jobs
from engine.config.jobs import orphans_job, records_job
from engine.config.site import OrphansJob, RecordsJob
from engine.media.local import LocalStore
from engine.media.store import Run
from helpers.ansible_runs import Ansible
from helpers.builders import before_removal
from helpers.clock import let_clock_tick
from helpers.modules import Task
from helpers.sites import Site

pytestmark = pytest.mark.promise(2)

LONG_AGO = (1_700_000_000, 1_700_000_000)
NO_GUARD = {"max_removal_percent": 100, "max_listed": 1_000_000}


def job(task: Task) -> OrphansJob | RecordsJob:
    """What a module makes of the options of its task, when the files are there for a moment."""
    let_clock_tick()
    ((module, options),) = task.items()
    return (orphans_job if module.endswith("orphans") else records_job)({**options, **NO_GUARD})


def reasons(outcome: Any) -> dict[str, str]:
    return {os.fsdecode(item.name): item.reason for item in outcome.kept.items}


def while_walked(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Let something happen each time that a walk has come to some files, in whatever process it is made."""
    walk = LocalStore.walk

    def walked(*given: Any) -> Iterator[Run]:
        for files in walk(*given):
            happens()
            yield files

    monkeypatch.setattr(LocalStore, "walk", walked)


def test_a_row_that_comes_while_the_tree_is_walked_protects_its_file(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    site.keep("photos/1.jpg", "avif/1.avif")
    site.write("photos/orphan.jpg", "photos/named_meanwhile.jpg", "avif/named_meanwhile.avif")
    came = iter(["avif/named_meanwhile.avif", "photos/named_meanwhile.jpg"])
    while_walked(monkeypatch, lambda: site.insert(*[*came]))
    plan, _outcome = jobs.run(job(site.orphans()), check=False)
    assert plan.found.files == 1
    assert "photos/orphan.jpg" not in site.files
    assert "photos/named_meanwhile.jpg" in site.files
    assert "avif/named_meanwhile.avif" in site.files


@pytest.mark.promise(3)
def test_a_file_that_comes_while_the_tree_is_walked_stays_however_old_it_looks(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    site.keep("photos/1.jpg", "avif/1.avif")
    site.write("photos/orphan.jpg")
    # The directory avif has been walked by then, photos has not.
    came = iter(["photos/2/unpacked.jpg", "photos/unpacked.jpg"])
    while_walked(monkeypatch, lambda: site.write(*[*came]))
    plan, _outcome = jobs.run(job(site.orphans()), check=False)
    assert "photos/orphan.jpg" not in site.files
    assert plan.young == 2
    assert {"photos/unpacked.jpg", "photos/2/unpacked.jpg"} <= set(site.files)


def test_what_happens_to_orphans_after_the_plan_is_seen_before_they_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    changes = ["named", "replaced", "written_to", "vanished", "linked"]
    site.keep("photos/1.jpg")
    site.write("photos/orphan.jpg", *(f"photos/{change}/é.jpg" for change in changes))
    photos = site.media / "photos"

    def happens() -> None:
        site.insert("photos/named/é.jpg")
        site.write("new")
        os.replace(site.media / "new", photos / "replaced" / "é.jpg")
        site.write("photos/written_to/é.jpg", content=b"another")
        (photos / "vanished" / "é.jpg").unlink()
        (photos / "linked").rename(site.folder / "moved")
        (photos / "linked").symlink_to(site.folder / "moved")

    before_removal(monkeypatch, happens)
    _plan, outcome = jobs.run(job(site.orphans()), check=False)

    assert outcome is not None
    assert outcome.removed.files == 1
    assert not (photos / "orphan.jpg").exists()
    for change in ("named", "replaced", "written_to"):
        assert (photos / change / "é.jpg").exists(), change
    assert (site.folder / "moved" / "é.jpg").exists()
    assert set(reasons(outcome)) == {f"photos/{change}/é.jpg" for change in changes}


@pytest.mark.promise(9)
def test_a_row_that_comes_after_the_plan_protects_its_file_in_another_spelling_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    site.keep("photos/1.jpg")
    site.write("photos/orphan.jpg", "photos/é.jpg")
    before_removal(monkeypatch, lambda: site.insert("photos/e\u0301.jpg"))
    _plan, outcome = jobs.run(job(site.orphans()), check=False)
    assert outcome is not None
    assert site.files == ["photos/1.jpg", "photos/é.jpg"]
    assert set(reasons(outcome)) == {"photos/é.jpg"}


def test_what_happens_to_missing_records_after_the_plan_is_seen_before_they_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    site.keep("photos/1.jpg")
    site.insert("photos/gone.jpg", "photos/back.jpg", "photos/renamed.jpg", "photos/deleted.jpg")

    def happens() -> None:
        site.write("photos/back.jpg", "photos/other.jpg")
        site.database.run(
            "UPDATE collection_photo SET image = 'photos/other.jpg' WHERE image = 'photos/renamed.jpg';"
            "DELETE FROM collection_photo WHERE image = 'photos/deleted.jpg'"
        )
        # The key of the row that was deleted goes to a new one, as it can in SQLite.
        site.keep("photos/new_of_that_key.jpg")
        site.insert("photos/gone_later.jpg")

    before_removal(monkeypatch, happens)
    _plan, outcome = jobs.run(job(site.records()), check=False)

    assert outcome is not None
    assert outcome.removed.records == 1
    expected = ["photos/1.jpg", "photos/back.jpg", "photos/other.jpg", "photos/new_of_that_key.jpg"]
    # A row that came after the plan waits for the next one.
    assert site.images == [*expected, "photos/gone_later.jpg"]
    assert set(reasons(outcome)) == {"photos/back.jpg", "photos/renamed.jpg", "photos/deleted.jpg"}


def test_what_happens_to_incomplete_records_after_the_plan_is_seen_before_they_go(
    site: Site, monkeypatch: pytest.MonkeyPatch
):
    site.keep("photos/1.jpg")
    changes = ["attached", "renamed", "touched", "file_named_by_another"]
    site.keep("photos/goes.jpg", *(f"photos/{change}.jpg" for change in changes), attached=False)

    def happens() -> None:
        site.database.run(
            "UPDATE collection_photo SET content_type_id = 7 WHERE image = 'photos/attached.jpg';"
            "UPDATE collection_photo SET image = 'photos/1.jpg' WHERE image = 'photos/renamed.jpg';"
            "UPDATE collection_photo SET uploaded_at = '2999-01-01 00:00:00+00:00'"
            " WHERE image = 'photos/touched.jpg'"
        )
        site.insert("photos/file_named_by_another.jpg")

    before_removal(monkeypatch, happens)
    _plan, outcome = jobs.run(job(site.records(select="incomplete")), check=False)

    assert outcome is not None
    assert outcome.removed.as_dict() == {"records": 2, "files": 1, "bytes": 7}
    assert site.images == [
        "photos/1.jpg",
        "photos/attached.jpg",
        "photos/1.jpg",
        "photos/touched.jpg",
        "photos/file_named_by_another.jpg",
    ]
    # A file goes with the record that names it at the end, or not at all.
    assert site.files == ["photos/1.jpg", *(f"photos/{change}.jpg" for change in sorted(changes))]


def test_a_row_that_comes_with_the_deletion_protects_the_file(site: Site):
    """A trigger lets it come at the last possible moment."""
    site.keep("photos/1.jpg")
    site.keep("photos/goes.jpg", "photos/moves.jpg", attached=False)
    moves = "WHEN (OLD.image = 'photos/moves.jpg')"
    site.database.run("CREATE TABLE archive (id integer PRIMARY KEY, image varchar(100))")
    insert = "INSERT INTO archive (id, image) VALUES (OLD.id, OLD.image);"
    if site.database.kind == "sqlite":
        site.database.run(
            f"CREATE TRIGGER moving AFTER DELETE ON collection_photo {moves} BEGIN {insert} END"
        )
    else:
        site.database.run(
            "CREATE FUNCTION moving() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {insert} RETURN OLD; END $$;"
            f"CREATE TRIGGER moving AFTER DELETE ON collection_photo FOR EACH ROW {moves}"
            " EXECUTE FUNCTION moving()"
        )
    task = site.records(
        select="incomplete",
        references=[{"table": "archive", "column": "image"}],
        accept=["delete_trigger:collection_photo"],
    )
    _plan, outcome = jobs.run(job(task), check=False)
    assert outcome is not None
    assert outcome.removed.as_dict() == {"records": 2, "files": 1, "bytes": 7}
    assert site.files == ["photos/1.jpg", "photos/moves.jpg"]


class Visitors:
    """The site at work: uploads, abandoned uploads, deletions and losses, as fast as they can.

    What ``named`` holds was committed and must never lose its row or its file. A file looks old
    as soon as its fate is decided, so that no age protects it, only the row that names it.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.named: set[str] = set()
        self.written: dict[str, float] = {}
        self.attached = 0
        self.error: BaseException | None = None
        self._mark = "?" if site.database.kind == "sqlite" else "%s"
        self._random = random.Random(42)
        self._numbers = iter(range(1000, 10**9))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._live)

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._done.set()
        self._thread.join()
        assert self.error is None, repr(self.error)

    def _live(self) -> None:
        actions = [self._upload, self._upload, self._abandon, self._unpack]
        actions += [self._delete, self._lose, self._attach]
        try:
            with self.site.database.connect() as self._connection:
                if self.site.database.kind == "sqlite":
                    self._connection.execute("PRAGMA busy_timeout = 60000")
                while not self._done.is_set():
                    self._random.choice(actions)()
        except BaseException as error:
            self.error = error

    def _execute(self, statement: str, *values: Any) -> int:
        cursor = self._connection.cursor()
        cursor.execute(statement.replace("?", self._mark), values)
        return cursor.rowcount

    def _pause(self) -> None:
        time.sleep(self._random.uniform(0, 0.004))

    def _write(self) -> tuple[int, str]:
        number = next(self._numbers)
        path = f"photos/{number % 40:02}/{number}.jpg"
        self.written[path] = time.time()
        (self.site.media / path).write_bytes(b"picture")
        return number, path

    def _age(self, path: str) -> None:
        # It may be gone by then, with its row.
        with suppress(FileNotFoundError):
            os.utime(self.site.media / path, LONG_AGO)

    def _insert(self, number: int, path: str, attached: bool = True) -> None:
        self._execute(
            "INSERT INTO collection_photo (id, image, content_type_id, uploaded_at) VALUES (?, ?, ?, ?)",
            *(number, path, 7 if attached else None, "2020-01-01 00:00:00+00:00"),
        )

    def _upload(self) -> None:
        number, path = self._write()
        self._pause()
        self._insert(number, path)
        self.named.add(path)
        self._age(path)

    def _abandon(self) -> None:
        number, path = self._write()
        self._execute("BEGIN")
        self._insert(number, path)
        self._pause()
        self._execute("ROLLBACK")
        self._age(path)

    def _unpack(self) -> None:
        """A file that is new and looks old at once, and that no row names."""
        _number, path = self._write()
        self._age(path)

    def _some(self) -> Iterator[tuple[int, str]]:
        if self.named:
            path = self._random.choice(sorted(self.named))
            self.named.discard(path)
            yield int(path[10:-4]), path

    def _delete(self) -> None:
        for number, _path in self._some():
            self._execute("DELETE FROM collection_photo WHERE id = ?", number)

    def _lose(self) -> None:
        for _number, path in self._some():
            (self.site.media / path).unlink()

    def _attach(self) -> None:
        number, path = self._write()
        self._insert(number, path, attached=False)
        self._age(path)
        self._pause()
        if self._execute("UPDATE collection_photo SET content_type_id = 7 WHERE id = ?", number):
            self.named.add(path)
            self.attached += 1

    def harmed(self) -> set[str]:
        """What was named and has lost its row or its file."""
        return self.named - (set(self.site.files) & set(self.site.images))


def busy(site: Site) -> Visitors:
    """A site of some size, so that a walk takes its time."""
    site.keep(*(f"photos/{number:02}/{number}.jpg" for number in range(40)))
    site.write("photos/orphan.jpg")
    site.insert("photos/missing.jpg")
    site.keep("photos/incomplete.jpg", attached=False)
    return Visitors(site)


def cleanups(site: Site) -> list[Task]:
    return [site.orphans(), site.records(), site.records(select="incomplete")]


def test_nothing_that_is_named_goes_while_the_site_is_used(site: Site):
    removed = {"orphans": 0, "missing": 0, "incomplete": 0}
    with busy(site) as visitors:
        for cleanup in [job(task) for task in cleanups(site)] * 50:
            plan, outcome = jobs.run(cleanup, check=False)
            assert outcome is not None, plan.refusals
            assert outcome.error == ""
            removed[plan.job] += outcome.removed_items.total
            if plan.job == "orphans":
                gone = (os.fsdecode(orphan.path) for orphan in outcome.removed_items.items)
                assert {path for path in gone if visitors.written.get(path, 0) > plan.moment} == set()
    assert visitors.harmed() == set()
    # All this happened while there was something to do.
    assert min(removed.values()) > 0, removed
    assert visitors.attached > 0
    assert len(visitors.named) > 0


def test_the_modules_do_no_harm_while_the_site_is_used(site: Site, ansible: Ansible):
    with busy(site) as visitors:
        results = ansible.results(
            *(
                {module: {**options, **NO_GUARD}}
                for task in cleanups(site)
                for module, options in task.items()
            )
        )
    assert [result.get("msg", "") for result in results] == ["", "", ""]
    assert [result["changed"] for result in results] == [True, True, True]
    assert visitors.harmed() == set()
