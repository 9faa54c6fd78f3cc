# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, Django Media Cleanup contributors

"""Clean, disturb, predict, restore: what was predicted is done, and once the way is free, all comes back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.kept import Code
from engine.quarantine import store as quarantine
from helpers.full_sites import FullSite, cleaned, report_of, settled

pytestmark = [pytest.mark.promise(6), pytest.mark.promise(10)]

ORPHAN = b"photos/left over.jpg"
Undo = Callable[[], object]
# Lets rows go as if there were no foreign keys.
UNCHECKED = {
    "postgresql": "SET session_replication_role = replica; ",
    "mariadb": "SET foreign_key_checks = 0; ",
}


def file_in_the_way(site: FullSite) -> Undo:
    path = site.media / os.fsdecode(ORPHAN)
    path.write_bytes(b"a new upload")

    def undo() -> None:
        assert path.read_bytes() == b"a new upload"
        path.unlink()

    return undo


def row_in_the_way(site: FullSite) -> Undo:
    site.photo(21, "photos/another.jpg", on_disk=False, slug="another")
    # Restored rows reference it by now: it goes as if there were no foreign keys.
    unchecked = UNCHECKED.get(site.database.kind, "")
    return lambda: site.database.run(unchecked + "DELETE FROM photo WHERE id = 21 AND slug = 'another'")


def unique_value_in_the_way(site: FullSite) -> Undo:
    site.photo(99, "photos/another.jpg", on_disk=False, slug="photo-22")
    return lambda: site.database.run("DELETE FROM photo WHERE id = 99")


def parent_gone(site: FullSite) -> Undo:
    site.database.run("DELETE FROM album WHERE id = 2")
    return lambda: site.database.insert("album", [{"id": 2, "title": "winter"}])


def cover_chosen(site: FullSite) -> Undo:
    site.database.run("UPDATE album SET cover_id = 1 WHERE id = 1")
    return lambda: site.database.run("UPDATE album SET cover_id = NULL WHERE cover_id = 1")


def trigger_that_alters(site: FullSite) -> Undo:
    return _trigger(site, "favorite", "UPDATE favorite SET note = 'altered' WHERE id = NEW.id")


def trigger_that_refuses(site: FullSite) -> Undo:
    # A second row with the key that is being inserted.
    return _trigger(
        site, "photo", "INSERT INTO photo SELECT * FROM photo WHERE id = NEW.id AND id IN (12, 22)"
    )


def _trigger(site: FullSite, table: str, statement: str) -> Undo:
    if site.database.kind == "sqlite":
        site.database.run(f"CREATE TRIGGER disturbing_{table} AFTER INSERT ON {table} BEGIN {statement}; END")
        return lambda: site.database.run(f"DROP TRIGGER disturbing_{table}")
    site.database.run(
        f"CREATE FUNCTION disturb_{table}() RETURNS trigger LANGUAGE plpgsql AS "
        f"'BEGIN {statement.replace(chr(39), chr(39) * 2)}; RETURN NULL; END';"
        f"CREATE TRIGGER disturbing_{table} AFTER INSERT ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION disturb_{table}()"
    )
    return lambda: site.database.run(
        f"DROP TRIGGER disturbing_{table} ON {table}; DROP FUNCTION disturb_{table}()"
    )


def folder_exchanged_for_a_file(site: FullSite) -> Undo:
    folder, aside = site.media / "photos/2", site.media.parent / "aside"
    folder.rename(aside)
    folder.write_bytes(b"a file")

    def undo() -> None:
        assert folder.read_bytes() == b"a file"
        folder.unlink()
        aside.rename(folder)

    return undo


def file_damaged(site: FullSite) -> Undo:
    stored = _stored(site, ORPHAN)
    status, content = stored.stat(), stored.read_bytes()
    stored.write_bytes(content[:3])

    def undo() -> None:
        stored.write_bytes(content)
        os.utime(stored, ns=(status.st_atime_ns, status.st_mtime_ns))

    return undo


def _stored(site: FullSite, path: bytes) -> Path:
    for name in site.batches():
        with quarantine.opened(os.fsencode(site.quarantine), name) as batch:
            for file in batch.files():
                if file.path == path:
                    return site.quarantine / name / "files" / file.stored
    raise LookupError(path)


DISTURBANCES: tuple[Callable[[FullSite], Undo], ...] = (
    file_in_the_way,
    row_in_the_way,
    unique_value_in_the_way,
    parent_gone,
    cover_chosen,
    trigger_that_alters,
    trigger_that_refuses,
    folder_exchanged_for_a_file,
    file_damaged,
)


def _restored_as_predicted(site: FullSite) -> list[Any]:
    reports = []
    for name in reversed(site.batches()):
        before = site.state()
        predicted = report_of(site.restore(name, check=True))
        assert site.state() == before
        reports.append(report_of(site.restore(name)))
        assert reports[-1] == predicted
    return reports


def test_what_is_predicted_is_done_and_nothing_is_lost(full_site: FullSite) -> None:
    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(st.sets(st.sampled_from(DISTURBANCES), min_size=1, max_size=4))
    def follow(chosen: set[Callable[[FullSite], Undo]]) -> None:
        cleaned(full_site)
        undos = [disturb(full_site) for disturb in DISTURBANCES if disturb in chosen]
        _restored_as_predicted(full_site)
        for undo in reversed(undos):
            undo()
        full_site.restore_all()
        assert full_site.state() == full_site.start
        assert full_site.batches() == []

    follow()


def test_what_is_predicted_on_mariadb_is_done_and_nothing_is_lost(mariadb: Any, tmp_path: Path) -> None:
    site = settled(FullSite(tmp_path, mariadb))
    for disturbances in (
        (),
        (file_in_the_way, row_in_the_way),
        (unique_value_in_the_way, parent_gone, cover_chosen),
    ):
        cleaned(site)
        undos = [disturb(site) for disturb in disturbances]
        _restored_as_predicted(site)
        for undo in reversed(undos):
            undo()
        site.restore_all()
        assert site.state() == site.start
        assert site.batches() == []


@pytest.mark.parametrize("disturb", DISTURBANCES)
def test_each_disturbance_keeps_something_in_quarantine(
    sqlite_full_site: FullSite, disturb: Callable[[FullSite], Undo]
) -> None:
    cleaned(sqlite_full_site)
    disturb(sqlite_full_site)
    assert any(report.kept for report in _restored_as_predicted(sqlite_full_site))
    assert sqlite_full_site.batches()


def test_a_row_that_a_trigger_alters_is_taken_out_again(full_site: FullSite) -> None:
    cleaned(full_site)
    trigger_that_alters(full_site)
    kept = [item for report in _restored_as_predicted(full_site) for item in report.kept]
    assert {item.code for item in kept} == {Code.ALTERED}
    assert full_site.database.rows("SELECT count(*) FROM favorite WHERE note = 'altered'") == [(0,)]
